import type { ObjectRow } from '../type-expression.js';

/** Crypto managers of a vCenter and of a host. Source: vSphere Web Services API. */
export const CRYPTO_OBJECTS = {
  CryptoManager: {
    extends: 'ManagedObject',
    properties: { enabled: 'boolean' },
    methods: {
      AddKey: { params: { key: 'CryptoKeyPlain' }, result: 'void', privilege: 'Cryptographer.ManageKeys' },
      AddKeys: {
        params: { keys: 'CryptoKeyPlain[]?' },
        result: 'CryptoKeyResult[]?',
        privilege: 'Cryptographer.ManageKeys',
      },
      RemoveKey: {
        params: { key: 'CryptoKeyId', force: 'boolean' },
        result: 'void',
        privilege: 'Cryptographer.ManageKeys',
      },
      RemoveKeys: {
        params: { keys: 'CryptoKeyId[]?', force: 'boolean' },
        result: 'CryptoKeyResult[]?',
        privilege: 'Cryptographer.ManageKeys',
      },
      ListKeys: {
        params: { limit: 'int?' },
        result: 'CryptoKeyId[]?',
        privilege: 'Cryptographer.ManageKeys',
      },
    },
  },
  CryptoManagerKmip: {
    extends: 'CryptoManager',
    properties: { kmipServers: 'KmipClusterInfo[]?' },
    methods: {
      RegisterKmipServer: {
        params: { server: 'KmipServerSpec' },
        result: 'void',
        privilege: 'Cryptographer.ManageKeyServers',
      },
      MarkDefault: {
        params: { clusterId: 'KeyProviderId' },
        result: 'void',
        privilege: 'Cryptographer.ManageKeyServers',
      },
      UpdateKmipServer: {
        params: { server: 'KmipServerSpec' },
        result: 'void',
        privilege: 'Cryptographer.ManageKeyServers',
      },
      RemoveKmipServer: {
        params: { clusterId: 'KeyProviderId', serverName: 'string' },
        result: 'void',
        privilege: 'Cryptographer.ManageKeyServers',
      },
      ListKmipServers: {
        params: { limit: 'int?' },
        result: 'KmipClusterInfo[]?',
        privilege: 'Cryptographer.ManageKeyServers',
      },
      RetrieveKmipServersStatus_Task: {
        params: { clusters: 'KmipClusterInfo[]?' },
        result: '&Task?',
        privilege: 'Cryptographer.ManageKeyServers',
      },
      GenerateKey: {
        params: {
          keyProvider: 'KeyProviderId?',
          spec: 'CryptoManagerKmipCustomAttributeSpec?',
          keySpec: 'CryptoManagerKmipGenerateKeySpec?',
        },
        result: 'CryptoKeyResult',
        privilege: 'Cryptographer.ManageKeys',
      },
      RetrieveKmipServerCert: {
        params: { keyProvider: 'KeyProviderId', server: 'KmipServerInfo' },
        result: 'CryptoManagerKmipServerCertInfo',
        privilege: 'Cryptographer.ManageKeyServers',
      },
      UploadKmipServerCert: {
        params: { cluster: 'KeyProviderId', certificate: 'string' },
        result: 'void',
        privilege: 'Cryptographer.ManageKeyServers',
      },
      GenerateSelfSignedClientCert: {
        params: { cluster: 'KeyProviderId', request: 'CryptoManagerKmipCertSignRequest?' },
        result: 'string',
        privilege: 'Cryptographer.ManageKeyServers',
      },
      GenerateClientCsr: {
        params: { cluster: 'KeyProviderId', request: 'CryptoManagerKmipCertSignRequest?' },
        result: 'string',
        privilege: 'Cryptographer.ManageKeyServers',
      },
      RetrieveSelfSignedClientCert: {
        params: { cluster: 'KeyProviderId' },
        result: 'string',
        privilege: 'Cryptographer.ManageKeyServers',
      },
      RetrieveClientCsr: {
        params: { cluster: 'KeyProviderId' },
        result: 'string',
        privilege: 'Cryptographer.ManageKeyServers',
      },
      RetrieveClientCert: {
        params: { cluster: 'KeyProviderId' },
        result: 'string',
        privilege: 'Cryptographer.ManageKeyServers',
      },
      UpdateSelfSignedClientCert: {
        params: { cluster: 'KeyProviderId', certificate: 'string' },
        result: 'void',
        privilege: 'Cryptographer.ManageKeyServers',
      },
      UpdateKmsSignedCsrClientCert: {
        params: { cluster: 'KeyProviderId', certificate: 'string' },
        result: 'void',
        privilege: 'Cryptographer.ManageKeyServers',
      },
      UploadClientCert: {
        params: { cluster: 'KeyProviderId', certificate: 'string', privateKey: 'string secret' },
        result: 'void',
        privilege: 'Cryptographer.ManageKeyServers',
      },
      IsKmsClusterActive: {
        params: { cluster: 'KeyProviderId?' },
        result: 'boolean',
        privilege: 'Cryptographer.ManageKeyServers',
      },
      SetDefaultKmsCluster: {
        params: { entity: '&ManagedEntity?', clusterId: 'KeyProviderId?' },
        result: 'void',
        privilege: 'Cryptographer.ManageKeyServers',
      },
      GetDefaultKmsCluster: {
        params: { entity: '&ManagedEntity?', defaultsToParent: 'boolean?' },
        result: 'KeyProviderId?',
        privilege: 'Cryptographer.ManageKeyServers',
      },
      QueryCryptoKeyStatus: {
        params: { keyIds: 'CryptoKeyId[]?', checkKeyBitMap: 'int' },
        result: 'CryptoManagerKmipCryptoKeyStatus[]?',
        privilege: 'Cryptographer.ManageKeys',
      },
      RegisterKmsCluster: {
        params: { clusterId: 'KeyProviderId', managementType: 'string?' },
        result: 'void',
        privilege: 'Cryptographer.ManageKeyServers',
      },
      UnregisterKmsCluster: {
        params: { clusterId: 'KeyProviderId' },
        result: 'void',
        privilege: 'Cryptographer.ManageKeyServers',
      },
      ListKmsClusters: {
        params: { includeKmsServers: 'boolean?', managementTypeFilter: 'int?', statusFilter: 'int?' },
        result: 'KmipClusterInfo[]?',
        privilege: 'Cryptographer.ManageKeyServers',
      },
      SetKeyCustomAttributes: {
        params: { keyId: 'CryptoKeyId', spec: 'CryptoManagerKmipCustomAttributeSpec' },
        result: 'CryptoKeyResult',
        privilege: 'Cryptographer.ManageKeys',
      },
    },
  },
  CryptoManagerHost: {
    extends: 'CryptoManager',
    properties: {},
    methods: {
      CryptoManagerHostPrepare: { params: {}, result: 'void', privilege: 'Cryptographer.RegisterHost' },
      CryptoManagerHostEnable: {
        params: { initialKey: 'CryptoKeyPlain' },
        result: 'void',
        privilege: 'Cryptographer.RegisterHost',
      },
      ChangeKey_Task: {
        params: { newKey: 'CryptoKeyPlain' },
        result: '&Task',
        privilege: 'Cryptographer.RegisterHost',
      },
      CryptoManagerHostDisable: { params: {}, result: 'void', privilege: 'Cryptographer.RegisterHost' },
      GetCryptoKeyStatus: {
        params: { keys: 'CryptoKeyId[]?' },
        result: 'CryptoManagerHostKeyStatus[]?',
        privilege: 'Cryptographer.ManageKeys',
      },
    },
  },
  CryptoManagerHostKMS: { extends: 'CryptoManagerHost', properties: {}, methods: {} },
} as const satisfies Record<string, ObjectRow>;
