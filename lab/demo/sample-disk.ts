import { randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';

const MIB = 1024 * 1024;
/** Random bytes of a line; they make a third more in base64. */
const LINE_BYTES = 60;

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

/** One MiB of numbered lines, no two alike. */
function textOf(owner: string, mib: number): Buffer {
  const lines: string[] = [];
  const random = randomBytes(MIB);
  let length = 0;
  for (let line = 0; length < MIB; line += 1) {
    const words = random.toString('base64', line * LINE_BYTES, (line + 1) * LINE_BYTES);
    const text = `${owner} ${mib}.${line}: the guest wrote ${words}\n`;
    lines.push(text);
    length += text.length;
  }
  return Buffer.from(lines.join('').slice(0, MIB), 'latin1');
}
