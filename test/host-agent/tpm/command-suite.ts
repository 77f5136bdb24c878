import { createHash, generateKeyPairSync, sign } from 'node:crypto';

import { expect, it } from 'vitest';

import type { TpmDeviceHandle, TpmKind } from '../../../host-agent/tpm/index.js';
import {
  AK_TEMPLATES,
  ENDORSEMENT_KEYS,
  SRK_TEMPLATE_P256,
  TPMA_NV,
  TPMA_OBJECT,
  TPM_CAP,
  TPM_CC,
  TPM_HT,
  TPM_PT,
  TPM_RH,
  TPM_SE,
  TPM_ST,
  TpmError,
  TpmReader,
  decodeTpmtSignature,
  encodeTpmtSignature,
  handleTypeOf,
  initialPcr,
  makeCredential,
  objectName,
  readTicket,
  writeHashAlgorithm,
  writeNvPublic,
  writeSymmetric,
  writeTpmtPublic,
} from '../../../wire/tpm2/index.js';
import type { AkAlgorithm, TpmWriter, TpmtPublic } from '../../../wire/tpm2/index.js';
import { startedDevice } from './devices.js';
import { byPassword, byPolicy, command } from './raw-command.js';

const NOTHING = Buffer.alloc(0);
const AK = AK_TEMPLATES['p256-ecdsa-sha256'];
/** PolicySecret(TPM_RH_ENDORSEMENT) with SHA-256 (TCG EK Credential Profile §B.3.3). */
const EK_POLICY_HEX = '837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa';
const DIGEST = createHash('sha256').update('a message').digest();

/** Starts a session. @returns its handle and nonceTPM */
async function startSession(
  device: TpmDeviceHandle,
  type: keyof typeof TPM_SE,
  nonceBytes = 16,
): Promise<{ readonly handle: number; readonly nonceTpm: Buffer }> {
  const { handle = 0, parameters } = await command(
    device.transport(),
    'StartAuthSession',
    [TPM_RH.NULL, TPM_RH.NULL],
    (writer) => {
      writer.sized(Buffer.alloc(nonceBytes, 7)).sized(NOTHING).u8(TPM_SE[type]);
      writeSymmetric(writer, undefined);
      writeHashAlgorithm(writer, 'SHA256');
    },
  );
  return { handle, nonceTpm: new TpmReader(parameters).sized(64) };
}

async function policySecret(
  device: TpmDeviceHandle,
  session: number,
  options: { readonly auth?: string; readonly nonce?: Buffer; readonly entity?: number } = {},
): Promise<void> {
  await command(
    device.transport(),
    'PolicySecret',
    [options.entity ?? TPM_RH.ENDORSEMENT, session],
    (writer) =>
      writer
        .sized(options.nonce ?? NOTHING)
        .sized(NOTHING)
        .sized(NOTHING)
        .u32(0),
    [byPassword(options.auth)],
  );
}

async function policyDigest(device: TpmDeviceHandle, session: number): Promise<string> {
  const { parameters } = await command(device.transport(), 'PolicyGetDigest', [session]);
  return new TpmReader(parameters).sized(64).toString('hex');
}

/** Loads a public key. */
async function loadExternal(
  device: TpmDeviceHandle,
  area: TpmtPublic,
  hierarchy: number,
  sensitive: Buffer = NOTHING,
): Promise<{ readonly handle: number; readonly name: Buffer }> {
  const { handle = 0, parameters } = await command(device.transport(), 'LoadExternal', [], (writer) => {
    writer.sized(sensitive).sizedStructure((inner) => {
      writeTpmtPublic(inner, area);
    });
    writer.u32(hierarchy);
  });
  return { handle, name: new TpmReader(parameters).sized(66) };
}

async function capability(
  device: TpmDeviceHandle,
  kind: number,
  property: number,
  count: number,
): Promise<{ readonly more: boolean; readonly values: number[] }> {
  const { parameters } = await command(device.transport(), 'GetCapability', [], (writer) =>
    writer.u32(kind).u32(property).u32(count),
  );
  const reader = new TpmReader(parameters);
  const more = reader.u8() === 1;
  expect(reader.u32()).toBe(kind);
  const pairs = kind === TPM_CAP.TPM_PROPERTIES ? 2 : 1;
  return { more, values: Array.from({ length: reader.u32() * pairs }, () => reader.u32()) };
}

/** A key of openssl as a TPM has it, to sign with the attributes of an attestation key made elsewhere. */
function foreignKey(): { readonly area: TpmtPublic; readonly signature: Buffer; readonly sensitive: Buffer } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const { d = '' } = privateKey.export({ format: 'jwk' });
  const area: TpmtPublic = {
    ...AK,
    objectAttributes: TPMA_OBJECT.USER_WITH_AUTH | TPMA_OBJECT.SIGN | TPMA_OBJECT.NO_DA,
    unique: { x: Buffer.from(x, 'base64url'), y: Buffer.from(y, 'base64url') },
  };
  const raw = sign('sha256', Buffer.from('a message'), { key: privateKey, dsaEncoding: 'ieee-p1363' });
  const [r, s] = [raw.subarray(0, 32), raw.subarray(32)];
  const secret = Buffer.from(d, 'base64url');
  // TPMT_SENSITIVE: type ECC, no authValue, no seedValue, the scalar.
  const sensitive = Buffer.concat([
    Buffer.from('00230000000000', 'hex'),
    Buffer.from([secret.length]),
    secret,
  ]);
  return { area, signature: encodeTpmtSignature({ sigAlg: 'ECDSA', hashAlg: 'SHA256', r, s }), sensitive };
}

/** What the commands of a TPM do; the same on every kind, so that swtpm judges ours. */
export function commandSuite(kind: TpmKind): void {
  it('TPM2_SelfTest passes, in full or not, and TPM2_GetTestResult says so', async () => {
    const { device } = await startedDevice(kind);
    for (const full of [1, 0]) await command(device.transport(), 'SelfTest', [], (writer) => writer.u8(full));
    const { parameters } = await command(device.transport(), 'GetTestResult');
    const reader = new TpmReader(parameters);
    reader.sized(1024);
    expect(reader.u32()).toBe(0);
    await expect(command(device.transport(), 'SelfTest', [], (writer) => writer.u8(2))).rejects.toMatchObject(
      { code: 'tpm_value' },
    );
  });

  it('TPM2_VerifySignature verifies a foreign signature and gives a ticket of the hierarchy of the key', async () => {
    const { device, client } = await startedDevice(kind);
    const { area, signature } = foreignKey();
    const { handle } = await loadExternal(device, area, TPM_RH.OWNER);
    const ticket = await client.verifySignature(handle, DIGEST, signature);
    expect(ticket).toMatchObject({ tag: TPM_ST.VERIFIED, hierarchy: TPM_RH.OWNER });
    expect(ticket.digest.length).toBeGreaterThanOrEqual(32);
    expect(await client.verifySignature(handle, DIGEST, signature)).toEqual(ticket);
    const broken = Buffer.from(signature);
    broken[broken.length - 1]! ^= 1;
    await expect(client.verifySignature(handle, DIGEST, broken)).rejects.toMatchObject({
      code: 'tpm_signature',
    });
    await expect(client.verifySignature(handle, Buffer.alloc(32), signature)).rejects.toMatchObject({
      code: 'tpm_signature',
    });
    await client.flush(handle);
    const ofNobody = await loadExternal(device, area, TPM_RH.NULL);
    expect(await client.verifySignature(ofNobody.handle, DIGEST, signature)).toEqual({
      tag: TPM_ST.VERIFIED,
      hierarchy: TPM_RH.NULL,
      digest: NOTHING,
    });
  });

  it.each(Object.keys(AK_TEMPLATES) as AkAlgorithm[])(
    "TPM2_VerifySignature verifies the TPM's own quotes by %s, and no other digest",
    async (algorithm) => {
      const { client } = await startedDevice(kind);
      const ak = await client.createAk({ algorithm });
      const request = { ak: ak.handle, qualifyingData: NOTHING, selection: [] };
      const { attest, signature } = await client.quote(request);
      const digest = createHash(ak.publicArea.scheme!.hashAlg.toLowerCase()).update(attest).digest();
      const ticket = await client.verifySignature(ak.handle, digest, signature);
      expect(ticket.hierarchy).toBe(TPM_RH.ENDORSEMENT);
      digest[0]! ^= 1;
      await expect(client.verifySignature(ak.handle, digest, signature)).rejects.toMatchObject({
        code: 'tpm_signature',
      });
    },
  );

  it('TPM2_VerifySignature refuses a key that does not sign', async () => {
    const { client } = await startedDevice(kind);
    const ek = await client.ensureEk('p256');
    const { signature } = foreignKey();
    await expect(client.verifySignature(ek.handle, DIGEST, signature)).rejects.toMatchObject({
      code: 'tpm_attributes',
    });
    expect(decodeTpmtSignature(signature).sigAlg).toBe('ECDSA');
  });

  it('TPM2_LoadExternal loads a public key anywhere, a whole key in the null hierarchy only', async () => {
    const { device, client } = await startedDevice(kind);
    const { area, sensitive } = foreignKey();
    const { handle, name } = await loadExternal(device, area, TPM_RH.ENDORSEMENT);
    expect(name).toEqual(objectName(area));
    expect((await client.readPublic(handle)).name).toEqual(name);
    await client.flush(handle);
    const whole = await loadExternal(device, area, TPM_RH.NULL, sensitive);
    const signed = await client.sign(whole.handle, DIGEST);
    expect(await client.verifySignature(whole.handle, DIGEST, signed)).toMatchObject({
      hierarchy: TPM_RH.NULL,
    });
    await expect(loadExternal(device, area, TPM_RH.OWNER, sensitive)).rejects.toMatchObject({
      code: 'tpm_hierarchy',
    });
    const kept = { ...area, objectAttributes: area.objectAttributes | TPMA_OBJECT.FIXED_TPM };
    await expect(loadExternal(device, kept, TPM_RH.NULL, sensitive)).rejects.toMatchObject({
      code: 'tpm_attributes',
    });
  });

  it('TPM2_PolicyGetDigest and TPM2_PolicySecret give the published policy of endorsement keys', async () => {
    const { device } = await startedDevice(kind);
    for (const type of ['TRIAL', 'POLICY'] as const) {
      const { handle } = await startSession(device, type);
      expect(await policyDigest(device, handle)).toBe('00'.repeat(32));
      await policySecret(device, handle);
      expect(await policyDigest(device, handle)).toBe(EK_POLICY_HEX);
    }
    const hmac = await startSession(device, 'HMAC');
    await expect(policyDigest(device, hmac.handle)).rejects.toThrow();
  });

  it('TPM2_PolicySecret checks the authorization value and the nonce', async () => {
    const { device } = await startedDevice(kind);
    const { handle, nonceTpm } = await startSession(device, 'POLICY');
    await expect(policySecret(device, handle, { auth: 'wrong' })).rejects.toMatchObject({
      code: 'tpm_bad_auth',
    });
    await expect(policySecret(device, handle, { nonce: Buffer.alloc(16) })).rejects.toMatchObject({
      code: 'tpm_nonce',
    });
    await policySecret(device, handle, { nonce: nonceTpm });
    expect(await policyDigest(device, handle)).toBe(EK_POLICY_HEX);
  });

  it('TPM2_StartAuthSession gives handles of the kind of the session, and refuses short nonces and wrong types', async () => {
    const { device } = await startedDevice(kind);
    expect(handleTypeOf((await startSession(device, 'HMAC')).handle)).toBe(TPM_HT.HMAC_SESSION);
    expect(handleTypeOf((await startSession(device, 'POLICY')).handle)).toBe(TPM_HT.POLICY_SESSION);
    expect((await startSession(device, 'TRIAL', 32)).nonceTpm).toHaveLength(32);
    await expect(startSession(device, 'POLICY', 15)).rejects.toMatchObject({ code: 'tpm_size' });
    await expect(startSession(device, 'POLICY', 33)).rejects.toMatchObject({ code: 'tpm_size' });
  });

  it('TPM2_MakeCredential makes what TPM2_ActivateCredential opens', async () => {
    const { device, client } = await startedDevice(kind);
    const ek = await client.ensureEk('p256');
    const ak = await client.createAk();
    const secret = Buffer.alloc(32, 0x5a);
    const make = async (key: number): Promise<TpmReader> => {
      const write = (writer: TpmWriter): unknown => writer.sized(secret).sized(ak.name);
      return new TpmReader((await command(device.transport(), 'MakeCredential', [key], write)).parameters);
    };
    const reader = await make(ek.handle);
    const credential = { idObject: reader.sized(256), encryptedSecret: reader.sized(384) };
    expect(await client.activateCredential({ ak: ak.handle, ek: ek.handle, ...credential })).toEqual(secret);
    await expect(make(ak.handle)).rejects.toMatchObject({ code: 'tpm_type' });
  });

  it('TPM2_HierarchyChangeAuth gives a hierarchy another authorization value', async () => {
    const { device, client } = await startedDevice(kind);
    const change = async (from: string, to: string): Promise<unknown> =>
      command(
        device.transport(),
        'HierarchyChangeAuth',
        [TPM_RH.OWNER],
        (writer) => writer.sized(Buffer.from(to)),
        [byPassword(from)],
      );
    await change('', 'secret');
    await expect(client.createPrimary('OWNER', SRK_TEMPLATE_P256)).rejects.toMatchObject({
      code: 'tpm_bad_auth',
    });
    const hierarchyAuth = Buffer.from('secret');
    const { handle } = await client.createPrimary('OWNER', SRK_TEMPLATE_P256, { hierarchyAuth });
    await client.flush(handle);
    await expect(change('wrong', '')).rejects.toMatchObject({ code: 'tpm_bad_auth' });
    await client.shutdown();
    await device.reset();
    await client.startup();
    await expect(change('', 'other')).rejects.toMatchObject({ code: 'tpm_bad_auth' });
    await change('secret', '');
    await client.createPrimary('OWNER', SRK_TEMPLATE_P256);
  });

  it('TPM2_DictionaryAttackLockReset forgives wrong authorization values, for the lockout authority alone', async () => {
    const { device, client } = await startedDevice(kind);
    const template = { ...AK, objectAttributes: AK.objectAttributes & ~TPMA_OBJECT.NO_DA };
    const key = await client.createPrimary('OWNER', template, { userAuth: Buffer.from('secret') });
    const failures = async (): Promise<number | undefined> =>
      (await capability(device, TPM_CAP.TPM_PROPERTIES, TPM_PT.LOCKOUT_COUNTER, 1)).values[1];
    const before = (await failures())!;
    const wrong = { ak: key.handle, qualifyingData: NOTHING, selection: [], akAuth: Buffer.from('wrong') };
    await expect(client.quote(wrong)).rejects.toMatchObject({ code: 'tpm_auth_fail' });
    expect(await failures()).toBe(before + 1);
    const reset = (handle: number): Promise<unknown> =>
      command(device.transport(), 'DictionaryAttackLockReset', [handle], undefined, [byPassword()]);
    await expect(reset(TPM_RH.OWNER)).rejects.toMatchObject({ code: 'tpm_value' });
    expect(await failures()).toBe(before + 1);
    await reset(TPM_RH.LOCKOUT);
    expect(await failures()).toBe(0);
  });

  it('attests in a lockout too, also after the power was cut in it: its keys are none to guess at', async () => {
    const { device, client } = await startedDevice(kind);
    const template = { ...AK, objectAttributes: AK.objectAttributes & ~TPMA_OBJECT.NO_DA };
    const lockOut = async (): Promise<void> => {
      const key = await client.createPrimary('OWNER', template, { userAuth: Buffer.from('secret') });
      const wrong = { ak: key.handle, qualifyingData: NOTHING, selection: [], akAuth: Buffer.from('wrong') };
      const guess = () =>
        client.quote(wrong).then(
          () => 'quoted',
          (error: unknown) => (error instanceof TpmError ? error.code : String(error)),
        );
      for (let attempt = 0; (await guess()) !== 'tpm_lockout'; attempt += 1) expect(attempt).toBeLessThan(40);
      await client.flush(key.handle);
    };
    const attests = async (): Promise<void> => {
      const [ak, ek] = [await client.createAk(), await client.ensureEk('p256')];
      await client.quote({ ak: ak.handle, qualifyingData: NOTHING, selection: [] });
      const secret = Buffer.from('0123456789abcdef');
      const credential = makeCredential({ ekPublic: ek.publicArea, objectName: ak.name, secret });
      const opened = await client.activateCredential({ ...credential, ak: ak.handle, ek: ek.handle });
      expect(opened).toEqual(secret);
      await client.flush(ak.handle);
    };
    await lockOut();
    await attests();
    await device.reset();
    await client.startup();
    await attests();
    const reset = [TPM_RH.LOCKOUT];
    await command(device.transport(), 'DictionaryAttackLockReset', reset, undefined, [byPassword()]);
    await lockOut();
  });

  it('TPM2_ContextSave and TPM2_ContextLoad bring an object back as often as wanted, a session once', async () => {
    const { device, client } = await startedDevice(kind);
    const save = async (handle: number): Promise<Buffer> =>
      (await command(device.transport(), 'ContextSave', [handle])).parameters;
    const load = async (context: Buffer): Promise<number> =>
      (await command(device.transport(), 'ContextLoad', [], (writer) => writer.bytes(context))).handle!;
    const ak = await client.createAk();
    const context = await save(ak.handle);
    await client.flush(ak.handle);
    for (let time = 0; time < 2; time += 1) {
      const handle = await load(context);
      expect((await client.readPublic(handle)).name).toEqual(ak.name);
      await client.flush(handle);
    }
    const altered = Buffer.from(context);
    altered[altered.length - 1]! ^= 1;
    await expect(load(altered)).rejects.toMatchObject({ code: 'tpm_integrity' });

    const session = await startSession(device, 'POLICY');
    await policySecret(device, session.handle);
    const saved = await save(session.handle);
    await expect(policyDigest(device, session.handle)).rejects.toThrow();
    expect(await load(saved)).toBe(session.handle);
    expect(await policyDigest(device, session.handle)).toBe(EK_POLICY_HEX);
    await expect(load(saved)).rejects.toMatchObject({ code: 'tpm_handle' });
  });

  it('TPM2_GetCapability tells properties, handles and commands, in parts if asked', async () => {
    const { device, client } = await startedDevice(kind);
    const family = await capability(device, TPM_CAP.TPM_PROPERTIES, TPM_PT.FAMILY_INDICATOR, 1);
    expect(family).toEqual({ more: true, values: [TPM_PT.FAMILY_INDICATOR, 0x322e3000] });
    const persistent = await capability(device, TPM_CAP.HANDLES, TPM_HT.PERSISTENT * 0x1000000, 16);
    expect(persistent.values).toEqual([ENDORSEMENT_KEYS.p256.handle]);
    const ak = await client.createAk();
    const transient = await capability(device, TPM_CAP.HANDLES, TPM_HT.TRANSIENT * 0x1000000, 16);
    expect(transient.values).toEqual([ak.handle]);
    const commands = await capability(device, TPM_CAP.COMMANDS, 0, 256);
    const codes = new Set(commands.values.map((attributes) => attributes & 0xffff));
    for (const row of Object.values(TPM_CC)) expect(codes).toContain(row.code);
    const [first] = commands.values;
    const next = await capability(device, TPM_CAP.COMMANDS, (first! & 0xffff) + 1, 1);
    expect(next).toEqual({ more: true, values: [commands.values[1]] });
    await expect(capability(device, 0x7f, 0, 1)).rejects.toMatchObject({ code: 'tpm_value' });
  });

  it('TPM2_PCR_Reset resets the debug and application PCRs in every bank, and no other', async () => {
    const { device, client } = await startedDevice(kind);
    const reset = (pcr: number): Promise<unknown> =>
      command(device.transport(), 'PCR_Reset', [pcr], undefined, [byPassword()]);
    const selection = [{ hashAlg: 'SHA256' as const, pcrs: [0, 16, 23] }];
    for (const pcr of [0, 16, 23]) await client.pcrExtend(pcr, new Map([['SHA256', Buffer.alloc(32, 1)]]));
    const before = (await client.pcrRead(selection)).get('SHA256')!;
    await reset(16);
    await reset(23);
    for (const pcr of [0, 17, 20]) await expect(reset(pcr)).rejects.toMatchObject({ code: 'tpm_locality' });
    const after = (await client.pcrRead(selection)).get('SHA256')!;
    expect(after.get(0)).toEqual(before.get(0));
    for (const pcr of [16, 23]) expect(after.get(pcr)).toEqual(initialPcr('SHA256', pcr));
  });

  it('TPM2_Startup(STATE) brings back PCRs 0 to 15 alone, unless one of them changed after TPM2_Shutdown', async () => {
    const { device, client } = await startedDevice(kind);
    const one = new Map([['SHA256' as const, Buffer.alloc(32, 1)]]);
    const selection = [{ hashAlg: 'SHA256' as const, pcrs: [10, 16] }];
    await client.pcrExtend(10, one);
    await client.pcrExtend(16, one);
    const before = (await client.pcrRead(selection)).get('SHA256')!;
    await client.shutdown('STATE');
    await command(device.transport(), 'PCR_Reset', [23], undefined, [byPassword()]);
    await client.pcrExtend(16, one);
    await device.reset();
    await client.startup('STATE');
    const after = (await client.pcrRead(selection)).get('SHA256')!;
    expect(after.get(10)).toEqual(before.get(10));
    expect(after.get(16)).toEqual(initialPcr('SHA256', 16));
    await client.shutdown('STATE');
    await client.pcrExtend(10, one);
    await device.reset();
    await expect(client.startup('STATE')).rejects.toMatchObject({ code: 'tpm_value' });
  });

  it('an NV index is read and written as its attributes say: by its value or by its policy', async () => {
    const { device } = await startedDevice(kind);
    const attributes = TPMA_NV.AUTHWRITE | TPMA_NV.POLICYREAD | TPMA_NV.NO_DA;
    const index = 0x01800001;
    const write = (writer: TpmWriter): unknown => {
      writer.sized(NOTHING);
      const authPolicy = Buffer.from(EK_POLICY_HEX, 'hex');
      writeNvPublic(writer, { nvIndex: index, nameAlg: 'SHA256', attributes, authPolicy, dataBytes: 4 });
      return writer;
    };
    await command(device.transport(), 'NV_DefineSpace', [TPM_RH.OWNER], write, [byPassword()]);
    const policy = await startSession(device, 'POLICY');
    await policySecret(device, policy.handle);
    const data = Buffer.from('data');
    const nvWrite = (auth: ReturnType<typeof byPassword>): Promise<unknown> =>
      command(device.transport(), 'NV_Write', [index, index], (writer) => writer.sized(data).u16(0), [auth]);
    const nvRead = async (auth: ReturnType<typeof byPassword>): Promise<Buffer> => {
      const read = await command(
        device.transport(),
        'NV_Read',
        [index, index],
        (writer) => writer.u16(4).u16(0),
        [auth],
      );
      return new TpmReader(read.parameters).sized(4);
    };
    await expect(nvWrite(byPolicy(policy.handle))).rejects.toMatchObject({ code: 'tpm_auth_unavailable' });
    await nvWrite(byPassword());
    await expect(nvRead(byPassword())).rejects.toMatchObject({ code: 'tpm_auth_unavailable' });
    expect(await nvRead(byPolicy(policy.handle))).toEqual(data);
  });

  it('TPM2_Hash gives a ticket that is no ticket of a verified signature', async () => {
    const { device } = await startedDevice(kind);
    const { parameters } = await command(device.transport(), 'Hash', [], (writer) => {
      writer.sized(Buffer.from('a message'));
      writeHashAlgorithm(writer, 'SHA256');
      writer.u32(TPM_RH.OWNER);
    });
    const reader = new TpmReader(parameters);
    expect(reader.sized(64)).toEqual(DIGEST);
    expect(readTicket(reader)).toMatchObject({ tag: TPM_ST.HASHCHECK, hierarchy: TPM_RH.OWNER });
  });
}
