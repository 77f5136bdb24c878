import type { TypeRow } from '../type-expression.js';

/** What a client reads first: service content, product description, sessions. Source: vSphere Web Services API. */
export const SERVICE_TYPES = {
  ServiceContent: {
    extends: 'DynamicData',
    fields: {
      rootFolder: '&Folder',
      propertyCollector: '&PropertyCollector',
      viewManager: '&ViewManager?',
      about: 'AboutInfo',
      setting: '&OptionManager?',
      sessionManager: '&SessionManager?',
      authorizationManager: '&AuthorizationManager?',
      eventManager: '&EventManager?',
      taskManager: '&TaskManager?',
      searchIndex: '&SearchIndex?',
      vmProvisioningChecker: '&VirtualMachineProvisioningChecker?',
      vmCompatibilityChecker: '&VirtualMachineCompatibilityChecker?',
      cryptoManager: '&CryptoManager?',
    },
  },
  AboutInfo: {
    extends: 'DynamicData',
    fields: {
      name: 'string',
      fullName: 'string',
      vendor: 'string',
      version: 'string',
      patchLevel: 'string?',
      build: 'string',
      localeVersion: 'string?',
      localeBuild: 'string?',
      osType: 'string',
      productLineId: 'string',
      apiType: 'string',
      apiVersion: 'string',
      instanceUuid: 'string?',
      licenseProductName: 'string?',
      licenseProductVersion: 'string?',
    },
  },
  UserSession: {
    extends: 'DynamicData',
    fields: {
      key: 'string',
      userName: 'string',
      fullName: 'string',
      loginTime: 'dateTime',
      lastActiveTime: 'dateTime',
      locale: 'string',
      messageLocale: 'string',
      extensionSession: 'boolean',
      ipAddress: 'string',
      userAgent: 'string',
      callCount: 'long',
    },
  },
  SessionManagerLocalTicket: {
    extends: 'DynamicData',
    fields: { userName: 'string', passwordFilePath: 'string' },
  },
  SessionManagerGenericServiceTicket: {
    extends: 'DynamicData',
    fields: {
      id: 'string secret',
      hostName: 'string?',
      sslThumbprint: 'string?',
      sslCertificate: 'string?',
      ticketType: 'string?',
    },
  },
} as const satisfies Record<string, TypeRow>;
