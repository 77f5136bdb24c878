import type { CallerAddress, ManagedObjectReference, VimBackend, VimCall } from '../../wire/vim25/index.js';
import { MethodTable, VimFault, isObjectType, maskedArguments, toVimFault } from '../../wire/vim25/index.js';
import type { Vcenter } from '../vcenter.js';
import { AUTHORIZATION_MANAGER_METHODS, AUTHORIZATION_MANAGER_PROPERTIES } from './authorization-manager.js';
import { hostsBehind } from '../hosts/hosts-behind.js';
import type { Caller } from './caller.js';
import { demand, sessionOf } from './caller.js';
import { CLUSTER_METHODS, CLUSTER_PROPERTIES, COMPUTE_RESOURCE_PROPERTIES } from './compute-resource.js';
import { CRYPTO_MANAGER_METHODS, CRYPTO_MANAGER_PROPERTIES } from './crypto-manager-kmip.js';
import { DATACENTER_PROPERTIES } from './datacenter.js';
import { DATASTORE_METHODS, DATASTORE_PROPERTIES } from './datastore.js';
import { EVENT_MANAGER_METHODS, EVENT_MANAGER_PROPERTIES } from './event-manager.js';
import { FOLDER_METHODS, FOLDER_PROPERTIES } from './folder.js';
import { HOST_SYSTEM_METHODS, HOST_SYSTEM_PROPERTIES } from './host-system.js';
import { MANAGED_ENTITY_METHODS, MANAGED_ENTITY_PROPERTIES } from './managed-entity.js';
import { OPTION_MANAGER_PROPERTIES } from './option-manager.js';
import {
  PROPERTY_COLLECTOR_METHODS,
  PROPERTY_COLLECTOR_PROPERTIES,
  PROPERTY_FILTER_METHODS,
  PROPERTY_FILTER_PROPERTIES,
} from './property-collector.js';
import { PropertyTable } from './property-table.js';
import { PROVISIONING_CHECKER_METHODS } from './provisioning-checker.js';
import { RESOURCE_POOL_METHODS, RESOURCE_POOL_PROPERTIES } from './resource-pool.js';
import { SEARCH_INDEX_METHODS } from './search-index.js';
import { SERVICE_INSTANCE_METHODS, SERVICE_INSTANCE_PROPERTIES } from './service-instance.js';
import { SESSION_MANAGER_METHODS, SESSION_MANAGER_PROPERTIES } from './session-manager.js';
import { singletonType } from './singletons.js';
import { TASK_MANAGER_PROPERTIES, TASK_METHODS, TASK_PROPERTIES } from './task.js';
import {
  CONTAINER_VIEW_PROPERTIES,
  LIST_VIEW_METHODS,
  MANAGED_OBJECT_VIEW_PROPERTIES,
  VIEW_MANAGER_METHODS,
  VIEW_METHODS,
} from './views.js';
import { VIRTUAL_MACHINE_METHODS, VIRTUAL_MACHINE_PROPERTIES } from './virtual-machine.js';

/** Methods that are answered, by managed object type; privileges are in the tables of `wire/vim25`. */
export const METHODS = new MethodTable<Caller>()
  .add('ServiceInstance', SERVICE_INSTANCE_METHODS)
  .add('SessionManager', SESSION_MANAGER_METHODS)
  .add('PropertyCollector', PROPERTY_COLLECTOR_METHODS)
  .add('PropertyFilter', PROPERTY_FILTER_METHODS)
  .add('Task', TASK_METHODS)
  .add('EventManager', EVENT_MANAGER_METHODS)
  .add('AuthorizationManager', AUTHORIZATION_MANAGER_METHODS)
  .add('SearchIndex', SEARCH_INDEX_METHODS)
  .add('ViewManager', VIEW_MANAGER_METHODS)
  .add('View', VIEW_METHODS)
  .add('ListView', LIST_VIEW_METHODS)
  .add('ManagedEntity', MANAGED_ENTITY_METHODS)
  .add('Folder', FOLDER_METHODS)
  .add('ClusterComputeResource', CLUSTER_METHODS)
  .add('HostSystem', HOST_SYSTEM_METHODS)
  .add('Datastore', DATASTORE_METHODS)
  .add('ResourcePool', RESOURCE_POOL_METHODS)
  .add('VirtualMachine', VIRTUAL_MACHINE_METHODS)
  .add('VirtualMachineProvisioningChecker', PROVISIONING_CHECKER_METHODS)
  .add('CryptoManagerKmip', CRYPTO_MANAGER_METHODS);

/** Properties that can be told, by managed object type. */
export const PROPERTIES = new PropertyTable()
  .add('ServiceInstance', SERVICE_INSTANCE_PROPERTIES)
  .add('SessionManager', SESSION_MANAGER_PROPERTIES)
  .add('PropertyCollector', PROPERTY_COLLECTOR_PROPERTIES)
  .add('PropertyFilter', PROPERTY_FILTER_PROPERTIES)
  .add('Task', TASK_PROPERTIES)
  .add('TaskManager', TASK_MANAGER_PROPERTIES)
  .add('EventManager', EVENT_MANAGER_PROPERTIES)
  .add('AuthorizationManager', AUTHORIZATION_MANAGER_PROPERTIES)
  .add('OptionManager', OPTION_MANAGER_PROPERTIES)
  .add('ManagedObjectView', MANAGED_OBJECT_VIEW_PROPERTIES)
  .add('ContainerView', CONTAINER_VIEW_PROPERTIES)
  .add('ManagedEntity', MANAGED_ENTITY_PROPERTIES)
  .add('Folder', FOLDER_PROPERTIES)
  .add('Datacenter', DATACENTER_PROPERTIES)
  .add('ComputeResource', COMPUTE_RESOURCE_PROPERTIES)
  .add('ClusterComputeResource', CLUSTER_PROPERTIES)
  .add('HostSystem', HOST_SYSTEM_PROPERTIES)
  .add('Datastore', DATASTORE_PROPERTIES)
  .add('ResourcePool', RESOURCE_POOL_PROPERTIES)
  .add('VirtualMachine', VIRTUAL_MACHINE_PROPERTIES)
  .add('CryptoManagerKmip', CRYPTO_MANAGER_PROPERTIES);

const ANONYMOUS = 'System.Anonymous';

/** Reads one property of an object, checking that it is there and that the caller may see it. @throws VimFault */
export async function readProperty(
  caller: Caller,
  self: ManagedObjectReference,
  name: string,
): Promise<unknown> {
  requireExisting(caller, self);
  const entity = caller.vcenter.inventory.get(self.value);
  if (entity) demand(caller, self, name === 'name' || name === 'parent' ? 'System.View' : 'System.Read');
  return await PROPERTIES.find(self.type, name)?.(caller, self);
}

/** Whether a managed object is there for this caller. */
export function exists(caller: Caller, { type, value }: ManagedObjectReference): boolean {
  const { vcenter, session } = caller;
  const entity = vcenter.inventory.get(value);
  if (entity) return isObjectType(entity.type, type);
  const singleton = singletonType(value);
  if (singleton !== undefined) return isObjectType(singleton, type);
  if (type === 'Task') return vcenter.tasks.has(value);
  if (!session) return false;
  if (type === 'PropertyCollector' || type === 'PropertyFilter')
    return vcenter.collectors.has(session.key, value);
  const view = vcenter.views.get(session.key, value);
  return view !== undefined && isObjectType(view.kind, type);
}

/** The vCenter as every dialect of the vSphere Web Services API sees it. */
export function vimBackend(vcenter: Vcenter): VimBackend<Caller> {
  const { faults, journal, log } = vcenter.context;
  return {
    methods: METHODS,
    caller: (address) => callerOf(vcenter, address),
    isAuthenticated: ({ session }) => session !== undefined,
    sessionId: ({ sessionId }) => sessionId,
    authorize(call, privilege) {
      requireExisting(call.caller, call.self);
      if (privilege !== null && privilege !== ANONYMOUS) demand(call.caller, call.self, privilege);
    },
    async property(caller, self, name) {
      await vcenter.hosts.refreshStale(hostsBehind(vcenter.inventory, [self]));
      return await readProperty(caller, self, name);
    },
    async around(call, next) {
      const operation = `${call.self.type}.${call.member}`;
      const client = call.caller.session?.principal.name;
      const action = faults.match({
        service: vcenter.config.name,
        operation,
        client,
        object: call.self.value,
      });
      if (action?.kind === 'delay') await pause(action.delayMs);
      if (action?.kind === 'drop' && action.when === 'before') return await never();
      const timer = vcenter.metrics.duration.startTimer({ operation });
      try {
        if (action?.kind === 'error') throw injected(action.reason);
        const result = await next();
        if (action?.kind === 'drop') return await never();
        journal.record({ operation, client, outcome: 'success', details: detailsOf(call) });
        return result;
      } catch (error) {
        const fault = toVimFault(error);
        journal.record({ operation, client, outcome: fault.fault, details: detailsOf(call) });
        log.debug({ operation, fault: fault.fault }, fault.message);
        throw error;
      } finally {
        timer();
      }
    },
  };
}

function callerOf(vcenter: Vcenter, { sessionId, ipAddress, userAgent }: CallerAddress): Caller {
  const session = sessionId === undefined ? undefined : vcenter.sessions.use(sessionId);
  return { vcenter, ipAddress, userAgent, session, sessionId: session && sessionId };
}

function requireExisting(caller: Caller, self: ManagedObjectReference): void {
  if (exists(caller, self)) return;
  if (!caller.session && self.type !== 'ServiceInstance') sessionOf(caller);
  throw new VimFault(
    'ManagedObjectNotFound',
    `The object ${self.type}:${self.value} has been removed, was never there, or is of another type.`,
    { fields: { obj: self } },
  );
}

function detailsOf<C>({ self, method, args }: VimCall<C>): Record<string, unknown> {
  return { self: self.value, ...(method && { arguments: maskedArguments(method, args) }) };
}

/** A fault injected by name; one that the tables do not have is told as SystemError. */
function injected(reason: string): VimFault {
  const text = `Injected fault: ${reason}`;
  return new VimFault('SystemError', text, { fields: { reason } });
}

/** An answer that does not come; the client's patience ends the request. */
function never(): Promise<never> {
  return new Promise(() => undefined);
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}
