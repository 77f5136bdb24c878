import { request as httpsRequest } from 'node:https';
import { connect } from 'node:tls';
import { gzipSync } from 'node:zlib';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { HttpClient } from '../../core/http/index.js';
import type { KeyAndCertificate } from '../../core/pki/index.js';
import { attestationOperations } from '../../trust-authority/attestation/operations.js';
import { kmsOperations } from '../../trust-authority/kps/operations.js';
import type { Operation } from '../../trust-authority/rest/operation.js';
import { trustAuthorityConfig } from '../../trust-authority/index.js';
import { MAX_IMGDB_BYTES, unpackImgdb } from '../../wire/esx-image/index.js';
import type { TestTrustAuthority, TrustPki } from './harness.js';
import { makeTrustPki, startTrustAuthority } from './harness.js';

let pki: TrustPki;
let ta: TestTrustAuthority;

beforeAll(async () => {
  pki = await makeTrustPki();
  ta = await startTrustAuthority(pki);
});

afterAll(() => ta[Symbol.asyncDispose]());

/** Rows of the real tables; nothing behind them is ever called. */
const NOTHING = new Proxy({}, { get: () => ({}) }) as never;
const TABLES: readonly (readonly ['attestation' | 'kms', Operation])[] = [
  ...attestationOperations(NOTHING).map((row) => ['attestation', row] as const),
  ...kmsOperations(NOTHING).map((row) => ['kms', row] as const),
];
const ADMINISTRATION = TABLES.filter(([, { access }]) => access !== 'client');

async function answerTo(
  service: 'attestation' | 'kms',
  row: Operation,
  clientCertificate: KeyAndCertificate | undefined,
): Promise<{ status: number; challenge: unknown }> {
  const http = new HttpClient({
    baseUrl: service === 'kms' ? ta.kmsUrl : ta.attestationUrl,
    caPem: pki.authority.caPem,
    ...(clientCertificate && { clientCertificate }),
  });
  try {
    const path =
      row.path.replaceAll(/:\w+/g, 'x') + (row.action === undefined ? '' : `?action=${row.action}`);
    const body = row.body === undefined ? undefined : '{';
    const { status, headers } = await http.raw(row.method, path, body, {
      'content-type': 'application/json',
    });
    return { status, challenge: headers['www-authenticate'] };
  } finally {
    await http.close();
  }
}

/**
 * Sends the head of a request with a body to come, and nothing of the body.
 *
 * @param expects sends `Expect: 100-continue` as well
 * @returns the first status line
 */
function headOnly(
  path: string,
  contentLength: number,
  identity?: KeyAndCertificate,
  expects = false,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(
      {
        host: '127.0.0.1',
        port: Number(new URL(ta.attestationUrl).port),
        ca: pki.authority.caPem,
        ...(identity && { cert: identity.certificatePem, key: identity.privateKeyPem }),
      },
      () =>
        socket.write(
          `POST ${path} HTTP/1.1\r\nhost: ta\r\ncontent-type: application/json\r\ncontent-length: ${contentLength}\r\n${expects ? 'expect: 100-continue\r\n' : ''}\r\n`,
        ),
    );
    socket.once('error', reject);
    socket.once('data', (bytes: Buffer) => {
      socket.destroy();
      resolve(bytes.toString('latin1').split('\r\n', 1)[0]!);
    });
  });
}

describe('administration', () => {
  it('is most of both tables', () => {
    expect(ADMINISTRATION.length).toBeGreaterThan(40);
  });

  it.each(ADMINISTRATION.map(([service, row]) => [row.name, service, row] as const))(
    '%s answers 401 without a client certificate and 403 to a host',
    async (_name, service, row) => {
      expect(await answerTo(service, row, undefined)).toEqual({
        status: 401,
        challenge: 'ClientCertificate',
      });
      expect((await answerTo(service, row, pki.host)).status).toBe(403);
    },
  );

  it('answers 401 without a client certificate to everything else as well', async () => {
    for (const [service, row] of TABLES.filter(([, { access }]) => access === 'client')) {
      expect([row.name, (await answerTo(service, row, undefined)).status]).toEqual([row.name, 401]);
    }
  });
});

describe('a request', () => {
  it('is refused before anything of its body is sent, if the client may not call', async () => {
    const report = '/api/esx/attestation/report?action=attest';
    const images = '/api/esx/attestation/os/esx/base-images?action=import-from-imgdb';
    expect(await headOnly(report, 6_000_000)).toBe('HTTP/1.1 401 Unauthorized');
    expect(await headOnly(images, 4_000_000)).toBe('HTTP/1.1 401 Unauthorized');
    expect(await headOnly(images, 4_000_000, pki.host)).toBe('HTTP/1.1 403 Forbidden');
  });

  it('is refused before its body is sent, if that is longer than the operation takes', async () => {
    const report = '/api/esx/attestation/report?action=attest';
    expect(await headOnly(report, 6 * 1024 * 1024 + 1, pki.host)).toBe('HTTP/1.1 400 Bad Request');
  });

  it('that waits to be continued is so only if its body would be read', async () => {
    const report = '/api/esx/attestation/report?action=attest';
    const images = '/api/esx/attestation/os/esx/base-images?action=import-from-imgdb';
    expect(await headOnly(images, 100, undefined, true)).toBe('HTTP/1.1 401 Unauthorized');
    expect(await headOnly(images, 100, pki.host, true)).toBe('HTTP/1.1 403 Forbidden');
    expect(await headOnly(report, 6 * 1024 * 1024 + 1, pki.host, true)).toBe('HTTP/1.1 400 Bad Request');
    expect(await headOnly('/api/nowhere', 100, pki.host, true)).toBe('HTTP/1.1 404 Not Found');
    expect(await headOnly(report, 100, pki.host, true)).toBe('HTTP/1.1 100 Continue');
  });

  it('that waits to be continued is answered once its body has come', async () => {
    const { hostname, port } = new URL(ta.attestationUrl);
    const body = '{"require_endorsement_keys":false}';
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const sent = httpsRequest({
        hostname,
        port,
        method: 'PATCH',
        path: '/api/esx/attestation/tpm2/settings',
        ca: pki.authority.caPem,
        cert: pki.administrator.certificatePem,
        key: pki.administrator.privateKeyPem,
        agent: false,
        headers: {
          'content-type': 'application/json',
          'content-length': body.length,
          expect: '100-continue',
        },
      });
      sent.once('continue', () => sent.end(body));
      sent.once('response', (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      sent.once('error', reject);
      sent.flushHeaders();
    });
    expect(status).toBe(204);
  });

  it('is served in the absolute form of RFC 9112, and with the same rights', async () => {
    const images = `${ta.attestationUrl}/api/esx/attestation/os/esx/base-images?action=import-from-imgdb`;
    expect(await headOnly(images, 4_000_000)).toBe('HTTP/1.1 401 Unauthorized');
    expect(await headOnly(images, 4_000_000, pki.host)).toBe('HTTP/1.1 403 Forbidden');
    expect(await headOnly(images.replace('https:', 'http:'), 4_000_000, pki.host)).toBe(
      'HTTP/1.1 404 Not Found',
    );
  });

  it('is refused with a content encoding, which could unpack to more than was sent', async () => {
    const http = new HttpClient({
      baseUrl: ta.attestationUrl,
      caPem: pki.authority.caPem,
      clientCertificate: pki.host,
    });
    const { status, body } = await http.raw('POST', '/api/esx/attestation/report?action=attest', 'x', {
      'content-type': 'application/json',
      'content-encoding': 'gzip',
    });
    await http.close();
    expect([status, body.toString('utf8')]).toEqual([400, expect.stringContaining('content encoding')]);
  });

  it('with a path that is not percent-encoded UTF-8 is refused in the form of the API', async () => {
    const http = new HttpClient({
      baseUrl: ta.attestationUrl,
      caPem: pki.authority.caPem,
      clientCertificate: pki.administrator,
    });
    const { status } = await http.raw('GET', '/api/esx/attestation/tpm2/ca-certificates/%ff');
    await http.close();
    expect(status).toBe(400);
  });
});

describe('a base image archive', () => {
  it('that unpacks to more than it may is refused, while others are served', async () => {
    const bomb = gzipSync(Buffer.alloc(256 * 1024 * 1024));
    expect(bomb.length).toBeLessThan(MAX_IMGDB_BYTES);
    let turns = 0;
    const turning = setInterval(() => (turns += 1), 0);
    const refused = await unpackImgdb(bomb).catch((error: unknown) => error);
    clearInterval(turning);
    expect(refused).toMatchObject({ code: 'imgdb_malformed' });
    expect(turns).toBeGreaterThan(0);
    await expect(ta.attestation.baseImages.importFromImgdb(bomb)).rejects.toMatchObject({ status: 400 });
  });

  it('has the same longest length over the API, in a configuration, and when it is read', async () => {
    const tooLong = Buffer.alloc(MAX_IMGDB_BYTES + 1);
    await expect(unpackImgdb(tooLong)).rejects.toThrow(/more than 4194304 bytes/);
    await expect(ta.attestation.baseImages.importFromImgdb(tooLong)).rejects.toThrow(/at most 4194304 bytes/);
    const config = { tls: { certificatePem: '', privateKeyPem: '' }, trustedCaPem: '' };
    const initial = (bytes: Buffer) => ({ ...config, initial: { baseImages: [bytes.toString('base64')] } });
    expect(trustAuthorityConfig.safeParse(initial(tooLong)).success).toBe(false);
    expect(trustAuthorityConfig.safeParse(initial(tooLong.subarray(1))).success).toBe(true);
  });
});
