import type { MethodHandlers, VimObject } from '../../wire/vim25/index.js';
import { referenceTo } from '../inventory/entities.js';
import { ROOT_FOLDER } from '../inventory/inventory.js';
import type { Vcenter } from '../vcenter.js';
import type { Caller } from './caller.js';
import type { PropertyReaders } from './property-table.js';
import type { SingletonId } from './singletons.js';
import { SINGLETONS } from './singletons.js';

/** ServiceInstance: the first object of every client. */
export const SERVICE_INSTANCE_METHODS: MethodHandlers<Caller, 'ServiceInstance'> = {
  CurrentTime: ({ vcenter }) => new Date(vcenter.context.clock.now()),
  RetrieveServiceContent: ({ vcenter }) => serviceContent(vcenter),
};

/** Properties of ServiceInstance. */
export const SERVICE_INSTANCE_PROPERTIES: PropertyReaders<'ServiceInstance'> = {
  serverClock: ({ vcenter }) => new Date(vcenter.context.clock.now()),
  content: ({ vcenter }) => serviceContent(vcenter),
};

/** `AboutInfo` of this vCenter. */
export function aboutInfo(vcenter: Vcenter): VimObject<'AboutInfo'> {
  const { version, build } = vcenter.config;
  return {
    _typeName: 'AboutInfo',
    name: 'VMware vCenter Server',
    fullName: `VMware vCenter Server ${version} build-${build} (kpsim)`,
    vendor: 'VMware, Inc.',
    version,
    build,
    localeVersion: 'INTL',
    localeBuild: '000',
    osType: 'linux-x64',
    productLineId: 'vpx',
    apiType: 'VirtualCenter',
    apiVersion: apiVersionOf(version),
    instanceUuid: vcenter.instanceUuid,
    licenseProductName: 'VMware VirtualCenter Server',
    licenseProductVersion: version.split('.')[0] ?? version,
  };
}

function serviceContent(vcenter: Vcenter): VimObject<'ServiceContent'> {
  const singleton = (id: SingletonId): VimObject<'ManagedObjectReference'> => referenceTo(SINGLETONS[id], id);
  return {
    _typeName: 'ServiceContent',
    rootFolder: referenceTo('Folder', ROOT_FOLDER),
    propertyCollector: singleton('propertyCollector'),
    viewManager: singleton('ViewManager'),
    about: aboutInfo(vcenter),
    setting: singleton('VpxSettings'),
    sessionManager: singleton('SessionManager'),
    authorizationManager: singleton('AuthorizationManager'),
    eventManager: singleton('EventManager'),
    taskManager: singleton('TaskManager'),
    searchIndex: singleton('SearchIndex'),
    vmProvisioningChecker: singleton('ProvChecker'),
    cryptoManager: singleton('CryptoManager'),
  };
}

/** vSphere writes the API version with four parts: `8.0.3.0`. */
function apiVersionOf(version: string): string {
  return [...version.split('.'), '0', '0', '0'].slice(0, 4).join('.');
}
