/** Managed objects of which a vCenter has one, by their ids, as vCenter names them. */
export const SINGLETONS = {
  ServiceInstance: 'ServiceInstance',
  SessionManager: 'SessionManager',
  propertyCollector: 'PropertyCollector',
  ViewManager: 'ViewManager',
  SearchIndex: 'SearchIndex',
  TaskManager: 'TaskManager',
  EventManager: 'EventManager',
  AuthorizationManager: 'AuthorizationManager',
  CryptoManager: 'CryptoManagerKmip',
  ProvChecker: 'VirtualMachineProvisioningChecker',
  VpxSettings: 'OptionManager',
} as const satisfies Record<string, string>;

/** Id of a singleton. */
export type SingletonId = keyof typeof SINGLETONS;

/** The managed object type of a singleton; undefined for any other id. */
export function singletonType(moid: string): string | undefined {
  return Object.hasOwn(SINGLETONS, moid) ? SINGLETONS[moid as SingletonId] : undefined;
}
