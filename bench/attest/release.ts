import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { KeyProviderServiceClient } from '../../trust-authority/client.js';
import type { Row } from '../kmip/report.js';
import { compare } from '../kmip/rounds.js';
import { startKpsim } from '../kmip/servers.js';
import type { Setting } from '../kmip/setting.js';
import { loadOn } from '../kmip/setting.js';
import { hostsOn, startHosts } from './hosts.js';
import { unpackMessages } from './messages.js';
import { makeProvider } from './provider.js';
import type { RunningTrustAuthority } from './servers.js';
import { startBare, startTrustAuthority } from './servers.js';

const FLOOR = 1500;
const PROVIDER = 'bench';
/** Wrapped keys that are asked for in turn. */
const KEYS = 64;

/** Releases of wrapped keys to an attested host, each in a JWE of its own, on 16 connections. */
export async function releaseRows(setting: Setting): Promise<readonly Row[]> {
  const { directory, certificates, load, quick } = setting;
  const kms = await startKpsim(join(directory, 'kms'), certificates.server);
  const service = await startTrustAuthority(directory, certificates.server);
  try {
    const token = await tokenOfHost(setting, service);
    const bodies = await wrappedKeys(setting, service, kms.port, token);
    const requests = bodies.map((body) => decryptRequest('/api/esx/kms/decrypt', token, body));
    await loadOn(setting, 'service', { port: service.keyProviderPort }, 'TLSv1.3', 'http');
    const { sample } = await load.measure('service', { requests, milliseconds: 100 });
    const answer = sample.subarray(sample.indexOf('\r\n\r\n') + 4).toString();
    const bare = await startBare(directory, [answer], certificates.server);
    try {
      await loadOn(setting, 'bare', bare, 'TLSv1.3', 'http');
      const result = await compare(
        load,
        { target: 'service', server: service.server, requests },
        {
          target: 'bare',
          server: bare.server,
          requests: bodies.map((body) => decryptRequest('/0', token, body)),
        },
        quick ? { rounds: 3, roundMs: 1500, warmUpMs: 2000 } : { rounds: 9, roundMs: 2000, warmUpMs: 4000 },
      );
      const { left, right } = result;
      const perCore = 1e6 / (left.cpuMicroseconds ?? NaN);
      return [
        {
          what: `key release, 16 connections, ${requests[0]?.length ?? 0} → ${answer.length} bytes, the service's core`,
          measured:
            `${perCore.toFixed(0)}/s (${(left.cpuMicroseconds ?? NaN).toFixed(0)} µs of processor each); ` +
            `measured ${left.requestsPerSecond.toFixed(0)}/s`,
          floor: `≥ ${FLOOR}/s`,
          holds: perCore >= FLOOR,
          details: result,
        },
        {
          what: 'key release against a bare HTTPS exchange of the same size',
          measured:
            `${left.requestsPerSecond.toFixed(0)}/s against ${right.requestsPerSecond.toFixed(0)}/s ` +
            `(${(right.cpuMicroseconds ?? NaN).toFixed(0)} µs each)`,
          ratio: result.ratio,
          holds: undefined,
        },
      ];
    } finally {
      await load.disconnect('bare');
      await bare.server.stop();
    }
  } finally {
    await load.disconnect('service');
    await service.server.stop();
    await kms.server.stop();
  }
}

/** A host attests, and hands over its token: it is bound to the certificate that the load comes with, too. */
async function tokenOfHost(setting: Setting, { attestationPort }: RunningTrustAuthority): Promise<string> {
  const hosts = startHosts();
  try {
    await hostsOn(hosts, setting, 'service', attestationPort);
    const { sample } = await hosts.measure('service', { requests: [], milliseconds: 0 });
    return unpackMessages(sample).token;
  } finally {
    await hosts.disconnect('service');
    await hosts.close();
  }
}

/** Makes a provider with a primary key on the key server, and keys under it. @returns bodies of `decrypt` */
async function wrappedKeys(
  { certificates: { client: files } }: Setting,
  { keyProviderPort }: RunningTrustAuthority,
  kmsPort: number,
  token: string,
): Promise<readonly string[]> {
  const [caPem, certificatePem, privateKeyPem] = (await Promise.all(
    [files.caPath, files.certificatePath, files.privateKeyPath].map((path) => readFile(path, 'utf8')),
  )) as [string, string, string];
  const kms = new KeyProviderServiceClient({
    baseUrl: `https://127.0.0.1:${keyProviderPort}`,
    caPem,
    clientCertificate: { certificatePem, privateKeyPem },
  });
  try {
    await makeProvider(kms, {
      provider: PROVIDER,
      keyServerPort: kmsPort,
      caPem,
      certificatePem,
      privateKeyPem,
    });
    const bodies: string[] = [];
    for (let count = 0; count < KEYS; count += 1) {
      const { ciphertext } = await kms.generateKey({ provider: PROVIDER, numOfBytes: 32 }, token);
      bodies.push(JSON.stringify({ provider: PROVIDER, ciphertext }));
    }
    return bodies;
  } finally {
    await kms.close();
  }
}

function decryptRequest(path: string, token: string, body: string): Buffer {
  return Buffer.from(
    [
      `POST ${path} HTTP/1.1`,
      'host: 127.0.0.1',
      'content-type: application/json',
      'accept: application/json',
      `authorization: Bearer ${token}`,
      `content-length: ${Buffer.byteLength(body)}`,
      '',
      body,
    ].join('\r\n'),
  );
}
