import { describe, expect, it } from 'vitest';
import {
  EndorsementPool,
  SoftwareTpm,
  SoftwareTpmTransport,
  TpmClient,
} from '../../../host-agent/tpm/index.js';
import {
  AK_TEMPLATES,
  ENDORSEMENT_KEYS,
  FRAME_HEADER_BYTES,
  SRK_TEMPLATE_P256,
  TPMA_NV,
  TPMA_OBJECT,
  TPM_CC,
  TPM_RC,
  TPM_RH,
  decodeResponse,
  encodeCommand,
  encodeWhole,
  initialPcr,
  sessionRc,
} from '../../../wire/tpm2/index.js';
import type { CommandName, CommandRow } from '../../../wire/tpm2/index.js';
import { startedTpm } from './tpm-fixture.js';
import { fc } from '../../property.js';

const NOTHING = Buffer.alloc(0);
const emptyPassword = { sessionHandle: TPM_RH.PW, nonce: NOTHING, attributes: 0, hmac: NOTHING };

describe('whatever bytes it gets, a software TPM', () => {
  const seedFrame = (name: CommandName, parameters: Buffer): Buffer => {
    const row: CommandRow = TPM_CC[name];
    const sessions = row.handles.filter((role) => role !== 'none').map(() => emptyPassword);
    return encodeCommand({ name, handles: row.handles.map(() => 0x80000000), sessions, parameters });
  };
  const frames = (Object.keys(TPM_CC) as CommandName[]).map((name) => seedFrame(name, Buffer.alloc(20)));
  const bytes = fc.uint8Array({ maxLength: 120 }).map((array) => Buffer.from(array));
  const hostile = fc.oneof(
    bytes,
    fc.tuple(fc.constantFrom(...frames), bytes).map(([frame, tail]) => {
      const joined = Buffer.concat([frame, tail]);
      joined.writeUInt32BE(joined.length, 2);
      return joined;
    }),
    fc
      .tuple(
        fc.constantFrom(...frames),
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 6 }),
      )
      .map(([frame, changes]) => {
        const copy = Buffer.from(frame);
        for (const [at, value] of changes) copy[at % copy.length] = value;
        return copy;
      }),
  );

  it('answers with a response frame and goes on', async () => {
    const { tpm, client } = await startedTpm();
    await client.createAk();
    fc.assert(
      fc.property(hostile, (frame) => {
        const response = tpm.execute(frame);
        expect(response.length).toBeGreaterThanOrEqual(FRAME_HEADER_BYTES);
        expect(response.readUInt32BE(2)).toBe(response.length);
        expect(response.readUInt32BE(6)).not.toBe(TPM_RC.FAILURE);
      }),
      { numRuns: 3000 },
    );
    expect(await client.getRandom(8)).toHaveLength(8);
  });

  it.each([
    ['', TPM_RC.COMMAND_SIZE],
    ['8001', TPM_RC.COMMAND_SIZE],
    ['80010000000b0000017b0008', TPM_RC.COMMAND_SIZE],
    ['00c10000000c0000017b0008', TPM_RC.BAD_TAG],
    ['80010000000c0000ffff0008', TPM_RC.COMMAND_CODE],
    ['80010000000a0000017b', TPM_RC.INSUFFICIENT | 0x140],
    ['80010000000d0000017b000800', TPM_RC.SIZE],
    ['80010000000e0000017e00000000', TPM_RC.SUCCESS],
  ])('answers %j with the response code of the specification', async (frameHex, rc) => {
    const { tpm } = await startedTpm();
    const response = tpm.execute(Buffer.from(frameHex, 'hex'));
    expect(response.readUInt32BE(6)).toBe(rc);
  });
});

describe('power and startup', () => {
  it('refuses commands before TPM2_Startup and a second TPM2_Startup', async () => {
    const { tpm, client } = await startedTpm();
    await expect(client.startup()).rejects.toMatchObject({ code: 'tpm_initialize' });
    tpm.reset();
    await expect(client.getRandom(4)).rejects.toMatchObject({ code: 'tpm_initialize' });
    await client.startup();
    expect(await client.getRandom(4)).toHaveLength(4);
  });

  it('counts resets, and restarts after an orderly TPM2_Shutdown(STATE)', async () => {
    const { tpm, client } = await startedTpm();
    expect((await client.readClock()).clockInfo).toMatchObject({
      resetCount: 1,
      restartCount: 0,
      safe: true,
    });
    await client.shutdown('STATE');
    tpm.reset();
    await client.startup('CLEAR');
    expect((await client.readClock()).clockInfo).toMatchObject({
      resetCount: 1,
      restartCount: 1,
      safe: true,
    });
    tpm.reset();
    await client.startup('CLEAR');
    expect((await client.readClock()).clockInfo).toMatchObject({ resetCount: 2, restartCount: 0 });
  });

  it('brings PCRs back with TPM2_Startup(STATE) and clears them with CLEAR', async () => {
    const { tpm, client } = await startedTpm();
    const selection = [{ hashAlg: 'SHA256' as const, pcrs: [10] }];
    await client.pcrExtend(10, new Map([['SHA256', Buffer.alloc(32, 1)]]));
    const extended = await client.pcrRead(selection);
    await client.shutdown('STATE');
    tpm.reset();
    await client.startup('STATE');
    expect(await client.pcrRead(selection)).toEqual(extended);
    tpm.reset();
    await expect(client.startup('STATE')).rejects.toMatchObject({ code: 'tpm_value' });
    await client.startup('CLEAR');
    expect((await client.pcrRead(selection)).get('SHA256')!.get(10)).toEqual(initialPcr('SHA256', 10));
  });

  it('does not resume if something was measured after TPM2_Shutdown', async () => {
    const { tpm, client } = await startedTpm();
    await client.shutdown('STATE');
    await client.pcrExtend(10, new Map([['SHA256', Buffer.alloc(32, 1)]]));
    tpm.reset();
    await expect(client.startup('STATE')).rejects.toMatchObject({ code: 'tpm_value' });
  });

  it('runs its clock on, and calls it unsafe after a loss of power until it has been kept again', async () => {
    const { tpm, client, clock } = await startedTpm();
    clock.advance(60_000);
    const before = await client.readClock();
    expect(before.clockInfo.clock).toBeGreaterThanOrEqual(60_000n);
    clock.advance(1_000);
    tpm.reset();
    await client.startup();
    const after = await client.readClock();
    expect(after.timeMs).toBeLessThan(1_000n);
    expect(after.clockInfo.safe).toBe(false);
    clock.advance(5_000);
    expect((await client.readClock()).clockInfo.safe).toBe(true);
  });

  it('keeps keys, certificates and counters when its state is saved and loaded', async () => {
    const { tpm, client } = await startedTpm({ endorsementKeys: ['rsa2048', 'p256'] });
    const [ek, ak, certificate] = [
      await client.ensureEk('rsa2048'),
      await client.createAk(),
      await client.ekCertificate('rsa2048'),
    ];
    const copy = new TpmClient(new SoftwareTpmTransport(SoftwareTpm.load(tpm.saveState())));
    await copy.startup();
    expect((await copy.ensureEk('rsa2048')).name).toEqual(ek.name);
    expect((await copy.createAk()).name).toEqual(ak.name);
    expect(await copy.ekCertificate('rsa2048')).toEqual(certificate);
    expect((await copy.readClock()).clockInfo.resetCount).toBe(2);
  });

  it.each(['', '{}', '{"version":2}', 'secret seed'])(
    'refuses the saved state %j without quoting it',
    (saved) => {
      expect(() => SoftwareTpm.load(Buffer.from(saved))).toThrow(
        expect.objectContaining({ code: 'tpm_state_invalid' }),
      );
      if (saved.length > 4) {
        expect(() => SoftwareTpm.load(Buffer.from(saved))).not.toThrow(new RegExp(saved));
      }
    },
  );
});

describe('endorsement seeds', () => {
  it('give the same endorsement keys again, also those of RSA', async () => {
    const endorsementSeed = Buffer.alloc(64, 3);
    const endorsementKeys = ['rsa2048', 'p256'] as const;
    const [one, two] = [
      await startedTpm({ endorsementSeed, endorsementKeys }),
      await startedTpm({ endorsementSeed, endorsementKeys }),
    ];
    for (const algorithm of endorsementKeys) {
      expect((await one.client.ensureEk(algorithm)).name).toEqual(
        (await two.client.ensureEk(algorithm)).name,
      );
    }
  });

  it('are given out once by a pool', async () => {
    const pool = new EndorsementPool();
    await pool.fill(2);
    expect(pool.size).toBe(2);
    const options = { pool, endorsementKeys: ['rsa2048'] as const };
    const [one, two] = [await startedTpm(options), await startedTpm(options)];
    expect(pool.size).toBe(0);
    const names = [await one.client.ensureEk('rsa2048'), await two.client.ensureEk('rsa2048')].map(
      ({ name }) => name,
    );
    expect(names[0]).not.toEqual(names[1]);
  });

  it('are the same through TPM2_CreatePrimary as at the persistent handle', async () => {
    const { client } = await startedTpm({ endorsementKeys: ['rsa2048'] });
    const made = await client.createPrimaryEk('rsa2048');
    expect(made.name).toEqual((await client.ensureEk('rsa2048')).name);
  });
});

describe('objects', () => {
  it('fill three slots, and free one when flushed', async () => {
    const { client } = await startedTpm();
    const keys = [await client.createAk(), await client.createAk(), await client.createAk()];
    await expect(client.createAk()).rejects.toMatchObject({ code: 'tpm_object_memory' });
    await client.flush(keys[1]!.handle);
    expect((await client.createAk()).handle).toBe(keys[1]!.handle);
  });

  it('are created under a storage key, loaded, and only by the TPM that made them', async () => {
    const [here, there] = [await startedTpm(), await startedTpm()];
    const srk = await here.client.createPrimary('OWNER', SRK_TEMPLATE_P256);
    const made = await here.client.create(srk.handle, AK_TEMPLATES['p256-ecdsa-sha256']);
    const loaded = await here.client.load(srk.handle, made);
    expect((await here.client.readPublic(loaded.handle)).publicArea).toEqual(made.publicArea);
    const otherSrk = await there.client.createPrimary('OWNER', SRK_TEMPLATE_P256);
    await expect(there.client.load(otherSrk.handle, made)).rejects.toMatchObject({ code: 'tpm_integrity' });
  });

  it('are not loaded with another public area', async () => {
    const { client } = await startedTpm();
    const srk = await client.createPrimary('OWNER', SRK_TEMPLATE_P256);
    const made = await client.create(srk.handle, AK_TEMPLATES['p256-ecdsa-sha256']);
    const publicArea = {
      ...made.publicArea,
      objectAttributes: made.publicArea.objectAttributes & ~TPMA_OBJECT.RESTRICTED,
    };
    await expect(client.load(srk.handle, { ...made, publicArea })).rejects.toMatchObject({
      code: 'tpm_integrity',
    });
  });

  it.each([
    [
      'fixed to the TPM but not to its parent',
      { drop: TPMA_OBJECT.FIXED_PARENT, add: 0, code: 'tpm_attributes' },
    ],
    ['for nothing', { drop: TPMA_OBJECT.SIGN | TPMA_OBJECT.RESTRICTED, add: 0, code: 'tpm_attributes' }],
    ['restricted to both uses', { drop: 0, add: TPMA_OBJECT.DECRYPT, code: 'tpm_attributes' }],
    ['with data from outside', { drop: TPMA_OBJECT.SENSITIVE_DATA_ORIGIN, add: 0, code: 'tpm_attributes' }],
    ['with an attribute that does not exist', { drop: 0, add: 0x80000000, code: 'tpm_reserved_bits' }],
  ])('are not made from a template %s', async (_title, { drop, add, code }) => {
    const { client } = await startedTpm();
    const template = AK_TEMPLATES['p256-ecdsa-sha256'];
    const objectAttributes = ((template.objectAttributes & ~drop) | add) >>> 0;
    await expect(client.createPrimary('OWNER', { ...template, objectAttributes })).rejects.toMatchObject({
      code,
    });
  });

  it('need their authorization value', async () => {
    const { client } = await startedTpm();
    const key = await client.createPrimary('OWNER', AK_TEMPLATES['p256-ecdsa-sha256'], {
      userAuth: Buffer.from('secret'),
    });
    const request = { ak: key.handle, qualifyingData: NOTHING, selection: [] };
    await expect(client.quote(request)).rejects.toMatchObject({ code: 'tpm_bad_auth' });
    await expect(client.quote({ ...request, akAuth: Buffer.from('secret') })).resolves.toBeDefined();
  });

  it('lock their use out after too many wrong authorization values, for a time', async () => {
    const { client, clock } = await startedTpm();
    const template = AK_TEMPLATES['p256-ecdsa-sha256'];
    const key = await client.createPrimary(
      'OWNER',
      { ...template, objectAttributes: template.objectAttributes & ~TPMA_OBJECT.NO_DA },
      { userAuth: Buffer.from('secret') },
    );
    const request = { ak: key.handle, qualifyingData: NOTHING, selection: [] };
    for (let attempt = 0; attempt < 32; attempt += 1) {
      await expect(client.quote({ ...request, akAuth: Buffer.from('wrong') })).rejects.toMatchObject({
        code: 'tpm_auth_fail',
      });
    }
    const right = { ...request, akAuth: Buffer.from('secret') };
    await expect(client.quote(right)).rejects.toMatchObject({ code: 'tpm_lockout' });
    clock.advance(601_000);
    await expect(client.quote(right)).resolves.toBeDefined();
  });

  it('can be freed by the lockout authority, which a wrong guess at its own value keeps out until a reset', async () => {
    const { tpm, client } = await startedTpm();
    const reset = (value: string): number => {
      const sessions = [{ ...emptyPassword, hmac: Buffer.from(value) }];
      const handles = [TPM_RH.LOCKOUT];
      const name = 'DictionaryAttackLockReset' as const;
      return decodeResponse(
        name,
        tpm.execute(encodeCommand({ name, handles, sessions, parameters: NOTHING })),
      ).rc;
    };
    const parameters = encodeWhole((writer) => writer.sized(Buffer.from('secret')));
    tpm.execute(
      encodeCommand({
        name: 'HierarchyChangeAuth',
        handles: [TPM_RH.LOCKOUT],
        sessions: [emptyPassword],
        parameters,
      }),
    );
    expect(reset('secret')).toBe(TPM_RC.SUCCESS);
    expect(reset('wrong')).toBe(sessionRc(TPM_RC.AUTH_FAIL, 1));
    expect(reset('secret')).toBe(TPM_RC.LOCKOUT);
    tpm.reset();
    await client.startup();
    expect(reset('secret')).toBe(TPM_RC.SUCCESS);
  });

  it('cannot be used by password where only a policy is allowed', async () => {
    const { tpm, client } = await startedTpm();
    const ek = await client.ensureEk('p256');
    const parameters = encodeWhole((writer) => writer.sized(NOTHING).sized(NOTHING));
    const ak = await client.createAk();
    const response = tpm.execute(
      encodeCommand({
        name: 'ActivateCredential',
        handles: [ak.handle, ek.handle],
        sessions: [emptyPassword, emptyPassword],
        parameters,
      }),
    );
    expect(decodeResponse('ActivateCredential', response).rc).toBe(TPM_RC.AUTH_UNAVAILABLE);
  });

  it('cannot be used by a policy session that has not satisfied the policy', async () => {
    const { tpm, client } = await startedTpm();
    const ek = await client.ensureEk('p256');
    const ak = await client.createAk();
    const session = await client.startPolicySession();
    const response = tpm.execute(
      encodeCommand({
        name: 'ActivateCredential',
        handles: [ak.handle, ek.handle],
        sessions: [emptyPassword, { ...emptyPassword, sessionHandle: session, attributes: 1 }],
        parameters: encodeWhole((writer) => writer.sized(NOTHING).sized(NOTHING)),
      }),
    );
    expect(decodeResponse('ActivateCredential', response).rc & 0xff).toBe(TPM_RC.POLICY_FAIL);
  });
});

describe('PCRs', () => {
  it('are extended in each bank on its own, and unknown banks are left out', async () => {
    const { client } = await startedTpm({ banks: ['SHA256'] });
    expect(await client.pcrBanks()).toEqual(['SHA256']);
    const digests = new Map([
      ['SHA1' as const, Buffer.alloc(20, 1)],
      ['SHA256' as const, Buffer.alloc(32, 1)],
    ]);
    await client.pcrExtend(0, digests);
    const values = await client.pcrRead([
      { hashAlg: 'SHA1', pcrs: [0] },
      { hashAlg: 'SHA256', pcrs: [0] },
    ]);
    expect(values.get('SHA1')!.size).toBe(0);
    expect(values.get('SHA256')!.get(0)).not.toEqual(initialPcr('SHA256', 0));
  });

  it.each([
    [24, 'tpm_value'],
    [17, 'tpm_locality'],
  ])('number %i cannot be extended from here', async (pcr, code) => {
    const { client } = await startedTpm();
    await expect(client.pcrExtend(pcr, new Map([['SHA256', Buffer.alloc(32)]]))).rejects.toMatchObject({
      code,
    });
  });
});

describe('NV memory', () => {
  const index = 0x01500000;

  it('keeps what the owner writes', async () => {
    const { client } = await startedTpm();
    const data = Buffer.alloc(1500, 0x61);
    await client.nvStore('OWNER', index, TPMA_NV.OWNERWRITE | TPMA_NV.AUTHREAD, data);
    expect(await client.nvRead(index)).toEqual(data);
    await expect(
      client.nvStore('OWNER', index, TPMA_NV.OWNERWRITE | TPMA_NV.AUTHREAD, data),
    ).rejects.toMatchObject({
      code: 'tpm_nv_defined',
    });
    await client.nvUndefine('OWNER', index);
    await expect(client.nvRead(index)).rejects.toMatchObject({ code: 'tpm_handle' });
  });

  it('does not let the owner remove or overwrite an endorsement certificate', async () => {
    const { client } = await startedTpm();
    const { certificateNvIndex } = ENDORSEMENT_KEYS.p256;
    await expect(client.nvUndefine('OWNER', certificateNvIndex)).rejects.toMatchObject({
      code: 'tpm_nv_authorization',
    });
  });

  it('has no certificate of an endorsement key that was not made', async () => {
    const { client } = await startedTpm();
    expect(await client.ekCertificate('rsa2048')).toBeUndefined();
  });
});
