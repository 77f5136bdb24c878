import type { ObjectRow } from '../type-expression.js';

/** Managed objects that serve the whole vCenter: sessions, properties, tasks, events, views. Source: vSphere Web Services API. */
export const SERVICE_OBJECTS = {
  ManagedObject: { extends: null, properties: {}, methods: {} },
  ServiceInstance: {
    extends: 'ManagedObject',
    properties: { serverClock: 'dateTime', content: 'ServiceContent' },
    methods: {
      CurrentTime: { params: {}, result: 'dateTime', privilege: 'System.View' },
      RetrieveServiceContent: { params: {}, result: 'ServiceContent', privilege: 'System.Anonymous' },
      QueryVMotionCompatibility: {
        params: { vm: '&VirtualMachine', host: '&HostSystem[]', compatibility: 'string[]?' },
        result: 'HostVMotionCompatibility[]?',
        privilege: 'Resource.QueryVMotion',
      },
    },
  },
  SessionManager: {
    extends: 'ManagedObject',
    properties: {
      sessionList: 'UserSession[]?',
      currentSession: 'UserSession?',
      message: 'string?',
      messageLocaleList: 'string[]?',
      supportedLocaleList: 'string[]?',
      defaultLocale: 'string',
    },
    methods: {
      UpdateServiceMessage: {
        params: { message: 'string' },
        result: 'void',
        privilege: 'Sessions.GlobalMessage',
      },
      Login: {
        params: { userName: 'string', password: 'string secret', locale: 'string?' },
        result: 'UserSession',
        privilege: 'System.Anonymous',
      },
      Logout: { params: {}, result: 'void', privilege: 'System.View' },
      TerminateSession: {
        params: { sessionId: 'string[]' },
        result: 'void',
        privilege: 'Sessions.TerminateSession',
      },
      SetLocale: { params: { locale: 'string' }, result: 'void', privilege: 'System.View' },
      SessionIsActive: {
        params: { sessionID: 'string', userName: 'string' },
        result: 'boolean',
        privilege: 'Sessions.ValidateSession',
      },
    },
  },
  PropertyCollector: {
    extends: 'ManagedObject',
    properties: { filter: '&PropertyFilter[]?' },
    methods: {
      CreateFilter: {
        params: { spec: 'PropertyFilterSpec', partialUpdates: 'boolean' },
        result: '&PropertyFilter',
        privilege: 'System.View',
      },
      RetrieveProperties: {
        params: { specSet: 'PropertyFilterSpec[]' },
        result: 'ObjectContent[]?',
        privilege: 'System.Anonymous',
      },
      CheckForUpdates: { params: { version: 'string?' }, result: 'UpdateSet?', privilege: 'System.View' },
      WaitForUpdates: { params: { version: 'string?' }, result: 'UpdateSet', privilege: 'System.View' },
      CancelWaitForUpdates: { params: {}, result: 'void', privilege: 'System.View' },
      WaitForUpdatesEx: {
        params: { version: 'string?', options: 'WaitOptions?' },
        result: 'UpdateSet?',
        privilege: 'System.View',
      },
      RetrievePropertiesEx: {
        params: { specSet: 'PropertyFilterSpec[]', options: 'RetrieveOptions' },
        result: 'RetrieveResult?',
        privilege: 'System.Anonymous',
      },
      ContinueRetrievePropertiesEx: {
        params: { token: 'string' },
        result: 'RetrieveResult',
        privilege: 'System.View',
      },
      CancelRetrievePropertiesEx: { params: { token: 'string' }, result: 'void', privilege: 'System.View' },
      CreatePropertyCollector: { params: {}, result: '&PropertyCollector', privilege: 'System.View' },
      DestroyPropertyCollector: { params: {}, result: 'void', privilege: 'System.View' },
    },
  },
  PropertyFilter: {
    extends: 'ManagedObject',
    properties: { spec: 'PropertyFilterSpec', partialUpdates: 'boolean' },
    methods: {
      DestroyPropertyFilter: { params: {}, result: 'void', privilege: null },
    },
  },
  Task: {
    extends: 'ExtensibleManagedObject',
    properties: { info: 'TaskInfo' },
    methods: {
      CancelTask: { params: {}, result: 'void', privilege: null },
      UpdateProgress: { params: { percentDone: 'int' }, result: 'void', privilege: 'Task.Update' },
      SetTaskState: {
        params: { state: 'TaskInfoState', result: 'anyType?', fault: 'LocalizedMethodFault?' },
        result: 'void',
        privilege: 'Task.Update',
      },
      SetTaskDescription: {
        params: { description: 'LocalizableMessage' },
        result: 'void',
        privilege: 'Task.Update',
      },
    },
  },
  TaskManager: {
    extends: 'ManagedObject',
    properties: { recentTask: '&Task[]?', maxCollector: 'int' },
    methods: {
      CreateCollectorForTasks: {
        params: { filter: 'TaskFilterSpec' },
        result: '&TaskHistoryCollector',
        privilege: 'System.View',
      },
    },
  },
  EventManager: {
    extends: 'ManagedObject',
    properties: { latestEvent: 'Event?', maxCollector: 'int' },
    methods: {
      CreateCollectorForEvents: {
        params: { filter: 'EventFilterSpec' },
        result: '&EventHistoryCollector',
        privilege: 'System.View',
      },
      LogUserEvent: { params: { entity: '&ManagedEntity', msg: 'string' }, result: 'void', privilege: null },
      QueryEvents: { params: { filter: 'EventFilterSpec' }, result: 'Event[]?', privilege: 'System.View' },
      PostEvent: {
        params: { eventToPost: 'Event', taskInfo: 'TaskInfo?' },
        result: 'void',
        privilege: 'Global.LogEvent',
      },
    },
  },
  HistoryCollector: {
    extends: 'ManagedObject',
    properties: { filter: 'anyType' },
    methods: {
      SetCollectorPageSize: { params: { maxCount: 'int' }, result: 'void', privilege: null },
      RewindCollector: { params: {}, result: 'void', privilege: null },
      ResetCollector: { params: {}, result: 'void', privilege: null },
      DestroyCollector: { params: {}, result: 'void', privilege: null },
    },
  },
  TaskHistoryCollector: {
    extends: 'HistoryCollector',
    properties: { latestPage: 'TaskInfo[]?' },
    methods: {
      ReadNextTasks: { params: { maxCount: 'int' }, result: 'TaskInfo[]?', privilege: null },
      ReadPreviousTasks: { params: { maxCount: 'int' }, result: 'TaskInfo[]?', privilege: null },
    },
  },
  EventHistoryCollector: {
    extends: 'HistoryCollector',
    properties: { latestPage: 'Event[]?', initialized: 'boolean?' },
    methods: {
      ReadNextEvents: { params: { maxCount: 'int' }, result: 'Event[]?', privilege: null },
      ReadPreviousEvents: { params: { maxCount: 'int' }, result: 'Event[]?', privilege: null },
    },
  },
  AuthorizationManager: {
    extends: 'ManagedObject',
    properties: {
      privilegeList: 'AuthorizationPrivilege[]?',
      roleList: 'AuthorizationRole[]?',
      description: 'AuthorizationDescription',
    },
    methods: {
      AddAuthorizationRole: {
        params: { name: 'string', privIds: 'string[]?' },
        result: 'int',
        privilege: 'Authorization.ModifyRoles',
      },
      RemoveAuthorizationRole: {
        params: { roleId: 'int', failIfUsed: 'boolean' },
        result: 'void',
        privilege: 'Authorization.ModifyRoles',
      },
      UpdateAuthorizationRole: {
        params: { roleId: 'int', newName: 'string', privIds: 'string[]?' },
        result: 'void',
        privilege: 'Authorization.ModifyRoles',
      },
      MergePermissions: {
        params: { srcRoleId: 'int', dstRoleId: 'int' },
        result: 'void',
        privilege: 'Authorization.ReassignRolePermissions',
      },
      RetrieveRolePermissions: {
        params: { roleId: 'int' },
        result: 'Permission[]?',
        privilege: 'System.View',
      },
      RetrieveEntityPermissions: {
        params: { entity: '&ManagedEntity', inherited: 'boolean' },
        result: 'Permission[]?',
        privilege: null,
      },
      RetrieveAllPermissions: { params: {}, result: 'Permission[]?', privilege: 'System.View' },
      SetEntityPermissions: {
        params: { entity: '&ManagedEntity', permission: 'Permission[]?' },
        result: 'void',
        privilege: null,
      },
      ResetEntityPermissions: {
        params: { entity: '&ManagedEntity', permission: 'Permission[]?' },
        result: 'void',
        privilege: null,
      },
      RemoveEntityPermission: {
        params: { entity: '&ManagedEntity', user: 'string', isGroup: 'boolean' },
        result: 'void',
        privilege: null,
      },
      HasPrivilegeOnEntity: {
        params: { entity: '&ManagedEntity', sessionId: 'string', privId: 'string[]?' },
        result: 'boolean[]?',
        privilege: 'System.View',
      },
      HasPrivilegeOnEntities: {
        params: { entity: '&ManagedEntity[]', sessionId: 'string', privId: 'string[]?' },
        result: 'EntityPrivilege[]?',
        privilege: 'System.View',
      },
      HasUserPrivilegeOnEntities: {
        params: { entities: '&ManagedObject[]', userName: 'string', privId: 'string[]?' },
        result: 'EntityPrivilege[]?',
        privilege: null,
      },
      FetchUserPrivilegeOnEntities: {
        params: { entities: '&ManagedEntity[]', userName: 'string' },
        result: 'UserPrivilegeResult[]?',
        privilege: null,
      },
    },
  },
  OptionManager: {
    extends: 'ManagedObject',
    properties: { setting: 'OptionValue[]?' },
    methods: {
      QueryOptions: { params: { name: 'string?' }, result: 'OptionValue[]?', privilege: 'System.View' },
      UpdateOptions: { params: { changedValue: 'OptionValue[]' }, result: 'void', privilege: null },
    },
  },
  SearchIndex: {
    extends: 'ManagedObject',
    properties: {},
    methods: {
      FindByUuid: {
        params: { datacenter: '&Datacenter?', uuid: 'string', vmSearch: 'boolean', instanceUuid: 'boolean?' },
        result: '&ManagedEntity?',
        privilege: 'System.View',
      },
      FindByDatastorePath: {
        params: { datacenter: '&Datacenter', path: 'string' },
        result: '&VirtualMachine?',
        privilege: 'System.View',
      },
      FindByDnsName: {
        params: { datacenter: '&Datacenter?', dnsName: 'string', vmSearch: 'boolean' },
        result: '&ManagedEntity?',
        privilege: 'System.View',
      },
      FindByIp: {
        params: { datacenter: '&Datacenter?', ip: 'string', vmSearch: 'boolean' },
        result: '&ManagedEntity?',
        privilege: 'System.View',
      },
      FindByInventoryPath: {
        params: { inventoryPath: 'string' },
        result: '&ManagedEntity?',
        privilege: 'System.View',
      },
      FindChild: {
        params: { entity: '&ManagedEntity', name: 'string' },
        result: '&ManagedEntity?',
        privilege: 'System.View',
      },
      FindAllByUuid: {
        params: { datacenter: '&Datacenter?', uuid: 'string', vmSearch: 'boolean', instanceUuid: 'boolean?' },
        result: '&ManagedEntity[]',
        privilege: 'System.View',
      },
      FindAllByDnsName: {
        params: { datacenter: '&Datacenter?', dnsName: 'string', vmSearch: 'boolean' },
        result: '&ManagedEntity[]',
        privilege: 'System.View',
      },
      FindAllByIp: {
        params: { datacenter: '&Datacenter?', ip: 'string', vmSearch: 'boolean' },
        result: '&ManagedEntity[]',
        privilege: 'System.View',
      },
    },
  },
  View: {
    extends: 'ManagedObject',
    properties: {},
    methods: {
      DestroyView: { params: {}, result: 'void', privilege: 'System.View' },
    },
  },
  ManagedObjectView: { extends: 'View', properties: { view: '&ManagedObject[]?' }, methods: {} },
  ContainerView: {
    extends: 'ManagedObjectView',
    properties: { container: '&ManagedEntity', type: 'string[]?', recursive: 'boolean' },
    methods: {},
  },
  ListView: {
    extends: 'ManagedObjectView',
    properties: {},
    methods: {
      ModifyListView: {
        params: { add: '&ManagedObject[]?', remove: '&ManagedObject[]?' },
        result: '&ManagedObject[]?',
        privilege: null,
      },
      ResetListView: { params: { obj: '&ManagedObject[]?' }, result: '&ManagedObject[]?', privilege: null },
    },
  },
  ViewManager: {
    extends: 'ManagedObject',
    properties: { viewList: '&View[]?' },
    methods: {
      CreateContainerView: {
        params: { container: '&ManagedEntity', type: 'string[]?', recursive: 'boolean' },
        result: '&ContainerView',
        privilege: 'System.View',
      },
      CreateListView: { params: { obj: '&ManagedObject[]?' }, result: '&ListView', privilege: 'System.View' },
    },
  },
} as const satisfies Record<string, ObjectRow>;
