import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { SignJWT, decodeJwt, decodeProtectedHeader } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { KpsimError } from '../../core/errors.js';
import { randomKeyBytes } from '../../core/secret.js';
import { fromDer, integer, octetString, sequence, toDer } from '../../native-kp/backup/der.js';
import type { DerElement } from '../../native-kp/backup/der.js';
import { readPkcs12 } from '../../native-kp/backup/read-pkcs12.js';
import { writePkcs12 } from '../../native-kp/backup/write-pkcs12.js';
import { newKeyId } from '../../wire/native-key/index.js';
import { NkpLab, digest } from './lab.js';
import { fc } from '../property.js';

const sample = {
  provider: 'nkp-1',
  keyId: '0b6e2f1a-5c3d-4e7f-8a9b-0c1d2e3f4a5b',
  kdk: randomKeyBytes(32),
  tpmRequired: false,
  exportTime: new Date('2026-01-31T12:00:00.000Z'),
};
let protectedFile: Buffer;
let openFile: Buffer;
let lab: NkpLab;
let west: NkpLab;

beforeAll(async () => {
  [protectedFile, openFile] = await Promise.all([writePkcs12(sample, 'correct horse'), writePkcs12(sample)]);
  lab = await NkpLab.start();
  west = await NkpLab.start({ name: 'nkp-west' }, lab.ca);
});
afterAll(async () => {
  await west.close();
  await lab.close();
});

describe('a backup file', () => {
  it('gives back what was written, with a password and without', async () => {
    expect(await readPkcs12(protectedFile, 'correct horse')).toEqual(sample);
    expect(await readPkcs12(openFile)).toEqual(sample);
    expect(await readPkcs12(openFile, '')).toEqual(sample);
  });

  it('shows nothing of the KDK when it has a password', () => {
    expect(protectedFile.includes(sample.kdk)).toBe(false);
    expect(openFile.includes(sample.kdk)).toBe(true);
  });

  it.each([
    ['another password', 'wrong'],
    ['a password in other letters', 'Correct Horse'],
    ['no password', undefined],
  ])('is not opened with %s', async (_what, password) => {
    await expect(readPkcs12(protectedFile, password)).rejects.toMatchObject({
      code: 'backup_password_wrong',
    });
  });

  it('that is open is not opened with a password', async () => {
    await expect(readPkcs12(openFile, 'any')).rejects.toMatchObject({ code: 'backup_password_wrong' });
  });

  it('is refused at every length short of its own', async () => {
    for (let length = 0; length < openFile.length; length += 7) {
      await expect(readPkcs12(openFile.subarray(0, length))).rejects.toMatchObject({
        code: 'backup_invalid',
      });
    }
    await expect(readPkcs12(Buffer.concat([openFile, Buffer.alloc(1)]))).rejects.toThrow(KpsimError);
  });

  it('is refused with any bit turned over that the MAC vouches for', async () => {
    const at = openFile.indexOf(sample.kdk) + 5;
    const altered = Buffer.from(openFile);
    altered.writeUInt8(altered.readUInt8(at) ^ 1, at);
    await expect(readPkcs12(altered)).rejects.toMatchObject({ code: 'backup_password_wrong' });
  });

  it('never crashes its reader, whatever a byte of it becomes', async () => {
    const cheap = withMacIterations(openFile, 1);
    await fc.assert(
      fc.asyncProperty(fc.nat(cheap.length - 1), fc.nat(255), async (position, value) => {
        const altered = Buffer.from(cheap);
        altered.writeUInt8(value, position);
        await readPkcs12(altered).catch((error: unknown) => expect(error).toBeInstanceOf(KpsimError));
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['empty', Buffer.alloc(0)],
    ['text', Buffer.from('-----BEGIN CERTIFICATE-----')],
    ['an endless nest', Buffer.from('3080'.repeat(5000), 'hex')],
    ['a length beyond its end', Buffer.from('3084ffffffff0201', 'hex')],
    ['another DER document', toDer(sequence(integer(3), octetString(Buffer.alloc(9))))],
    ['too large', Buffer.alloc(64 * 1024 + 1)],
  ])('is refused when it is %s', async (_what, file) => {
    await expect(readPkcs12(file, 'x')).rejects.toMatchObject({ code: 'backup_invalid' });
  });

  it.each([0, 200_001, 2 ** 31 - 1])('is refused when its MAC asks for %i rounds', async (rounds) => {
    await expect(readPkcs12(withMacIterations(openFile, rounds))).rejects.toMatchObject({
      code: 'backup_invalid',
    });
  });

  it('without a MAC is refused', async () => {
    const [version, authSafe] = childrenOf(fromDer(openFile)!);
    const bare = toDer(sequence(version!, authSafe!));
    await expect(readPkcs12(bare)).rejects.toMatchObject({ code: 'backup_invalid' });
  });
});

describe('moving a provider to another vCenter', () => {
  it('by export, download and import gives the same keys there', async () => {
    await lab.client.create({ provider: 'moved', constraints: { tpm_required: true } });
    const [eastHost, westHost] = [await lab.host('host-e1'), await west.host('host-w1')];
    await lab.client.setHosts([eastHost.supplied()]);
    await west.client.setHosts([westHost.supplied()]);
    const file = await lab.backUp('moved', 'correct horse');

    const config = file.toString('base64');
    const spec = { config, password: 'correct horse' };
    const tried = await west.client.import({ ...spec, dry_run: true });
    expect(await west.client.list()).toEqual([]);
    const imported = await west.client.import(spec);
    expect(imported).toEqual(tried);
    const { key_id: kdkId } = await lab.client.fingerprint('moved');
    expect(imported).toMatchObject({
      provider: 'moved',
      type: 'NATIVE',
      native_info: { key_id: kdkId },
      constraints: { tpm_required: true },
    });
    expect(new Date(imported.export_time).getTime()).toBeLessThanOrEqual(Date.now());

    expect(await west.client.fingerprint('moved')).toEqual(await lab.client.fingerprint('moved'));
    const keyId = newKeyId(kdkId);
    expect(digest(westHost.derive('moved', keyId))).toBe(digest(eastHost.derive('moved', keyId)));
    await expect(west.client.import(spec)).rejects.toMatchObject({ body: { error_type: 'ALREADY_EXISTS' } });
  });

  it('may impose another constraint', async () => {
    await lab.client.create({ provider: 'constrained' });
    const config = (await lab.backUp('constrained')).toString('base64');
    await west.client.import({ config, constraints: { tpm_required: true } });
    expect((await west.client.get('constrained')).constraints).toEqual({ tpm_required: true });
  });

  it.each([
    ['a wrong password', { password: 'wrong' }, 'kpsim.backup_password_wrong'],
    ['no password', {}, 'kpsim.backup_password_wrong'],
    ['half a file', { config: 'half' }, 'kpsim.backup_invalid'],
    ['a file that is none', { config: 'AAAA' }, 'kpsim.backup_invalid'],
    ['no file', { config: undefined }, 'com.vmware.vapi.std.errors.invalid_argument'],
    ['no base64', { config: '?' }, 'com.vmware.vapi.std.errors.invalid_argument'],
  ])('is refused with %s, with status 400', async (_what, change, id) => {
    const whole = protectedFile.toString('base64');
    const half = protectedFile.subarray(0, 300).toString('base64');
    const spec = { config: whole, ...change };
    if (spec.config === 'half') spec.config = half;
    await expect(west.client.import(spec as { config: string })).rejects.toMatchObject({
      status: 400,
      body: { error_type: 'INVALID_ARGUMENT', messages: [{ id }] },
    });
  });
});

describe('a download', () => {
  it('is told of by a location at the vCenter and a short-lived HS256 token', async () => {
    await lab.client.create({ provider: 'a b/c' });
    const { type, location } = await lab.client.export({ provider: 'a b/c' });
    expect(type).toBe('LOCATION');
    expect(location.url).toBe('https://vc-east.example/cryptomanager/kms/a%20b%2Fc');
    const { token, expiry } = location.download_token;
    expect(decodeProtectedHeader(token)).toEqual({ alg: 'HS256', typ: 'JWT' });
    expect(decodeJwt(token).exp).toBe(new Date(expiry).getTime() / 1000);
    expect(new Date(expiry).getTime() - lab.clock.now()).toBeLessThanOrEqual(300_000);
    const named = await lab.client.export({ provider: 'a b/c' }, 'vc.lab.example:8443');
    expect(named.location.url).toBe('https://vc.lab.example:8443/cryptomanager/kms/a%20b%2Fc');
  });

  it.each(['GET', 'POST'] as const)('works by %s, as a file to be saved', async (method) => {
    const provider = `by-${method}`;
    await lab.client.create({ provider });
    const { location } = await lab.client.export({ provider });
    const answer = await lab.http().raw(method, `/cryptomanager/kms/${provider}`, undefined, {
      authorization: `Bearer ${location.download_token.token}`,
    });
    expect(answer.status).toBe(200);
    expect(answer.headers['content-disposition']).toBe(`attachment; filename=${provider}.p12`);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(await readPkcs12(answer.body)).toMatchObject({ provider });
  });

  it('has a file name that is safe to save under, whatever the provider is called', async () => {
    const provider = '../"a" / b';
    await lab.client.create({ provider });
    const { location } = await lab.client.export({ provider });
    const answer = await lab
      .http({ authorization: `Bearer ${location.download_token.token}` })
      .raw('GET', `/cryptomanager/kms/${encodeURIComponent(provider)}`);
    expect(answer.headers['content-disposition']).toBe('attachment; filename=".._a_ _ b.p12"');
  });

  it('works once', async () => {
    await lab.client.create({ provider: 'once' });
    const { token } = (await lab.client.export({ provider: 'once' })).location.download_token;
    const attempts = await Promise.allSettled([1, 2, 3].map(() => lab.client.download('once', token)));
    expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await expect(lab.client.download('once', token)).rejects.toMatchObject({ status: 401 });
  });

  it('works no longer when its time is over', async () => {
    await lab.client.create({ provider: 'late' });
    const { token } = (await lab.client.export({ provider: 'late' })).location.download_token;
    lab.clock.advance(301_000);
    await expect(lab.client.download('late', token)).rejects.toMatchObject({ status: 401 });
    lab.clock.reset();
  });

  it('works for its own provider only, and not with tokens of others', async () => {
    await lab.client.create({ provider: 'mine' });
    await lab.client.create({ provider: 'yours' });
    const { token } = (await lab.client.export({ provider: 'mine' })).location.download_token;
    const forged = await new SignJWT(decodeJwt(token))
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
      .sign(randomKeyBytes(32));
    const [, payload] = token.split('.');
    const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload ?? ''}.`;
    for (const [provider, bad] of [
      ['yours', token],
      ['mine', forged],
      ['mine', unsigned],
      ['mine', 'x'],
      ['mine', 'x'.repeat(9000)],
    ] as const) {
      await expect(lab.client.download(provider, bad)).rejects.toMatchObject({ status: 401 });
    }
    const bare = await lab.http().raw('GET', '/cryptomanager/kms/mine');
    expect(bare.status).toBe(401);
    expect(bare.headers['www-authenticate']).toBe('Bearer');
    await expect(lab.client.download('mine', token)).resolves.toBeInstanceOf(Buffer);
  });

  it('ends with its provider', async () => {
    await lab.client.create({ provider: 'ended' });
    const { token } = (await lab.client.export({ provider: 'ended' })).location.download_token;
    await lab.client.delete('ended');
    await lab.client.create({ provider: 'ended' });
    await expect(lab.client.download('ended', token)).rejects.toMatchObject({ status: 401 });
  });

  it('that breaks off halfway does not count as a backup', async () => {
    await lab.client.create({ provider: 'broken' });
    const { token } = (await lab.client.export({ provider: 'broken' })).location.download_token;
    lab.context.faults.add({ operation: 'cryptomanager.download', action: { kind: 'truncate' } });
    await expect(lab.client.download('broken', token)).rejects.toMatchObject({ code: 'unreachable' });
    lab.context.faults.clear();
    await expect.poll(async () => (await lab.client.get('broken')).health).toBe('ERROR');
  });
});

describe('a KDK', () => {
  it('is in no file, no journal and no log line of the service', async () => {
    const kdk = randomKeyBytes(32);
    const host = await lab.host('host-canary');
    await lab.client.setHosts([host.supplied()]);
    const native_spec = { key_derivation_key: kdk.toString('base64') };
    await lab.client.create({ provider: 'canary', native_spec });
    await lab.backUp('canary');
    await lab.backUp('canary', 'the canary sings');
    await lab.client.update('canary', { native_spec: { key_id: sample.keyId } });
    await lab.client.get('canary');
    expect(host.held.get('canary')?.kdk).toEqual(kdk);

    const texts = [lab.logLines.join('\n'), JSON.stringify(lab.context.journal.entries())];
    const names = await readdir(lab.context.dataDir);
    expect(names).toContain('native-kp.db');
    const files = await Promise.all(names.map((name) => readFile(join(lab.context.dataDir, name))));
    for (const where of [...files, ...texts.map((text) => Buffer.from(text))]) {
      for (const form of [kdk, kdk.toString('base64'), kdk.toString('hex'), 'the canary sings']) {
        expect(where.includes(form)).toBe(false);
      }
    }
    await lab.client.setHosts([]);
  });
});

function childrenOf(element: DerElement): DerElement[] {
  return element.value as DerElement[];
}

/** The file with another number of rounds in its MAC, whose value then is wrong. */
function withMacIterations(file: Buffer, iterations: number): Buffer {
  const [version, authSafe, macData] = childrenOf(fromDer(file)!);
  const [digestInfo, salt] = childrenOf(macData!);
  return toDer(sequence(version!, authSafe!, sequence(digestInfo!, salt!, integer(iterations))));
}
