import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { DemoReport } from '../../../lab/demo/demo.js';
import { runDemo } from '../../../lab/demo/demo.js';
import { writeSampleDisk } from '../../../lab/demo/sample-disk.js';
import { makeVmFolder } from './vm-folder.js';

let directory = '';
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kpsim-test-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('the demo with a disk of one’s own', () => {
  let report: DemoReport;
  let original = '';
  beforeAll(async () => {
    const diskImage = join(directory, 'mine.img');
    await writeSampleDisk(diskImage, 'mine', 3);
    original = sha256(await readFile(diskImage));
    // As people type them.
    const [typed, after] = [diskImage, join(directory, 'after')].map((path) => relative(process.cwd(), path));
    report = await runDemo({ diskImage: typed, saveDisksTo: after });
  }, 60_000);

  it('ends as expected in every step', () => {
    expect(report.steps.filter(({ ok }) => !ok)).toEqual([]);
    expect(report.ok).toBe(true);
  });

  it.each([
    ['refuse:standalone-host', 'XVC-3', 'NotSupported', /Choose a host that is in a cluster/],
    [
      'refuse:provider-missing',
      'XVC-2',
      'GenericVmConfigFault',
      /Configure the key provider on both vCenters/,
    ],
    ['refuse:other-key-same-name', 'XVC-2n', 'GenericVmConfigFault', /import the backup of the source/],
    ['refuse:host-not-attested', 'TKP-1', 'InvalidHostState', /do what its message says/],
    ['refuse:privilege-missing', 'PRIV-1', 'NoPermission', /Give the user a role/],
    ['refuse:host-too-old', 'MODE-3', 'MigrationFeatureNotSupported', /ESXi 6\.5 or later/],
  ])('tells of %s the rule %s, the fault %s and a remedy', (id, rule, fault, remedy) => {
    const step = report.steps.find((one) => one.id === id);
    expect(step).toMatchObject({ outcome: 'refused', refusal: { rules: [rule], fault } });
    expect(step?.refusal?.remedy).toMatch(remedy);
    expect(step?.evidence.precheck).toContain(rule);
  });

  it('names the hazard of one name for two keys in the precheck', () => {
    const step = report.steps.find(({ id }) => id === 'refuse:other-key-same-name');
    expect(step?.evidence.precheck).toEqual(expect.arrayContaining(['XVC-2n', 'EXT-4']));
  });

  it.each(['skp', 'nkp', 'tkp'])(
    'brings the disk of app-%s through unchanged, seen by nobody',
    async (kind) => {
      const evidenceOf = (step: string): Record<string, unknown> =>
        report.steps.find(({ id }) => id === `${step}:${kind}-1`)?.evidence ?? {};
      expect(evidenceOf('encrypt')).toMatchObject({ foundAtRest: 0 });
      expect(evidenceOf('migrate')).toMatchObject({ foundOnWire: 0, sha256: [original] });
      expect(evidenceOf('migrate').wireBytes).toBeGreaterThan(3 * 1024 * 1024);
      expect(evidenceOf('reboot')).toMatchObject({ foundAtRest: 0, sha256: [original] });
      const saved = evidenceOf('reboot').saved as readonly string[];
      expect(sha256(await readFile(saved[0]!))).toBe(original);
    },
  );

  it('shows that its scans do find what is there to be found', () => {
    const made = report.steps.find(({ id }) => id === 'make:app-skp')?.evidence;
    expect(made?.foundAtRest).toBe(made?.blocks);
    expect(made?.blocks).toBeGreaterThan(100_000);
    const plain = report.steps.find(({ id }) => id.startsWith('counter-proof'))?.evidence;
    expect(plain?.foundOnWire).toBe(plain?.blocks);
    expect(plain?.blocks).toBeGreaterThan(1000);
  });
});

describe('the demo with files that cannot be used', () => {
  it.each([
    ['a disk that is not there', { diskImage: 'nothing.img' }, /nothing\.img: .*ENOENT/],
    ['a disk with nothing on it', { diskImage: 'zero.img' }, /zero\.img: .*nothing to prove/],
    ['a directory without a .vmx', { vmDirectory: 'empty' }, /empty: .*exactly one \.vmx/],
    ['a VM without a disk', { vmDirectory: 'diskless' }, /diskless: .*no disk/],
    ['a .vmx that is none', { vmDirectory: 'garbage' }, /garbage\.vmx: line 1/],
  ])('end it before anything is started: %s', async (_what, options, message) => {
    await Promise.all(
      ['empty', 'diskless', 'garbage'].map((name) => mkdir(join(directory, name), { recursive: true })),
    );
    await writeFile(join(directory, 'zero.img'), Buffer.alloc(4096));
    await writeFile(join(directory, 'diskless', 'a.vmx'), 'displayName = "a"\n');
    await writeFile(join(directory, 'garbage', 'garbage.vmx'), 'garbage\n');
    const [[name, value] = ['', '']] = Object.entries(options);
    const attempt = runDemo({ [name]: join(directory, value) });
    await expect(attempt).rejects.toMatchObject({ code: 'input_unusable' });
    await expect(attempt).rejects.toThrow(message);
  });

  it('overwrites no disk that was saved before', async () => {
    const saveDisksTo = join(directory, 'saved-before');
    await mkdir(saveDisksTo);
    await writeFile(join(saveDisksTo, 'app-skp-2000.img'), '');
    await expect(runDemo({ saveDisksTo })).rejects.toMatchObject({ code: 'output_exists' });
  });

  it('does not say that all is well, and skips what rests on it', async () => {
    const vmDirectory = await makeVmFolder(directory, Buffer.alloc(4096)); // nothing on it that could be found
    const report = await runDemo({ vmDirectory });
    expect(report.ok).toBe(false);
    const outcomeOf = (step: string): string | undefined =>
      report.steps.find(({ id }) => id === step)?.outcome;
    expect(outcomeOf('make:app-skp')).not.toBe('accepted');
    expect(outcomeOf('encrypt:skp-1')).toBe('skipped');
    expect(outcomeOf('migrate:skp-1')).toBe('skipped');
    expect(outcomeOf('refuse:host-too-old')).toBe('refused');
  }, 60_000);
});
