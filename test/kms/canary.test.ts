import { createCipheriv, generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { getHeapSnapshot } from 'node:v8';

import { afterEach, expect, test, vi } from 'vitest';

import { createLogger } from '../../core/logging.js';
import { ObjectRepository } from '../../kms/objects/repository.js';
import type { Attribute, KeyBlock, ManagedObjectValue, RequestHeader } from '../../wire/kmip/index.js';
import { MESSAGE_ENCODINGS, attributeOf, encodeRequest, protocolVersionOf } from '../../wire/kmip/index.js';
import type { TestKms } from './harness.js';
import { makePki, startKms } from './harness.js';
import type { Item } from './messages.js';
import { createItem, exchange, item, onlyItem, outcomes, payloadOf } from './messages.js';
import { RawClient } from './raw-client.js';

/*
 * Secrets that a key server has held must not be found where they do not belong. What JavaScript allows to be told:
 * Buffers are looked at themselves; in a heap snapshot there are strings, but not what Buffers hold, nor what is free.
 */

const pki = await makePki();
const USERNAME = 'canary-user';
/** No secret: must be found, or the search finds nothing. */
const NAME = 'canary-name';

afterEach(() => {
  vi.restoreAllMocks();
});

function attributesOf(
  mask: number | undefined,
  ...more: readonly Attribute[]
): { readonly attributes: readonly Attribute[] } {
  const usage = mask === undefined ? [] : [attributeOf('CryptographicUsageMask', mask)];
  return { attributes: [...usage, ...more] };
}

const ACTIVE = attributeOf('ActivationDate', 1);
/** Encrypt, Decrypt, Wrap Key, Unwrap Key, MAC Generate, Derive Key. */
const EVERYTHING = 0x4 | 0x8 | 0x10 | 0x20 | 0x80 | 0x200;

function symmetric(keyMaterial: Buffer): ManagedObjectValue {
  const keyBlock: KeyBlock = {
    keyFormatType: 'Raw',
    keyValue: { keyMaterial },
    cryptographicAlgorithm: 'AES',
    cryptographicLength: keyMaterial.length * 8,
  };
  return { objectType: 'SymmetricKey', keyBlock };
}

function registering(
  object: ManagedObjectValue,
  mask: number | undefined,
  ...more: readonly Attribute[]
): Item {
  return item('Register', {
    objectType: object.objectType,
    templateAttribute: attributesOf(mask, ...more),
    object,
  });
}

/** What a secret may look like: as it is, in hex, and in Base64 wherever it begins in what is encoded. */
function formsOf(secret: Buffer): readonly Buffer[] {
  const base64 = [0, 1, 2].map((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), secret]).toString('base64');
    return encoded.slice(shift === 0 ? 0 : 4, -4);
  });
  const hex = secret.toString('hex');
  return [secret, ...[hex, hex.toUpperCase(), ...base64].map((text) => Buffer.from(text))];
}

/** The secrets found in some bytes, by name. */
function foundIn(bytes: Buffer, secrets: Readonly<Record<string, Buffer>>): readonly string[] {
  return Object.entries(secrets)
    .filter(([, secret]) => formsOf(secret).some((form) => bytes.includes(form)))
    .map(([name]) => name);
}

async function filesOf(kms: TestKms): Promise<ReadonlyMap<string, Buffer>> {
  const { dataDir } = kms.context;
  const found = new Map<string, Buffer>();
  for (const entry of await readdir(dataDir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) found.set(path, await readFile(path));
  }
  return found;
}

/** A text of a secret that no program writes by chance. */
const word = (name: string): Buffer => Buffer.from(`${name}-${randomBytes(12).toString('hex')}`);

test('secrets are in no log, no journal, no metric, no error and no file', async () => {
  const lines: string[] = [];
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const secrets = {
    registered: randomBytes(32),
    password: word('secret-data'),
    privateKey: Buffer.from(privateKey.export({ format: 'jwk' }).d ?? '', 'base64url'),
    credential: word('credential'),
    wrongCredential: word('wrong'),
    plaintext: word('plaintext'),
    wrapped: randomBytes(32),
    kek: randomBytes(32),
    opaque: word('opaque'),
    damaged: word('damaged-key'),
    created: Buffer.alloc(0),
  };
  await using kms = await startKms(
    pki,
    { https: { port: 0 }, credentials: [{ username: USERNAME, password: secrets.credential.toString() }] },
    {
      log: createLogger({
        name: 'canary',
        level: 'trace',
        stream: { write: (line) => void lines.push(line) },
      }),
    },
  );
  await using client = await RawClient.open(pki, kms.port);
  const answers: Buffer[] = [];
  const login = (password: Buffer): Partial<RequestHeader> => ({
    authentication: {
      credentials: [
        { type: 'UsernameAndPassword', value: { username: USERNAME, password: password.toString() } },
      ],
    },
  });
  const ask = (one: Item) => exchange(client, '1.4', [one], login(secrets.credential)).then(onlyItem);
  const register = async (object: ManagedObjectValue, ...more: readonly Attribute[]): Promise<string> =>
    payloadOf(
      await ask(registering(object, object.objectType === 'OpaqueObject' ? undefined : EVERYTHING, ...more)),
      'Register',
    ).uniqueIdentifier;

  const name = attributeOf('Name', { value: NAME, type: 'UninterpretedTextString' });
  const key = await register(symmetric(secrets.registered), name, ACTIVE);
  const nistWrap = { blockCipherMode: 'NISTKeyWrap' } as const;
  const kek = await register(
    symmetric(secrets.kek),
    attributeOf('CryptographicParameters', nistWrap),
    ACTIVE,
  );
  const wrapper = createCipheriv('id-aes256-wrap', secrets.kek, Buffer.alloc(8, 0xa6));
  const keyWrappingData = {
    wrappingMethod: 'Encrypt',
    encryptionKeyInformation: { uniqueIdentifier: kek, cryptographicParameters: nistWrap },
    encodingOption: 'NoEncoding',
  } as const;
  const wrappedBytes = Buffer.concat([wrapper.update(secrets.wrapped), wrapper.final()]);
  const wrappedBlock: KeyBlock = {
    keyFormatType: 'Raw',
    keyValue: wrappedBytes,
    cryptographicAlgorithm: 'AES',
    cryptographicLength: 256,
    keyWrappingData,
  };
  const wrapped = await register({ objectType: 'SymmetricKey', keyBlock: wrappedBlock }, ACTIVE);
  const raw = (keyMaterial: Buffer): KeyBlock => ({ keyFormatType: 'Raw', keyValue: { keyMaterial } });
  await register({ objectType: 'SecretData', secretDataType: 'Password', keyBlock: raw(secrets.password) });
  await register({ objectType: 'OpaqueObject', opaqueDataType: 0x80000001, opaqueDataValue: secrets.opaque });
  const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' });
  const privateBlock: KeyBlock = {
    keyFormatType: 'PKCS_8',
    keyValue: { keyMaterial: pkcs8 },
    cryptographicAlgorithm: 'EC',
    cryptographicLength: 256,
  };
  await register({ objectType: 'PrivateKey', keyBlock: privateBlock });

  const created = payloadOf(await ask(createItem('1.4')), 'Create').uniqueIdentifier;
  const got = payloadOf(await ask(item('Get', { uniqueIdentifier: created })), 'Get').object;
  secrets.created = Buffer.from(
    ((got as { keyBlock: KeyBlock }).keyBlock.keyValue as { keyMaterial: Buffer }).keyMaterial,
  );
  const wrapping = { uniqueIdentifier: key, keyWrappingSpecification: { ...keyWrappingData } };
  payloadOf(await ask(item('Get', wrapping)), 'Get');
  const cryptographicParameters = { blockCipherMode: 'CBC', paddingMethod: 'PKCS5', randomIv: true } as const;
  for (const used of [key, wrapped]) {
    const { data, ivCounterNonce } = payloadOf(
      await ask(
        item('Encrypt', { uniqueIdentifier: used, cryptographicParameters, data: secrets.plaintext }),
      ),
      'Encrypt',
    );
    const decrypting = { uniqueIdentifier: used, cryptographicParameters, data, ivCounterNonce };
    expect(payloadOf(await ask(item('Decrypt', decrypting)), 'Decrypt').data).toEqual(secrets.plaintext);
  }

  // What goes wrong with secrets in it: a wrong password, lengths that do not fit, damage in TTLV, XML and JSON.
  const refused = await exchange(client, '1.4', [createItem('1.4')], login(secrets.wrongCredential));
  expect(outcomes(refused)).toEqual(['AuthenticationNotSuccessful']);
  const { keyBlock } = symmetric(secrets.damaged) as { readonly keyBlock: KeyBlock };
  const contradictory = { ...keyBlock, cryptographicLength: 64 };
  const odd = await ask(registering({ objectType: 'SymmetricKey', keyBlock: contradictory }, 12));
  expect(odd.resultStatus).toBe('OperationFailed');
  answers.push(
    Buffer.from(
      JSON.stringify([refused, odd.resultMessage], (_, value: unknown) =>
        typeof value === 'bigint' ? String(value) : value,
      ),
    ),
  );
  const whole = encodeRequest({
    header: { protocolVersion: protocolVersionOf('1.4'), batchCount: 1, ...login(secrets.wrongCredential) },
    batchItems: [registering(symmetric(secrets.damaged), 12)],
  });
  const https = { ca: pki.authority.caPem, cert: pki.east.certificatePem, key: pki.east.privateKeyPem };
  for (const encoding of ['ttlv', 'xml', 'json'] as const) {
    const bytes = MESSAGE_ENCODINGS[encoding].fromTtlv(whole);
    const at = bytes.includes(secrets.damaged)
      ? bytes.indexOf(secrets.damaged)
      : bytes.indexOf(secrets.damaged.toString('hex'));
    expect(at).toBeGreaterThan(0);
    // The value itself is damaged, where an error might quote it.
    bytes.write(encoding === 'ttlv' ? '' : 'zz', at);
    answers.push(await post(kms.httpsPort, https, bytes, MESSAGE_ENCODINGS[encoding].contentTypes[0]));
  }

  const journal = Buffer.from(JSON.stringify(kms.context.journal.entries()));
  const log = Buffer.from(lines.join(''));
  expect(lines.length).toBeGreaterThan(0);
  expect(journal.includes(NAME)).toBe(true);
  expect(foundIn(log, secrets)).toEqual([]);
  expect(foundIn(journal, secrets)).toEqual([]);
  expect(foundIn(Buffer.from(await kms.context.metrics.render()), secrets)).toEqual([]);
  for (const answer of answers) expect(foundIn(answer, secrets)).toEqual([]);

  const files = [...(await filesOf(kms))];
  expect(files.some(([path]) => path.endsWith('-wal'))).toBe(true);
  expect(files.some(([, content]) => content.includes(NAME))).toBe(true);
  for (const [path, content] of files) expect(foundIn(content, secrets), path).toEqual([]);
  await kms.stop();
  for (const [path, content] of await filesOf(kms)) expect(foundIn(content, secrets), path).toEqual([]);
});

test('the Buffers that held a key are zero once it is destroyed, leaves the cache, or the server stops', async () => {
  const held = heldBuffers();
  await using kms = await startKms(pki, { limits: { cachedObjects: 2 } });
  await using client = await RawClient.open(pki, kms.port);
  const secrets = [randomBytes(32), randomBytes(32), randomBytes(32)];
  const identifiers: string[] = [];
  const register = async (secret: Buffer | undefined): Promise<void> => {
    const answer = await exchange(client, '1.4', [registering(symmetric(secret!), 12)]);
    identifiers.push(payloadOf(onlyItem(answer), 'Register').uniqueIdentifier);
  };
  const isHeld = (secret: Buffer | undefined): boolean => held.some((buffer) => secret?.equals(buffer));

  await register(secrets[0]);
  await register(secrets[1]);
  expect(secrets.map(isHeld)).toEqual([true, true, false]);
  payloadOf(
    onlyItem(await exchange(client, '1.4', [item('Destroy', { uniqueIdentifier: identifiers[0] })])),
    'Destroy',
  );
  expect(secrets.map(isHeld)).toEqual([false, true, false]);
  // The destroyed key is remembered without its value; two newer objects drive the other out.
  await register(secrets[2]);
  await exchange(client, '1.4', [createItem('1.4')]);
  expect(secrets.map(isHeld)).toEqual([false, false, true]);
  // It is there again when it is asked for, and destroyed from there.
  expect(
    outcomes(await exchange(client, '1.4', [item('Get', { uniqueIdentifier: identifiers[1] })])),
  ).toEqual(['Success']);
  await kms.stop();
  expect(held.length).toBeGreaterThanOrEqual(4);
  expect(held.every((buffer) => buffer.every((byte) => byte === 0))).toBe(true);
});

test('no string on the heap tells a key that was registered and destroyed', async () => {
  await using kms = await startKms(pki);
  await using client = await RawClient.open(pki, kms.port);
  const secret = randomBytes(32);
  const answer = await exchange(client, '1.4', [registering(symmetric(secret), 12)]);
  const { uniqueIdentifier } = payloadOf(onlyItem(answer), 'Register');
  await exchange(client, '1.4', [item('Get', { uniqueIdentifier })]);
  await exchange(client, '1.4', [item('Destroy', { uniqueIdentifier })]);

  const chunks: Buffer[] = [];
  for await (const chunk of getHeapSnapshot()) chunks.push(Buffer.from(chunk as Uint8Array));
  const snapshot = Buffer.concat(chunks);
  expect(snapshot.includes(uniqueIdentifier)).toBe(true);
  expect(foundIn(snapshot, { secret })).toEqual([]);
}, 60_000);

/** The very Buffers with key material that a repository is given to keep. */
function heldBuffers(): readonly Buffer[] {
  const held: Buffer[] = [];
  const commit = Object.getOwnPropertyDescriptor(ObjectRepository.prototype, 'commit')
    ?.value as ObjectRepository['commit'];
  vi.spyOn(ObjectRepository.prototype, 'commit').mockImplementation(function (
    this: ObjectRepository,
    changes,
  ): Promise<void> {
    for (const { after } of changes) {
      const keyBlock = after?.value && 'keyBlock' in after.value ? after.value.keyBlock : undefined;
      const keyValue = keyBlock?.keyValue as { readonly keyMaterial: Buffer } | undefined;
      if (keyValue) held.push(keyValue.keyMaterial);
    }
    return commit.call(this, changes);
  });
  return held;
}

function post(
  port: number,
  tls: { readonly ca: string; readonly cert: string; readonly key: string },
  body: Buffer,
  contentType: string,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': contentType };
    const sent = request(
      { host: '127.0.0.1', port, path: '/kmip', method: 'POST', headers, ...tls },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('end', () => resolve(Buffer.concat(chunks)));
      },
    );
    sent.once('error', reject);
    sent.end(body);
  });
}
