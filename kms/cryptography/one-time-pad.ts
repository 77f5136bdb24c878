import { KmipError } from '../../wire/kmip/index.js';
import { Refusal } from '../refusals.js';
import type { CipherFamily, CipherKey, EncryptionOptions } from './cipher-family.js';
import type { Transform } from './transform.js';

/** Longest position in a pad, in bytes of IV/Counter/Nonce. */
const POSITION_BYTES = 6;

/**
 * One-Time Pad: exclusive or with the key's bytes, from the position that IV/Counter/Nonce gives as a big-endian
 * number, from the first if none is given. KMIP names the algorithm only; the position is an own choice, as is that
 * the server does not watch over positions used already: Usage Limits in bytes do, where they are set.
 */
export const oneTimePad: CipherFamily = { encryption: padded, decryption: padded };

function padded(
  key: CipherKey,
  _parameters: unknown,
  { ivCounterNonce, additionalData }: EncryptionOptions,
): Transform {
  if (!Buffer.isBuffer(key)) throw new Refusal('objectNotUsable', 'A One-Time Pad is a key of plain bytes.');
  if (additionalData || (ivCounterNonce?.length ?? 0) > POSITION_BYTES) {
    throw new Refusal(
      'badCryptographicParameters',
      `A One-Time Pad takes no Additional Data, and a position of ${POSITION_BYTES} bytes at most as IV/Counter/Nonce.`,
    );
  }
  const pad = Buffer.from(key);
  let position = ivCounterNonce?.length ? ivCounterNonce.readUIntBE(0, ivCounterNonce.length) : 0;
  return {
    update(part) {
      const bytes = pad.subarray(position, position + part.length);
      if (bytes.length < part.length) {
        throw new KmipError(
          'CryptographicFailure',
          `The pad has ${pad.length} bytes, too few for this position and data. Use a longer pad.`,
        );
      }
      position += part.length;
      return Buffer.from(part.map((byte, index) => byte ^ (bytes[index] ?? 0)));
    },
    final() {
      pad.fill(0);
      return Buffer.alloc(0);
    },
  };
}
