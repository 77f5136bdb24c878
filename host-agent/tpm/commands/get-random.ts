import { randomBytes } from 'node:crypto';
import { HASH_ALGORITHMS } from '../../../wire/tpm2/index.js';
import type { CommandHandler } from '../command-call.js';

const MOST_BYTES = HASH_ALGORITHMS.SHA512.digestBytes;
const MOST_STIR_BYTES = 128;

/** TPM2_GetRandom (TPM 2.0 Part 3 §16.1): at most as many bytes as the longest digest has. */
export const getRandom: CommandHandler = (_device, call) => {
  const requested = call.parameter((reader) => reader.u16());
  call.end();
  const random = randomBytes(Math.min(requested, MOST_BYTES));
  return { parameters: (writer) => writer.sized(random) };
};

/** TPM2_StirRandom (TPM 2.0 Part 3 §16.2); the operating system's generator needs no more entropy. */
export const stirRandom: CommandHandler = (_device, call) => {
  call.parameter((reader) => reader.sized(MOST_STIR_BYTES));
  call.end();
  return {};
};
