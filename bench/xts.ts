/**
 * Throughput of `XtsCipher` against one plain `aes-256-ecb` pass over the same bytes, in the same run.
 * Prints rates and ratios; the ratio is what can be compared between machines.
 */
import { createCipheriv, randomBytes } from 'node:crypto';
import { XtsCipher } from '../host-agent/vm/xts.js';

const BUFFER_BYTES = 1024 * 1024;
const ROUNDS = 7;
const PASSES = 150;

const key = randomBytes(64);
const data = Buffer.from(new ArrayBuffer(BUFFER_BYTES));
const ecb = createCipheriv('aes-256-ecb', key.subarray(0, 32), null).setAutoPadding(false);
const xts = new XtsCipher(key);

/** Best of several rounds, in GB/s: the machine's other work only ever makes a round slower. */
function gigabytesPerSecond(pass: () => void): number {
  let best = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const start = process.hrtime.bigint();
    for (let count = 0; count < PASSES; count += 1) pass();
    const seconds = Number(process.hrtime.bigint() - start) / 1e9;
    best = Math.max(best, (PASSES * BUFFER_BYTES) / 1e9 / seconds);
  }
  return best;
}

const ecbRate = gigabytesPerSecond(() => {
  for (let start = 0; start < BUFFER_BYTES; start += 131_072)
    ecb.update(data.subarray(start, start + 131_072));
});
const encryptRate = gigabytesPerSecond(() => xts.encryptSectors(data, 0));
const decryptRate = gigabytesPerSecond(() => xts.decryptSectors(data, 0));
const singleRate =
  gigabytesPerSecond(() => {
    for (let start = 0; start < BUFFER_BYTES / 64; start += 512) {
      createCipheriv('aes-256-xts', key, Buffer.alloc(16)).update(data.subarray(start, start + 512));
    }
  }) / 64;

process.stdout.write(
  [
    `aes-256-ecb, one pass         ${ecbRate.toFixed(2)} GB/s`,
    `XtsCipher.encryptSectors      ${encryptRate.toFixed(2)} GB/s, ratio ${(encryptRate / ecbRate).toFixed(2)}`,
    `XtsCipher.decryptSectors      ${decryptRate.toFixed(2)} GB/s, ratio ${(decryptRate / ecbRate).toFixed(2)}`,
    `aes-256-xts, object a sector  ${singleRate.toFixed(2)} GB/s, ratio ${(singleRate / ecbRate).toFixed(2)}`,
    '',
  ].join('\n'),
);
