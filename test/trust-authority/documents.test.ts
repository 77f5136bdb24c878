import { decodeProtectedHeader, importX509, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';

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

/** Claims of an EAR and of the vector within, as JSON, after the CDDL of the draft. */
const EAR_SCHEMA = {
  type: 'object',
  required: ['eat_profile', 'iat', 'ear.verifier-id', 'submods'],
  properties: {
    eat_profile: { const: 'tag:github.com,2023:veraison/ear' },
    iat: { type: 'integer', minimum: 0 },
    eat_nonce: { type: 'string', pattern: '^[A-Za-z0-9_-]{11,86}$' },
    'ear.verifier-id': {
      type: 'object',
      required: ['build', 'developer'],
      properties: { build: { type: 'string' }, developer: { type: 'string' } },
      additionalProperties: false,
    },
    submods: {
      type: 'object',
      minProperties: 1,
      additionalProperties: {
        type: 'object',
        required: ['ear.status'],
        properties: {
          'ear.status': { enum: ['none', 'affirming', 'warning', 'contraindicated'] },
          'ear.trustworthiness-vector': {
            type: 'object',
            minProperties: 1,
            properties: Object.fromEntries(
              [
                'instance-identity',
                'configuration',
                'executables',
                'file-system',
                'hardware',
                'runtime-opaque',
                'storage-opaque',
                'sourced-data',
              ].map((claim) => [claim, { type: 'integer', minimum: -128, maximum: 127 }]),
            ),
            additionalProperties: false,
          },
          'ear.appraisal-policy-id': { type: 'string', format: 'uri' },
        },
      },
    },
  },
} as const;

const earSchema = z.fromJSONSchema(EAR_SCHEMA as never);

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
  expect(() => earSchema.parse(payload)).not.toThrow();
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
    ['ek-ca-untrusted', 'instance-identity', 97],
    ['signature-bit-flip', 'hardware', 99],
    ['module-replaced', 'executables', 97],
    ['secure-boot-disabled', 'configuration', 32],
  ])('of a host with the fault %s gives %s the value %i', async (fault, claim, value) => {
    const { 'ear.status': status, 'ear.trustworthiness-vector': vector } = await report([fault], fault);
    expect(status).toBe('contraindicated');
    expect(vector[claim]).toBe(value);
    expect(Object.values(vector).filter((other) => other === 2)).toHaveLength(3);
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
