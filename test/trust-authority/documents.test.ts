import { readFileSync } from 'node:fs';

import { Ajv2020 } from 'ajv/dist/2020.js';
import { decodeProtectedHeader, importX509, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { certificateX5tS256 } from '../../core/pki/index.js';
import type { TestTrustAuthority, TrustPki } from './harness.js';
import { makeTrustPki, startTrustAuthority } from './harness.js';
import type { Outcome } from './test-host.js';

let pki: TrustPki;
let ta: TestTrustAuthority;
let signerPem: string;

beforeAll(async () => {
  pki = await makeTrustPki();
  ta = await startTrustAuthority(pki);
  signerPem = (await ta.attestation.certificate.get()).cert_chain[0]!;
});

afterAll(() => ta[Symbol.asyncDispose]());

/** The schema that is shipped, compiled by a validator that is not ours. */
const earIsValid = new Ajv2020({ strict: true, allErrors: true }).compile(
  JSON.parse(readFileSync(new URL('../../docs/schemas/ear.schema.json', import.meta.url), 'utf8')) as object,
);

async function verified(outcome: Outcome, type: string, audience?: string) {
  const { document } = outcome.result.documents.find((row) => row.type === type)!;
  return jwtVerify(document, await importX509(signerPem, 'ES256'), {
    issuer: ta.attestationUrl,
    ...(audience !== undefined && { audience }),
    requiredClaims: ['iss', 'sub', 'iat', 'nbf', 'exp', 'jti'],
  });
}

interface Submodule {
  readonly 'ear.status': string;
  readonly 'ear.trustworthiness-vector': Record<string, number>;
  readonly 'kpsim.reason'?: string;
  readonly 'kpsim.base-image'?: string;
}

async function report(faults: readonly string[], id: string): Promise<Submodule> {
  const host = await ta.bootHost({ id, faults });
  const { payload } = await verified(await host.attest(), 'REPORTING_JWT');
  expect([earIsValid(payload), earIsValid.errors]).toEqual([true, null]);
  return (payload.submods as Record<string, Submodule>)['esx-host']!;
}

describe('a KMS_AUTH_JWT', () => {
  it('is bound to group, audience, host, host key and client certificate, for eight hours', async () => {
    const host = await ta.bootHost({ id: 'bound' });
    const { payload, protectedHeader } = await verified(
      await host.attest(),
      'KMS_AUTH_JWT',
      'kpsim:kms:group-1',
    );
    expect(protectedHeader).toEqual({
      alg: 'ES256',
      typ: 'kms-auth+jwt',
      kid: certificateX5tS256(signerPem),
    });
    expect(payload).toMatchObject({
      sub: 'bound',
      group: 'group-1',
      cnf: { jwk: host.hostKeyJwk, 'x5t#S256': certificateX5tS256(pki.host.certificatePem) },
    });
    expect(payload.exp! - payload.iat!).toBe(8 * 3600);
  });

  it('is issued only to a host that attested and asked for it', async () => {
    const host = await ta.bootHost({ id: 'modest' });
    expect((await host.attest(['REPORTING_JWT'])).result.documents).toHaveLength(1);
    expect((await host.attest([])).result.documents).toEqual([]);
    const refused = await ta.bootHost({ id: 'refused', faults: ['secure-boot-disabled'] });
    expect((await refused.attest(['KMS_AUTH_JWT'])).result.documents).toEqual([]);
  });

  it('has an id of its own every time', async () => {
    const host = await ta.bootHost({ id: 'twice' });
    const ids = [];
    for (let turn = 0; turn < 2; turn += 1) {
      ids.push((await verified(await host.attest(), 'KMS_AUTH_JWT')).payload.jti);
    }
    expect(new Set(ids).size).toBe(2);
  });
});

describe('a REPORTING_JWT', () => {
  it('affirms every trust claim that was judged, for a host that attested', async () => {
    expect(await report([], 'affirmed')).toMatchObject({
      'ear.status': 'affirming',
      'ear.trustworthiness-vector': {
        'instance-identity': 2,
        configuration: 2,
        executables: 2,
        hardware: 2,
      },
      'kpsim.base-image': '8.0.3-0.0.24022510',
    });
  });

  it.each([
    ['ek-ca-untrusted', 'contraindicated', { 'instance-identity': 97 }],
    ['signature-bit-flip', 'contraindicated', { hardware: 99 }],
    ['module-replaced', 'contraindicated', { executables: 97 }],
    ['secure-boot-disabled', 'warning', { configuration: 32 }],
    ['ek-certificate-expired', 'warning', { 'instance-identity': 32 }],
  ])('of a host with the fault %s is %s, as the claim says that it is about', async (fault, tier, claim) => {
    const { 'ear.status': status, 'ear.trustworthiness-vector': vector } = await report([fault], fault);
    expect(status).toBe(tier);
    expect(vector).toEqual({
      'instance-identity': 2,
      configuration: 2,
      executables: 2,
      hardware: 2,
      ...claim,
    });
  });

  it('does not affirm the identity of a TPM that nobody vouches for', async () => {
    await ta.attestation.settings.update({ require_certificate_validation: false });
    const { 'ear.status': status, 'ear.trustworthiness-vector': vector } = await report([], 'unknown-tpm');
    await ta.attestation.settings.update({ require_certificate_validation: true });
    expect(status).toBe('affirming');
    expect(vector).toEqual({ configuration: 2, executables: 2, hardware: 2 });
  });

  it('that is altered is refused by the schema', async () => {
    const host = await ta.bootHost({ id: 'altered' });
    const { payload } = await verified(await host.attest(), 'REPORTING_JWT');
    const appraisal = (payload.submods as Record<string, object>)['esx-host']!;
    for (const change of [
      { eat_profile: 'other' },
      { eat_nonce: 'short' },
      { submods: {} },
      { submods: { 'esx-host': { ...appraisal, 'ear.status': 2 } } },
      { submods: { 'esx-host': { ...appraisal, 'ear.trustworthiness-vector': { hardware: 200 } } } },
      { submods: { 'esx-host': { ...appraisal, 'ear.trustworthiness-vector': { software: 2 } } } },
    ]) {
      expect([change, earIsValid({ ...payload, ...change })]).toEqual([change, false]);
    }
  });

  it('affirms nothing that could not be judged', async () => {
    const { 'ear.trustworthiness-vector': vector, 'kpsim.reason': reason } = await report(
      ['log-truncated'],
      'unjudged',
    );
    expect(reason).toBe('log_malformed');
    expect(vector).toEqual({ 'instance-identity': 2, executables: 96, hardware: 2 });
  });

  it('names its type in the header', async () => {
    const host = await ta.bootHost({ id: 'typed' });
    const { documents } = (await host.attest(['REPORTING_JWT'])).result;
    expect(decodeProtectedHeader(documents[0]!.document).typ).toBe('reporting+jwt');
  });
});
