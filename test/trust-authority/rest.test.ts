import { rename } from 'node:fs/promises';
import { connect } from 'node:tls';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { HttpClient, HttpStatusError } from '../../core/http/index.js';
import { CertificateAuthority } from '../../core/pki/index.js';
import { x509 } from '../../core/pki/x509.js';
import { createTpmVendor } from '../../host-agent/tpm/index.js';
import { AttestationClient } from '../../trust-authority/client.js';
import { encodeContext } from '../../wire/attestation/index.js';
import type { TestTrustAuthority, TrustPki } from './harness.js';
import { makeTrustPki, startTrustAuthority } from './harness.js';
import { fc } from '../property.js';

let pki: TrustPki;
let ta: TestTrustAuthority;

beforeAll(async () => {
  pki = await makeTrustPki();
  ta = await startTrustAuthority(pki);
});

afterAll(() => ta[Symbol.asyncDispose]());

/** The status of a raw request, with or without a client certificate. */
async function statusOf(
  method: 'GET' | 'POST' | 'PATCH',
  url: string,
  path: string,
  options: { readonly identity?: typeof pki.host; readonly body?: string } = {},
): Promise<{ status: number; challenge: unknown; body: unknown }> {
  const { identity: clientCertificate, body } = options;
  const http = new HttpClient({
    baseUrl: url,
    caPem: pki.authority.caPem,
    ...(clientCertificate && { clientCertificate }),
  });
  try {
    const answer = await http.raw(method, path, body, { 'content-type': 'application/json' });
    const text = answer.body.toString('utf8');
    return {
      status: answer.status,
      challenge: answer.headers['www-authenticate'],
      body: text === '' ? undefined : (JSON.parse(text) as unknown),
    };
  } finally {
    await http.close();
  }
}

describe('both services', () => {
  it('answer 401 without a client certificate, on every kind of call', async () => {
    for (const [method, url, path] of [
      ['GET', ta.attestationUrl, '/api/esx/attestation/tpm2/settings'],
      ['GET', ta.attestationUrl, '/api/esx/attestation/certificate'],
      ['POST', ta.attestationUrl, '/api/esx/attestation/report?action=attest'],
      ['GET', ta.kmsUrl, '/api/esx/kms/providers'],
      ['POST', ta.kmsUrl, '/api/esx/kms/decrypt'],
    ] as const) {
      const { status, challenge, body } = await statusOf(method, url, path, {
        ...(method === 'POST' && { body: '{}' }),
      });
      expect([path, status, challenge]).toEqual([path, 401, 'ClientCertificate']);
      expect(body).toMatchObject({
        error_type: 'UNAUTHENTICATED',
        data: { reason: 'client_certificate_missing' },
      });
    }
  });

  it('answer 401 to a client certificate of another authority', async () => {
    const stranger = await CertificateAuthority.create({ commonName: 'stranger' });
    const identity = await stranger.issueClient({ commonName: 'vc-ta' });
    const { status } = await statusOf('GET', ta.kmsUrl, '/api/esx/kms/providers', { identity });
    expect(status).toBe(401);
  });

  it('let a host administrate nothing', async () => {
    const { status } = await statusOf('GET', ta.attestationUrl, '/api/esx/attestation/tpm2/settings', {
      identity: pki.host,
    });
    expect(status).toBe(403);
    await expect(ta.kmsAs(pki.host).providers.list()).rejects.toMatchObject({ status: 403 });
  });

  it('answer 401 with a Bearer challenge to a key operation without a token', async () => {
    const { status, challenge, body } = await statusOf('POST', ta.kmsUrl, '/api/esx/kms/decrypt', {
      identity: pki.host,
      body: '{"provider":"p","ciphertext":"AAAA"}',
    });
    expect(status).toBe(401);
    expect(challenge).toMatch(/^Bearer /);
    expect(body).toMatchObject({ messages: [{ id: 'kpsim.attestation.token_missing' }] });
  });

  it('answer what they do not know with the form of the vSphere Automation API', async () => {
    const known = { identity: pki.administrator };
    expect(await statusOf('GET', ta.attestationUrl, '/api/esx/attestation/nothing', known)).toMatchObject({
      status: 404,
      body: { error_type: 'OPERATION_NOT_FOUND' },
    });
    expect(
      await statusOf('POST', ta.attestationUrl, '/api/esx/attestation/report?action=other', {
        ...known,
        body: '{}',
      }),
    ).toMatchObject({ status: 404 });
    expect(
      await statusOf('PATCH', ta.attestationUrl, '/api/esx/attestation/tpm2/settings', {
        ...known,
        body: '{"require_everything":true}',
      }),
    ).toMatchObject({ status: 400, body: { error_type: 'INVALID_ARGUMENT' } });
  });

  it('go on after hostile requests', async () => {
    await fc.assert(
      fc.asyncProperty(fc.json(), async (body) => {
        const { status } = await statusOf(
          'POST',
          ta.attestationUrl,
          '/api/esx/attestation/report?action=attest',
          {
            identity: pki.host,
            body,
          },
        );
        expect(status).toBe(400);
      }),
      { numRuns: 25 },
    );
    const host = await ta.bootHost({ id: 'after-hostile-requests' });
    expect((await host.attest()).reason).toBeUndefined();
  });

  it('answer faults that are injected into an operation', async () => {
    const { faults } = ta.context;
    const operation = 'attestation.status.get';
    const row = faults.add({ operation, action: { kind: 'error', reason: 'SERVICE_UNAVAILABLE' } });
    await expect(ta.attestation.status()).rejects.toMatchObject({ status: 503 });
    faults.remove(row.id);
    for (const action of [{ kind: 'reset' }, { kind: 'truncate' }] as const) {
      const { id } = faults.add({ operation, action });
      await expect(ta.attestation.status()).rejects.toMatchObject({ code: 'unreachable' });
      faults.remove(id);
    }
    expect((await ta.attestation.status()).health).toBe('OK');
  });

  it('corrupt a document so that its signature does not verify, if told to', async () => {
    const host = await ta.bootHost({ id: 'corrupted' });
    const { id } = ta.context.faults.add({
      operation: 'attestation.report.attest',
      skip: 1,
      action: { kind: 'corrupt' },
    });
    const token = await host.token();
    ta.context.faults.remove(id);
    await expect(
      ta.kmsAs(pki.host).decrypt({ provider: 'none', ciphertext: 'AAAA' }, token),
    ).rejects.toMatchObject({ reason: 'token_key_untrusted' });
  });

  it('close every socket when they stop', async () => {
    const other = await startTrustAuthority(pki);
    const { port } = new URL(other.kmsUrl);
    await other.kms.status();
    await other[Symbol.asyncDispose]();
    await other.service.stop();
    await expect(
      new Promise((resolve, reject) => {
        connect({ host: '127.0.0.1', port: Number(port) }, () => resolve('connected')).once('error', reject);
      }),
    ).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

describe('the attestation service', () => {
  it('keeps CA certificates by name', async () => {
    const { caCertificates } = ta.attestation;
    const { root, issuing } = await createTpmVendor();
    const info = { name: 'other vendor', cert_chain: { cert_chain: [root.caPem, issuing.caPem] } };
    for (const name of ['.', '..']) {
      await expect(caCertificates.create({ ...info, name })).rejects.toMatchObject({ status: 400 });
    }
    await caCertificates.create(info);
    expect(await caCertificates.get('other vendor')).toEqual(info);
    expect(await caCertificates.list()).toContainEqual({ name: 'other vendor' });
    await expect(caCertificates.create(info)).rejects.toMatchObject({
      body: { error_type: 'ALREADY_EXISTS' },
    });
    await caCertificates.delete('other vendor');
    await expect(caCertificates.get('other vendor')).rejects.toMatchObject({ status: 404 });
  });

  it('takes an endorsement key by public key or by certificate, and not by both', async () => {
    const { endorsementKeys } = ta.attestation;
    const public_key = pki.authority.certificate.publicKey.export({ type: 'spki', format: 'pem' }).toString();
    await endorsementKeys.create({ name: 'by-key', public_key });
    expect(await endorsementKeys.get('by-key')).toEqual({ name: 'by-key', public_key });
    const certificate = pki.authority.caPem;
    for (const spec of [
      { name: 'both', public_key, certificate },
      { name: 'neither' },
      { name: 'not-a-key', public_key: 'hello' },
      { name: 'the-same', certificate },
    ]) {
      await expect(endorsementKeys.create(spec)).rejects.toThrow();
    }
    expect(await endorsementKeys.list()).toEqual([{ name: 'by-key' }]);
    await endorsementKeys.delete('by-key');
  });

  it('refuses a base image archive that is none', async () => {
    await expect(
      ta.attestation.baseImages.importFromImgdb(Buffer.from('not an archive')),
    ).rejects.toMatchObject({ status: 400 });
    const [image] = await ta.attestation.baseImages.list();
    expect(image).toMatchObject({ version: '8.0.3-0.0.24022510' });
    expect(await ta.attestation.baseImages.get(image!.image)).toEqual(image);
  });

  it('takes a signing certificate only for its pending request', async () => {
    await using other = await startTrustAuthority(pki);
    const { certificate } = other.attestation;
    const issuedTo = async (csr: string) => {
      const request = new x509.Pkcs10CertificateRequest(csr);
      expect(await request.verify()).toBe(true);
      const issued = pki.authority.issueFor(await request.publicKey.export(), { commonName: 'signer' });
      return { cert_chain: [issued.toString(), pki.authority.caPem] };
    };
    await expect(certificate.getCsr()).rejects.toMatchObject({ status: 404 });
    await expect(certificate.replace({ cert_chain: [pki.authority.caPem] })).rejects.toMatchObject({
      status: 400,
    });
    const first = await issuedTo((await certificate.createCsr()).csr);
    const second = await issuedTo((await certificate.createCsr()).csr);
    await expect(certificate.replace(first)).rejects.toThrow(/pending certificate signing request/);
    await certificate.replace(second);
    expect((await certificate.get()).cert_chain.map((pem) => pem.trim())).toEqual(
      second.cert_chain.map((pem) => pem.trim()),
    );
    await expect(certificate.replace(second)).rejects.toMatchObject({ status: 400 });
  });

  it('has the same fingerprint as another one that is configured alike', async () => {
    await using other = await startTrustAuthority(pki);
    await using third = await startTrustAuthority(pki);
    const [one, two] = [await other.attestation.rawConfig(), await third.attestation.rawConfig()];
    expect(one.fingerprint).toBe(two.fingerprint);
    await third.attestation.settings.update({ require_endorsement_keys: true });
    expect((await third.attestation.rawConfig()).fingerprint).not.toBe(two.fingerprint);
  });

  it('warns when no host can attest, or any can', async () => {
    await using other = await startTrustAuthority(pki, { initial: {} });
    const ids = async () => (await other.attestation.status()).details.map(({ id }) => id.split('.').at(-1));
    expect(await ids()).toEqual(['no_base_image', 'no_ca_certificate']);
    await other.attestation.settings.update({ require_certificate_validation: false });
    expect(await ids()).toEqual(['no_base_image', 'any_tpm']);
    expect(other.service.health().status).toBe('degraded');
  });

  it('is down, and can still be stopped, when its data directory is taken away', async () => {
    await using other = await startTrustAuthority(pki);
    const { dataDir } = other.context;
    expect(other.service.health().status).toBe('ok');
    await rename(dataDir, `${dataDir}-away`);
    expect(other.service.health()).toMatchObject({
      status: 'down',
      details: [expect.stringMatching(/removed or replaced.*restore/)],
    });
    await expect(
      other.attestation.settings.update({ require_endorsement_keys: true }),
    ).rejects.toBeInstanceOf(HttpStatusError);
    await other.stop();
    await rename(`${dataDir}-away`, dataDir);
  });

  it('refuses contexts that a host has no reason to send', async () => {
    const host = await ta.bootHost({ id: 'confused' });
    const identity = await host.identity();
    const attest = (context: string) => host.client.attest(identity, [context], []);
    const { contexts } = await attest(encodeContext(await host.hello()));
    await expect(attest(contexts[0]!)).rejects.toMatchObject({ reason: 'malformed_evidence' });
    await expect(attest(encodeContext({ kind: 'appraisal', steps: [] }))).rejects.toMatchObject({
      reason: 'malformed_evidence',
    });
  });

  it('judges an identity that is none without a second round', async () => {
    const host = await ta.bootHost({ id: 'nobody' });
    const hello = encodeContext(await host.hello());
    const [cert, pub] = [{ ek_cert: 'AAAA' }, { ek_pub: 'AAAA' }];
    for (const [identity, reason] of [
      [cert, 'ek_cert_profile'],
      [pub, 'malformed_evidence'],
    ] as const) {
      const { attested, contexts } = await host.client.attest(identity, [hello], []);
      expect(attested).toBe(false);
      expect(Buffer.from(contexts[0]!, 'base64').toString('utf8')).toContain(reason);
    }
    await expect(host.client.attest({}, [hello], [])).rejects.toBeInstanceOf(HttpStatusError);
  });
});

describe('a client', () => {
  it('does not talk to a service of another authority', async () => {
    const stranger = await CertificateAuthority.create({ commonName: 'stranger' });
    const client = new AttestationClient({ baseUrl: ta.attestationUrl, caPem: stranger.caPem });
    await expect(client.status()).rejects.toMatchObject({ code: 'unreachable' });
    await client.close();
  });
});
