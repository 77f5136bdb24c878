import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  AK_TEMPLATES,
  decodeTpmsAttest,
  decodeTpmtSignature,
  isTpmGenerated,
  makeCredential,
  pcrDigest,
  verifySignature,
} from '../../../wire/tpm2/index.js';
import type { AkAlgorithm } from '../../../wire/tpm2/index.js';
import { startedTpm } from './tpm-fixture.js';

const SELECTION = [{ hashAlg: 'SHA256' as const, pcrs: [0, 7, 12] }];

describe('attestation with a software TPM', () => {
  it.each(Object.keys(AK_TEMPLATES) as AkAlgorithm[])(
    'signs a quote with %s that verifies',
    async (algorithm) => {
      const { client } = await startedTpm();
      const ak = await client.createAk({ algorithm });
      await client.pcrExtend(12, new Map([['SHA256', createHash('sha256').update('k').digest()]]));
      const nonce = Buffer.alloc(32, 7);
      const { attest, signature } = await client.quote({
        ak: ak.handle,
        qualifyingData: nonce,
        selection: SELECTION,
      });

      expect(verifySignature(ak.publicArea, decodeTpmtSignature(signature), attest)).toBe(true);
      const decoded = decodeTpmsAttest(attest);
      expect(isTpmGenerated(decoded)).toBe(true);
      expect(decoded.extraData).toEqual(nonce);
      expect(decoded.clockInfo).toMatchObject({ resetCount: 1, restartCount: 0, safe: true });
      const hashAlg = ak.publicArea.scheme!.hashAlg;
      const values = await client.pcrRead(SELECTION);
      expect(decoded.attested).toEqual({
        type: 'QUOTE',
        selections: SELECTION,
        pcrDigest: pcrDigest(hashAlg, SELECTION, values),
      });
    },
  );

  it('refuses a quote whose message was changed by one bit', async () => {
    const { client } = await startedTpm();
    const ak = await client.createAk();
    const { attest, signature } = await client.quote({
      ak: ak.handle,
      qualifyingData: Buffer.alloc(32),
      selection: SELECTION,
    });
    attest[attest.length - 1]! ^= 1;
    expect(verifySignature(ak.publicArea, decodeTpmtSignature(signature), attest)).toBe(false);
  });

  it.each(['rsa2048', 'p256'] as const)(
    'opens a credential made for its %s endorsement key',
    async (algorithm) => {
      const { client } = await startedTpm({ endorsementKeys: ['rsa2048', 'p256'] });
      const ek = await client.ensureEk(algorithm);
      const ak = await client.createAk();
      const secret = Buffer.alloc(32, 0x5a);
      const credential = makeCredential({ ekPublic: ek.publicArea, objectName: ak.name, secret });
      expect(await client.activateCredential({ ak: ak.handle, ek: ek.handle, ...credential })).toEqual(
        secret,
      );
    },
  );

  it('does not open a credential made for another attestation key', async () => {
    const { client } = await startedTpm();
    const ek = await client.ensureEk('p256');
    const [ak, other] = [await client.createAk(), await client.createAk({ unique: Buffer.from('other') })];
    expect(other.name).not.toEqual(ak.name);
    const credential = makeCredential({
      ekPublic: ek.publicArea,
      objectName: other.name,
      secret: Buffer.alloc(32),
    });
    await expect(
      client.activateCredential({ ak: ak.handle, ek: ek.handle, ...credential }),
    ).rejects.toMatchObject({
      code: 'tpm_integrity',
    });
  });

  it('does not open a credential made for another TPM', async () => {
    const [here, there] = [await startedTpm(), await startedTpm()];
    const ek = await here.client.ensureEk('p256');
    const ak = await here.client.createAk();
    const otherEk = await there.client.ensureEk('p256');
    const credential = makeCredential({
      ekPublic: otherEk.publicArea,
      objectName: ak.name,
      secret: Buffer.alloc(32),
    });
    await expect(
      here.client.activateCredential({ ak: ak.handle, ek: ek.handle, ...credential }),
    ).rejects.toMatchObject({ code: 'tpm_integrity' });
  });

  it('certifies a key that it holds', async () => {
    const { client } = await startedTpm();
    const ak = await client.createAk();
    const { attest, signature } = await client.certify({
      object: ak.handle,
      ak: ak.handle,
      qualifyingData: Buffer.from('nonce'),
    });
    expect(verifySignature(ak.publicArea, decodeTpmtSignature(signature), attest)).toBe(true);
    expect(decodeTpmsAttest(attest).attested).toMatchObject({ type: 'CERTIFY', name: ak.name });
  });

  it('makes the same attestation key again after a reset, and another in another TPM', async () => {
    const { client, tpm } = await startedTpm();
    const before = await client.createAk();
    tpm.reset();
    await client.startup();
    expect((await client.createAk()).name).toEqual(before.name);
    const other = await startedTpm();
    expect((await other.client.createAk()).name).not.toEqual(before.name);
  });

  it('disguises its counters in quotes of keys outside of the endorsement hierarchy', async () => {
    const { client } = await startedTpm();
    const key = await client.createPrimary('OWNER', AK_TEMPLATES['p256-ecdsa-sha256']);
    const { attest } = await client.quote({
      ak: key.handle,
      qualifyingData: Buffer.alloc(0),
      selection: SELECTION,
    });
    expect(decodeTpmsAttest(attest).clockInfo.resetCount).not.toBe(1);
  });
});

describe('a restricted key', () => {
  it('signs a digest that the TPM computed over other data', async () => {
    const { client } = await startedTpm();
    const ak = await client.createAk();
    const message = Buffer.from('a message');
    const { digest, ticket } = await client.hash(message, 'SHA256');
    const signature = await client.sign(ak.handle, digest, { ticket });
    expect(verifySignature(ak.publicArea, decodeTpmtSignature(signature), message)).toBe(true);
  });

  it('does not sign a digest from outside', async () => {
    const { client } = await startedTpm();
    const ak = await client.createAk();
    const digest = createHash('sha256').update('anything').digest();
    await expect(client.sign(ak.handle, digest)).rejects.toMatchObject({ code: 'tpm_ticket' });
  });

  it('does not sign data that looks as if the TPM had made it', async () => {
    const { client } = await startedTpm();
    const ak = await client.createAk();
    const forged = Buffer.from('ff544347801800000000', 'hex');
    const { digest, ticket } = await client.hash(forged, 'SHA256');
    expect(ticket.digest).toHaveLength(0);
    await expect(client.sign(ak.handle, digest, { ticket })).rejects.toMatchObject({ code: 'tpm_ticket' });
  });
});
