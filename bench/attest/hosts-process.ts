/**
 * The process of the hosts: each has a software TPM and one connection, over which it attests again and again, with
 * fresh evidence. A target that is measured with requests is sent those instead, one after another, by as many clients
 * of the same kind: so the bare server is loaded.
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { HttpClient } from '../../core/http/index.js';
import { createTpmVendor } from '../../host-agent/tpm/index.js';
import { AttestationClient } from '../../trust-authority/client.js';
import { packImgdb, presetBaseImage } from '../../wire/esx-image/index.js';
import { cpuSecondsSince, quantile, serveCommands } from '../kmip/load-commands.js';
import type { MeasureOptions, Measured, TargetOptions } from '../kmip/load-protocol.js';
import { BenchHost } from './bench-host.js';
import type { BenchHostOptions } from './bench-host.js';
import { packMessages } from './messages.js';

/** What is done over and over against a target, on each of its connections; returns a sample. */
type Unit = (requests: readonly Buffer[]) => Promise<() => Buffer>;

interface Target {
  readonly lanes: readonly Unit[];
  readonly close: () => Promise<void>;
}

const vendor = await createTpmVendor();
const targets = new Map<string, Promise<Target>>();

/** Makes the lanes of a target when it is first measured, and it is known what it is. */
const connections = new Map<string, TargetOptions>();

function clientOf({
  host,
  port,
  caPath,
  certificatePath,
  privateKeyPath,
}: TargetOptions): BenchHostOptions['client'] {
  return {
    baseUrl: `https://${host}:${port}`,
    caPem: readFileSync(caPath, 'utf8'),
    clientCertificate: {
      certificatePem: readFileSync(certificatePath, 'utf8'),
      privateKeyPem: readFileSync(privateKeyPath, 'utf8'),
    },
  };
}

/** Hosts, and a service that trusts the maker of their TPMs and what they boot. */
async function hostsOn(options: TargetOptions): Promise<Target> {
  const client = clientOf(options);
  const administrator = new AttestationClient(client);
  try {
    await administrator.caCertificates.create({
      name: 'tpm-vendor',
      cert_chain: { cert_chain: [vendor.root.caPem, vendor.issuing.caPem] },
      crls: [vendor.crlPem],
    });
    await administrator.baseImages.importFromImgdb(await packImgdb(presetBaseImage('8.0.3')));
  } finally {
    await administrator.close();
  }
  const directory = await mkdtemp(join(tmpdir(), 'kpsim-bench-hosts-'));
  const hosts: BenchHost[] = [];
  for (let count = 1; count <= options.connections; count += 1) {
    hosts.push(await BenchHost.boot(`host-${count}`, { directory, vendor, client }));
  }
  return {
    lanes: hosts.map((host) => async () => {
      const messages = await host.attest();
      return () => packMessages(messages);
    }),
    close: async () => {
      await Promise.all(hosts.map((host) => host.close()));
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function clientsOn(options: TargetOptions): Target {
  const clients = Array.from({ length: options.connections }, () => new HttpClient(clientOf(options)));
  const headers = { accept: 'application/json', 'content-type': 'application/json' };
  return {
    lanes: clients.map((client) => async (requests) => {
      for (const [index, request] of requests.entries())
        await client.raw('POST', `/${index}`, request, headers);
      return () => Buffer.alloc(0);
    }),
    close: async () => {
      await Promise.all(clients.map((client) => client.close()));
    },
  };
}

async function targetOf(name: string, isBare: boolean): Promise<Target> {
  const options = connections.get(name);
  if (!options) throw new Error(`${name} is not connected`);
  const made = targets.get(name) ?? (isBare ? Promise.resolve(clientsOn(options)) : hostsOn(options));
  targets.set(name, made);
  return made;
}

async function measure(name: string, { requests: sent, milliseconds }: MeasureOptions): Promise<Measured> {
  // Buffers arrive as plain byte arrays.
  const requests = sent.map((one) => Buffer.from(one));
  const { lanes } = await targetOf(name, requests.length > 0);
  const latencies: number[] = [];
  let sample = (): Buffer => Buffer.alloc(0);
  const cpuBefore = process.cpuUsage();
  const begin = performance.now();
  let end = begin;
  await Promise.all(
    lanes.map(async (unit) => {
      do {
        const started = performance.now();
        sample = await unit(requests);
        end = performance.now();
        latencies.push(end - started);
      } while (end - begin < milliseconds);
    }),
  );
  const cpuSeconds = cpuSecondsSince(cpuBefore);
  const sorted = Float64Array.from(latencies).sort();
  return {
    responses: latencies.length,
    seconds: (end - begin) / 1000,
    cpuSeconds,
    latency: { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) },
    sample: sample(),
    cipher: '',
  };
}

serveCommands({
  connect: (name, options) => {
    connections.set(name, options);
    return Promise.resolve();
  },
  measure,
  disconnect: async (name) => {
    const target = targets.get(name);
    targets.delete(name);
    connections.delete(name);
    await (await target)?.close();
  },
});
