import type { OperationName, TypedOperation } from '../../wire/kmip/index.js';
import { enumerationExistsIn } from '../../wire/kmip/index.js';
import { adjustAttribute } from './adjust-attribute.js';
import { archive, recover } from './archive.js';
import { cancel, poll, processRequest, queryAsynchronousRequests } from './asynchronous.js';
import {
  addAttributeOperation,
  deleteAttributeOperation,
  getAttributeList,
  getAttributes,
  modifyAttributeOperation,
  setAttribute,
} from './attributes.js';
import { check } from './check.js';
import { create } from './create.js';
import { createKeyPair } from './create-key-pair.js';
import { createSplitKey } from './create-split-key.js';
import { decrypt } from './decrypt.js';
import { deriveKey } from './derive-key.js';
import { discoverVersions } from './discover-versions.js';
import { exportOperation } from './export.js';
import { encrypt } from './encrypt.js';
import { get } from './get.js';
import type { OperationHandler } from './handler.js';
import { hash } from './hash.js';
import { importOperation } from './import.js';
import { interop } from './interop.js';
import { joinSplitKey } from './join-split-key.js';
import { obtainLease } from './lease.js';
import { activate, destroy, revoke } from './lifecycle.js';
import { locate } from './locate.js';
import { log, ping } from './log.js';
import { delegatedLogin, login, logout } from './login.js';
import { mac, macVerify } from './mac.js';
import { pkcs11 } from './pkcs11.js';
import { query } from './query.js';
import { register } from './register.js';
import { rekey } from './rekey.js';
import { rekeyKeyPair } from './rekey-key-pair.js';
import { rngRetrieve, rngSeed } from './rng.js';
import { setEndpointRole } from './set-endpoint-role.js';
import { signOperation } from './sign.js';
import { signatureVerify } from './signature-verify.js';
import { getUsageAllocation } from './usage-allocation.js';

/** One operation as the server has it. */
interface OperationRow<O extends TypedOperation> {
  readonly perform: OperationHandler<O>;
  /** Whether it is open to clients that give no credential even where one is required (KMIP 1.4 §4.25). */
  readonly open?: true;
}

/** Every operation that the server performs. Those that need the X.509 library are loaded with their first request. */
export const OPERATIONS: { readonly [O in TypedOperation]?: OperationRow<O> } = {
  Create: { perform: create },
  CreateKeyPair: { perform: createKeyPair },
  Register: { perform: register },
  ReKey: { perform: rekey },
  DeriveKey: { perform: deriveKey },
  Certify: {
    perform: async (payload, scope) => (await import('./certify.js')).certify(payload, scope),
  },
  ReCertify: {
    perform: async (payload, scope) => (await import('./recertify.js')).recertify(payload, scope),
  },
  Locate: { perform: locate },
  Check: { perform: check },
  Get: { perform: get },
  GetAttributes: { perform: getAttributes },
  GetAttributeList: { perform: getAttributeList },
  AddAttribute: { perform: addAttributeOperation },
  AdjustAttribute: { perform: adjustAttribute },
  SetAttribute: { perform: setAttribute },
  ModifyAttribute: { perform: modifyAttributeOperation },
  DeleteAttribute: { perform: deleteAttributeOperation },
  ObtainLease: { perform: obtainLease },
  GetUsageAllocation: { perform: getUsageAllocation },
  Activate: { perform: activate },
  Revoke: { perform: revoke },
  Destroy: { perform: destroy },
  Archive: { perform: archive },
  Recover: { perform: recover },
  Validate: {
    perform: async (payload, scope) => (await import('./validate.js')).validate(payload, scope),
  },
  Query: { perform: query, open: true },
  Cancel: { perform: cancel },
  Poll: { perform: poll },
  DiscoverVersions: { perform: discoverVersions, open: true },
  ReKeyKeyPair: { perform: rekeyKeyPair },
  Encrypt: { perform: encrypt },
  Decrypt: { perform: decrypt },
  Sign: { perform: signOperation },
  SignatureVerify: { perform: signatureVerify },
  MAC: { perform: mac },
  MACVerify: { perform: macVerify },
  RNGRetrieve: { perform: rngRetrieve },
  RNGSeed: { perform: rngSeed },
  Hash: { perform: hash },
  CreateSplitKey: { perform: createSplitKey },
  JoinSplitKey: { perform: joinSplitKey },
  Import: { perform: importOperation },
  Export: { perform: exportOperation },
  Log: { perform: log },
  Login: { perform: login },
  Logout: { perform: logout },
  DelegatedLogin: { perform: delegatedLogin },
  SetEndpointRole: { perform: setEndpointRole },
  PKCS_11: { perform: pkcs11 },
  Interop: { perform: interop },
  QueryAsynchronousRequests: { perform: queryAsynchronousRequests },
  Process: { perform: processRequest },
  Ping: { perform: ping, open: true },
};

/** The operations that exist in the version of this rank and are performed, in the order of their numbers. */
export function supportedOperations(rank: number): OperationName[] {
  return (Object.keys(OPERATIONS) as TypedOperation[]).filter((name) =>
    enumerationExistsIn('Operation', name, rank),
  );
}
