import { randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';

const MIB = 1024 * 1024;
const SENTENCE = 'This is what the guest wrote, and nobody but the guest is to read it. ';

/**
 * Writes a raw disk image such as a small guest would leave behind: a third text, a third bytes that look like
 * compressed data, a third never written. It is made anew each time, so that nothing in it can be known before.
 *
 * @param path a file that does not exist yet; mode 0600
 * @param owner named in the text, so that the images of two VMs differ there too
 */
export async function writeSampleDisk(path: string, owner: string, sizeMiB: number): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    for (let mib = 0; mib < sizeMiB; mib += 1) {
      if (mib % 3 === 0) await file.write(textOf(owner, mib), 0, MIB, mib * MIB);
      if (mib % 3 === 1) await file.write(randomBytes(MIB), 0, MIB, mib * MIB);
    }
    await file.truncate(sizeMiB * MIB);
  } finally {
    await file.close();
  }
}

/** One MiB of numbered lines, so that no two blocks are alike. */
function textOf(owner: string, mib: number): Buffer {
  const lines: string[] = [];
  let length = 0;
  for (let line = 0; length < MIB; line += 1) {
    const text = `${owner} ${mib}.${line}: ${SENTENCE}\n`;
    lines.push(text);
    length += text.length;
  }
  return Buffer.from(lines.join('').slice(0, MIB), 'latin1');
}
