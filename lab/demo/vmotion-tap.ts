import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:net';

import { listening } from '../../core/http/index.js';
import type { PlaintextIndex, PlaintextScan, ScanResult } from './plaintext-index.js';

/** A wire tap on a host's vMotion port. */
export interface VmotionTap {
  /** Where sources connect to instead of to the host. */
  readonly host: string;
  readonly port: number;
  /** Sets what the tap forwards to; connections before that are refused. */
  forwardTo(target: { readonly host: string; readonly port: number }): void;
  /** Starts to look for plaintexts in whatever crosses from now on, in both directions. */
  watchFor(indexes: readonly PlaintextIndex[]): void;
  /** What has crossed since {@link watchFor}, and how much of the plaintext was in it. */
  result(): ScanResult;
  close(): Promise<void>;
}

/**
 * Starts a tap: a TCP relay that hands on every byte as it comes, with backpressure, and looks at it. What it
 * sees is what anybody on the network between two hosts would see.
 */
export async function startVmotionTap(host = '127.0.0.1'): Promise<VmotionTap> {
  let target: { readonly host: string; readonly port: number } | undefined;
  let indexes: readonly PlaintextIndex[] = [];
  let scans: PlaintextScan[] = [];
  let crossedBytes = 0;
  const sockets = new Set<Socket>();

  const tapped = (from: Socket, to: Socket): void => {
    const own = indexes.map((index) => index.scan());
    scans.push(...own);
    from.on('data', (chunk) => {
      crossedBytes += chunk.length;
      for (const scan of own) scan.update(chunk);
      if (!to.write(chunk)) from.pause();
    });
    to.on('drain', () => from.resume());
    from.on('end', () => to.end());
    from.on('error', () => to.destroy());
    from.on('close', () => sockets.delete(from));
  };
  const server = createServer({ allowHalfOpen: true }, (incoming) => {
    if (!target) {
      incoming.destroy();
      return;
    }
    const outgoing = connect({ ...target, allowHalfOpen: true });
    sockets.add(incoming).add(outgoing);
    tapped(incoming, outgoing);
    tapped(outgoing, incoming);
  });
  await listening(server, 0, host);
  const { port } = server.address() as AddressInfo;
  return {
    host,
    port,
    forwardTo: (next) => {
      target = next;
    },
    watchFor: (next) => {
      indexes = next;
      scans = [];
      crossedBytes = 0;
    },
    result: () => ({ ...sumOf(scans.map((scan) => scan.result)), scannedBytes: crossedBytes }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** The results of several streams as one; the first offset is that of the first stream with a finding. */
export function sumOf(results: readonly ScanResult[]): ScanResult {
  return {
    scannedBytes: results.reduce((sum, { scannedBytes }) => sum + scannedBytes, 0),
    found: results.reduce((sum, { found }) => sum + found, 0),
    firstOffset: results.find(({ firstOffset }) => firstOffset !== undefined)?.firstOffset,
  };
}
