import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { measuredBoot } from '../../host-agent/boot/index.js';
import type { TpmClient, TpmKind } from '../../host-agent/tpm/index.js';
import { presetBaseImage } from '../../wire/esx-image/index.js';
import {
  PCR_COUNT,
  decodeTpm2bPublic,
  decodeTpmsAttest,
  decodeTpmtSignature,
  encodeTpm2bPublic,
  extendedPcr,
  makeCredential,
  pcrDigest,
  publicKeyOf,
  verifySignature,
} from '../../wire/tpm2/index.js';
import { describeWith } from './requires.js';
import { SWTPM, TPM2_TOOLS } from './swtpm.js';
import { toolsFor } from './tpm2-tools.js';
import type { Tpm2Tools } from './tpm2-tools.js';

/** What tpm2-tools put before a credential in a file: magic number and version. */
const CREDENTIAL_FILE_HEADER = Buffer.from('badcc0de00000001', 'hex');

let tools: Tpm2Tools;
let directory = '';
let client: TpmClient;

const tool = (...args: string[]): Promise<string> => tools.run('tpm2', ...args);
const file = (name: string): Promise<Buffer> => tools.file(name);

/** What tpm2-tools do with a TPM of that kind. */
function toolsSuite(kind: TpmKind): void {
  beforeEach(async () => {
    tools = await toolsFor(kind);
    ({ directory, client } = tools);
  });

  it.each([
    ['rsa', 'rsassa', 'sha256'],
    ['ecc', 'ecdsa', 'sha256'],
    ['ecc384', 'ecdsa', 'sha384'],
  ])(
    'make keys, quote with %s %s, check the quote and activate a credential',
    async (algorithm, scheme, hash) => {
      await tool('createek', '-c', 'ek.ctx', '-G', 'rsa', '-u', 'ek.pub');
      await tool(
        ...['createak', '-C', 'ek.ctx', '-c', 'ak.ctx', '-G', algorithm, '-g', hash, '-s', scheme],
        ...['-u', 'ak.pub', '-f', 'tpmt', '-n', 'ak.name'],
      );
      await tool('flushcontext', '-t');
      await tool('readpublic', '-c', 'ak.ctx', '-f', 'pem', '-o', 'ak.pem');
      await tool('flushcontext', '-t');
      await tool('pcrextend', `16:sha256=${'ab'.repeat(32)}`);
      await tool(
        ...['quote', '-c', 'ak.ctx', '-l', 'sha256:0,7,16', '-q', '00112233', '-g', hash, '--scheme', scheme],
        ...['-m', 'quote.msg', '-s', 'quote.sig', '-o', 'quote.pcrs'],
      );
      await tool('flushcontext', '-t');
      await tool(
        ...['checkquote', '-u', 'ak.pem', '-m', 'quote.msg', '-s', 'quote.sig', '-f', 'quote.pcrs'],
        ...['-g', hash, '-q', '00112233'],
      );
      const name = (await file('ak.name')).toString('hex');
      await writeFile(join(directory, 'secret'), Buffer.alloc(32, 0x42));
      await tool('makecredential', '-T', 'none', '-e', 'ek.pub', '-s', 'secret', '-n', name, '-o', 'cred');
      await tool('startauthsession', '--policy-session', '-S', 'session.ctx');
      await tool('policysecret', '-S', 'session.ctx', '-c', 'e');
      await tool(
        ...['activatecredential', '-c', 'ak.ctx', '-C', 'ek.ctx', '-i', 'cred', '-o', 'activated'],
        ...['-P', 'session:session.ctx'],
      );
      await tool('flushcontext', 'session.ctx');
      expect(await file('activated')).toEqual(await file('secret'));
    },
  );

  it('check a quote that the typed client took', async () => {
    await measuredBoot({ tpm: client, image: presetBaseImage('8.0.3') });
    const ak = await client.createAk();
    const selection = [{ hashAlg: 'SHA256' as const, pcrs: [0, 7, 11, 12, 13, 14] }];
    const nonce = Buffer.alloc(32, 9);
    const { attest, signature } = await client.quote({ ak: ak.handle, qualifyingData: nonce, selection });
    const pem = publicKeyOf(ak.publicArea).export({ type: 'spki', format: 'pem' });
    await writeFile(join(directory, 'ak.pem'), pem);
    await writeFile(join(directory, 'quote.msg'), attest);
    await writeFile(join(directory, 'quote.sig'), signature);
    await tool(
      'checkquote',
      '-u',
      'ak.pem',
      '-m',
      'quote.msg',
      '-s',
      'quote.sig',
      '-g',
      'sha256',
      '-q',
      nonce.toString('hex'),
    );
    const broken = Buffer.from(signature);
    broken[broken.length - 1]! ^= 1;
    await writeFile(join(directory, 'quote.sig'), broken);
    await expect(
      tool(
        'checkquote',
        '-u',
        'ak.pem',
        '-m',
        'quote.msg',
        '-s',
        'quote.sig',
        '-g',
        'sha256',
        '-q',
        nonce.toString('hex'),
      ),
    ).rejects.toThrow();
    expect(decodeTpmtSignature(signature).sigAlg).toBe('ECDSA');
  });

  it.each([
    ['rsa', 'rsassa', 'sha256'],
    ['rsa', 'rsapss', 'sha256'],
    ['ecc', 'ecdsa', 'sha256'],
    ['ecc384', 'ecdsa', 'sha384'],
  ])('quote with %s %s, and our verifier accepts it and its PCR values', async (algorithm, scheme, hash) => {
    await tool('createek', '-c', 'ek.ctx', '-G', 'ecc', '-u', 'ek.pub');
    await tool(
      ...['createak', '-C', 'ek.ctx', '-c', 'ak.ctx', '-G', algorithm, '-g', hash, '-s', scheme],
      ...['-u', 'ak.pub', '-n', 'ak.name'],
    );
    await tool('flushcontext', '-t');
    await tool('pcrextend', `7:sha256=${'cd'.repeat(32)}`);
    await tool(
      ...['quote', '-c', 'ak.ctx', '-l', 'sha256:0,7,14', '-q', '0123456789abcdef', '-g', hash],
      ...['--scheme', scheme, '-m', 'quote.msg', '-s', 'quote.sig', '-o', 'quote.pcrs', '-F', 'values'],
    );
    await tool('flushcontext', '-t');
    const [message, pcrs] = [await file('quote.msg'), await file('quote.pcrs')];
    const signature = decodeTpmtSignature(await file('quote.sig'));
    const akPublic = decodeTpm2bPublic(await file('ak.pub'));
    expect(verifySignature(akPublic, signature, message)).toBe(true);
    const { attested, extraData } = decodeTpmsAttest(message);
    expect(extraData.toString('hex')).toBe('0123456789abcdef');
    if (attested.type !== 'QUOTE') throw new Error('not a quote');
    const quoted = attested.selections.flatMap((selection) => selection.pcrs);
    expect(quoted).toEqual([0, 7, 14]);
    const values = new Map(quoted.map((pcr, index) => [pcr, pcrs.subarray(index * 32, index * 32 + 32)]));
    const digest = (of: typeof values): Buffer | undefined =>
      pcrDigest(akPublic.scheme!.hashAlg, attested.selections, new Map([['SHA256' as const, of]]));
    expect(digest(values)).toEqual(attested.pcrDigest);
    values.set(7, Buffer.alloc(32));
    expect(digest(values)).not.toEqual(attested.pcrDigest);
    message[message.length - 1]! ^= 1;
    expect(verifySignature(akPublic, signature, message)).toBe(false);
  });

  it('check the PCR values beside a quote that the typed client took', async () => {
    await measuredBoot({ tpm: client, image: presetBaseImage('8.0.3') });
    const ak = await client.createAk();
    const selection = [{ hashAlg: 'SHA256' as const, pcrs: [0, 7, 14] }];
    const { attest, signature } = await client.quote({
      ak: ak.handle,
      qualifyingData: Buffer.alloc(8, 7),
      selection,
    });
    const values = [...(await client.pcrRead(selection)).get('SHA256')!.values()];
    const pem = publicKeyOf(ak.publicArea).export({ type: 'spki', format: 'pem' });
    await writeFile(join(directory, 'ak.pem'), pem);
    await writeFile(join(directory, 'quote.msg'), attest);
    await writeFile(join(directory, 'quote.sig'), signature);
    const check = async (pcrs: readonly Buffer[]): Promise<string> => {
      await writeFile(join(directory, 'pcrs'), Buffer.concat(pcrs));
      return tool(
        ...['checkquote', '-u', 'ak.pem', '-m', 'quote.msg', '-s', 'quote.sig', '-g', 'sha256'],
        ...['-q', '07'.repeat(8), '-f', 'pcrs', '-l', 'sha256:0,7,14', '-F', 'values'],
      );
    };
    expect(await check(values)).toContain(values[1]!.toString('hex').toUpperCase());
    await expect(check(values.toReversed())).rejects.toThrow();
  });

  it('read and extend the PCRs that the typed client reads', async () => {
    await client.pcrExtend(14, new Map([['SHA256', Buffer.alloc(32, 3)]]));
    await tool('pcrextend', `14:sha256=${'04'.repeat(32)}`);
    await tool('pcrread', 'sha256:14', '-o', 'pcr14');
    const values = await client.pcrRead([{ hashAlg: 'SHA256', pcrs: [14] }]);
    expect(await file('pcr14')).toEqual(values.get('SHA256')!.get(14));
    const expected = extendedPcr(
      'SHA256',
      extendedPcr('SHA256', Buffer.alloc(32), Buffer.alloc(32, 3)),
      Buffer.alloc(32, 4),
    );
    expect(await file('pcr14')).toEqual(expected);
  });

  it.each(['rsa', 'ecc'] as const)(
    'make a credential for the %s endorsement key that the client opens',
    async (algorithm) => {
      const ek = await client.ensureEk(algorithm === 'rsa' ? 'rsa2048' : 'p256');
      const ak = await client.createAk();
      await writeFile(join(directory, 'ek.pub'), encodeTpm2bPublic(ek.publicArea));
      await writeFile(join(directory, 'secret'), Buffer.alloc(32, 0x17));
      await tool(
        ...['makecredential', '-T', 'none', '-u', 'ek.pub', '-s', 'secret', '-n', ak.name.toString('hex')],
        ...['-o', 'cred'],
      );
      const credential = await file('cred');
      expect(credential.subarray(0, 8)).toEqual(CREDENTIAL_FILE_HEADER);
      const idObjectBytes = credential.readUInt16BE(8);
      const idObject = credential.subarray(10, 10 + idObjectBytes);
      const encryptedSecret = credential.subarray(12 + idObjectBytes);
      const opened = await client.activateCredential({
        ak: ak.handle,
        ek: ek.handle,
        idObject,
        encryptedSecret,
      });
      expect(opened).toEqual(Buffer.alloc(32, 0x17));
    },
  );

  it('open a credential that kpsim made', async () => {
    await tool('createek', '-c', 'ek.ctx', '-G', 'ecc', '-u', 'ek.pub');
    await tool(
      'createak',
      '-C',
      'ek.ctx',
      '-c',
      'ak.ctx',
      '-G',
      'ecc',
      '-g',
      'sha256',
      '-s',
      'ecdsa',
      '-n',
      'ak.name',
    );
    await tool('flushcontext', '-t');
    const ekPublic = decodeTpm2bPublic(await file('ek.pub'));
    const secret = Buffer.alloc(32, 0x33);
    const { idObject, encryptedSecret } = makeCredential({
      ekPublic,
      objectName: await file('ak.name'),
      secret,
    });
    const sized = (bytes: Buffer): Buffer => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(bytes.length, 0);
      return Buffer.concat([length, bytes]);
    };
    await writeFile(
      join(directory, 'cred'),
      Buffer.concat([CREDENTIAL_FILE_HEADER, sized(idObject), sized(encryptedSecret)]),
    );
    await tool('startauthsession', '--policy-session', '-S', 'session.ctx');
    await tool('policysecret', '-S', 'session.ctx', '-c', 'e');
    await tool(
      'activatecredential',
      '-c',
      'ak.ctx',
      '-C',
      'ek.ctx',
      '-i',
      'cred',
      '-o',
      'out',
      '-P',
      'session:session.ctx',
    );
    expect(await file('out')).toEqual(secret);
  });

  it('read the endorsement certificate from NV memory', async () => {
    await tool('nvread', '0x01c00002', '-C', '0x01c00002', '-o', 'ek.der');
    expect(await file('ek.der')).toEqual(await client.ekCertificate('rsa2048'));
    const listed = await tool('nvreadpublic', '0x01c00002');
    expect(listed).toContain('0x62072001');
  });

  it('seal and unseal data under a PCR policy', async () => {
    await tool('createprimary', '-C', 'o', '-G', 'ecc', '-c', 'srk.ctx');
    await tool('startauthsession', '-S', 'trial.ctx');
    await tool('policypcr', '-S', 'trial.ctx', '-l', 'sha256:16', '-L', 'pcr.policy');
    await tool('flushcontext', 'trial.ctx');
    await writeFile(join(directory, 'data'), 'sealed words');
    await tool(
      'create',
      '-C',
      'srk.ctx',
      '-L',
      'pcr.policy',
      '-i',
      'data',
      '-u',
      'seal.pub',
      '-r',
      'seal.priv',
    );
    await tool('flushcontext', '-t');
    await tool('load', '-C', 'srk.ctx', '-u', 'seal.pub', '-r', 'seal.priv', '-c', 'seal.ctx');
    await tool('flushcontext', '-t');
    await tool('startauthsession', '--policy-session', '-S', 'policy.ctx');
    await tool('policypcr', '-S', 'policy.ctx', '-l', 'sha256:16');
    expect(await tool('unseal', '-c', 'seal.ctx', '-p', 'session:policy.ctx')).toBe('sealed words');
    await tool('flushcontext', 'policy.ctx');
    await tool('pcrextend', `16:sha256=${'01'.repeat(32)}`);
    await expect(tool('unseal', '-c', 'seal.ctx', '-p', 'pcr:sha256:16')).rejects.toThrow();
  });

  it('encrypt parameters in a session that is salted with a key of the TPM', async () => {
    await tool('createprimary', '-C', 'o', '-G', 'ecc', '-c', 'srk.ctx');
    await tool('startauthsession', '--hmac-session', '-c', 'srk.ctx', '-S', 'salted.ctx');
    await tool('sessionconfig', 'salted.ctx', '--enable-encrypt', '--enable-decrypt');
    await tool('flushcontext', '-t');
    await writeFile(join(directory, 'data'), 'sealed words');
    await tool(
      ...['create', '-C', 'srk.ctx', '-P', 'session:salted.ctx', '-p', 'secret', '-i', 'data'],
      ...['-u', 'seal.pub', '-r', 'seal.priv'],
    );
    await tool('flushcontext', '-t');
    await tool('load', '-C', 'srk.ctx', '-u', 'seal.pub', '-r', 'seal.priv', '-c', 'seal.ctx');
    await tool('flushcontext', '-t');
    await tool('sessionconfig', 'salted.ctx', '--enable-encrypt', '--disable-decrypt');
    expect(await tool('unseal', '-c', 'seal.ctx', '-p', 'session:salted.ctx+secret')).toBe('sealed words');
    await expect(tool('unseal', '-c', 'seal.ctx', '-p', 'wrong')).rejects.toThrow();
  });

  it('sign and use HMAC sessions with an authorization value', async () => {
    await tool('createprimary', '-C', 'o', '-G', 'ecc', '-c', 'srk.ctx');
    await tool('create', '-C', 'srk.ctx', '-G', 'ecc', '-p', 'secret', '-u', 'key.pub', '-r', 'key.priv');
    await tool('flushcontext', '-t');
    await tool('load', '-C', 'srk.ctx', '-u', 'key.pub', '-r', 'key.priv', '-c', 'key.ctx');
    await tool('flushcontext', '-t');
    await writeFile(join(directory, 'message'), 'signed words');
    await tool('startauthsession', '--hmac-session', '-S', 'hmac.ctx');
    await tool(
      ...['sign', '-c', 'key.ctx', '-p', 'session:hmac.ctx+secret', '-g', 'sha256', '-s', 'ecdsa'],
      ...['-f', 'plain', '-o', 'signature', 'message'],
    );
    await tool('flushcontext', 'hmac.ctx');
    await tool('readpublic', '-c', 'key.ctx', '-f', 'pem', '-o', 'key.pem');
    const verified = await tools.run(
      ...([
        'openssl',
        'dgst',
        '-sha256',
        '-verify',
        'key.pem',
        '-signature',
        'signature',
        'message',
      ] as const),
    );
    expect(verified).toContain('Verified OK');
  });

  it('list capabilities', async () => {
    expect(await tool('getcap', 'properties-fixed')).toContain(kind === 'software' ? 'KPSI' : 'IBM');
    expect(await tool('getcap', 'pcrs')).toContain('sha384');
    expect(await tool('getcap', 'handles-persistent')).toContain('0x81010001');
    expect(await tool('getcap', 'algorithms')).toContain('ecdsa');
    expect(await tool('getcap', 'commands')).toContain('TPM2_CC_Quote');
    expect(await tool('getcap', 'ecc-curves')).toContain('TPM2_ECC_NIST_P256');
  });

  it('parse the event log of a measured boot and replay it to the same PCRs', async () => {
    const { eventLog, log } = await measuredBoot({
      tpm: client,
      image: presetBaseImage('8.0.3'),
      assetTag: 'rack 7',
    });
    await writeFile(join(directory, 'log'), eventLog);
    const text = await tool('eventlog', 'log');
    expect(text.match(/EventNum/g)).toHaveLength(log.events.length + 1);
    const replayed = text.slice(text.indexOf('\npcrs:'));
    const sha256 = replayed.slice(replayed.indexOf('sha256:'), replayed.indexOf('sha384:'));
    const values = (await client.pcrRead([{ hashAlg: 'SHA256', pcrs: [...Array(PCR_COUNT).keys()] }])).get(
      'SHA256',
    );
    for (const pcr of [0, 1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 14]) {
      expect(sha256).toMatch(new RegExp(`\\b${pcr}\\s*: 0x${values!.get(pcr)!.toString('hex')}`));
    }
  });
}

describeWith(TPM2_TOOLS, 'tpm2-tools against the software TPM', () => {
  toolsSuite('software');
});

describeWith([SWTPM, TPM2_TOOLS], 'tpm2-tools against swtpm', () => {
  toolsSuite('swtpm');
});
