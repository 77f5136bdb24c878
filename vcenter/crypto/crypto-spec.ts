import type { CryptoKeyId } from '../../host-agent/client.js';
import type { Vim } from '../../wire/vim25/index.js';
import type { CryptoChange } from '../migration/rule-facts.js';

/** What a CryptoSpec asks for, and with which key; undefined for a NoOp. */
export interface CryptoRequest {
  readonly change: CryptoChange;
  /** The key named; `keyId` may be empty for a new one. Absent for a decryption. */
  readonly key?: CryptoKeyId | undefined;
}

/** Reads a CryptoSpec. CryptoSpecNoOp and CryptoSpecRegister change nothing. */
export function cryptoRequest(spec: Vim<'CryptoSpec'> | undefined): CryptoRequest | undefined {
  switch (spec?._typeName) {
    case 'CryptoSpecEncrypt':
      return { change: 'encrypt', key: spec.cryptoKeyId };
    case 'CryptoSpecDecrypt':
      return { change: 'decrypt' };
    case 'CryptoSpecShallowRecrypt':
      return { change: 'shallowRecrypt', key: spec.newKeyId };
    case 'CryptoSpecDeepRecrypt':
      return { change: 'deepRecrypt', key: spec.newKeyId };
    default:
      return undefined;
  }
}
