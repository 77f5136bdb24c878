import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { VmotionError } from '../../wire/vmotion/index.js';
import type { OneTimeKey, StreamHeader } from '../../wire/vmotion/index.js';
import type { VirtualMachine } from '../vm/index.js';
import { FrameReader, FrameWriter, guardSocket } from './frame-stream.js';
import type { ReadFrame } from './frame-stream.js';
import type { MigrationSpec } from './migration-spec.js';
import { VmTransfer } from './vm-transfer.js';

/** Where the destination listens. */
export interface Destination {
  host: string;
  port: number;
}

/** What a sender needs. */
export interface SendRequest {
  vm: VirtualMachine;
  spec: MigrationSpec;
  /** Zeroised by the caller. */
  secret: OneTimeKey;
  destination: Destination;
  /** Ends the migration when the destination is silent for so long. */
  idleTimeoutMs: number;
  /** Aborts the migration when it fires. */
  signal: AbortSignal;
}

/** What a migration has sent. */
export interface SendResult {
  /** Bytes on the wire. */
  bytes: number;
  encrypted: boolean;
  /** SHA-256 over header and plaintext of all frames, lower-case hex; the destination has verified it. */
  digestHex: string;
  /** Rounds of changes sent while the guest ran, and the one at the switchover. */
  dirtyRounds: number;
}

/**
 * Sends a VM to a destination that is prepared for it, and resolves when that has everything durably. The guest of a
 * running VM goes on meanwhile; what it writes is sent again, the last of it while it is held back. After a migration
 * it stays held back until the migration is committed or aborted.
 * @throws {VmotionError}
 */
export async function sendVm(request: SendRequest): Promise<SendResult> {
  const { vm, spec, secret } = request;
  const header: StreamHeader = { migrationId: spec.migrationId, encrypted: spec.encrypted };
  const socket = await connectTo(request);
  const writer = new FrameWriter(socket, header, secret, 'toDestination');
  const reader = new FrameReader(socket);
  reader.expect(header, secret, 'toSource');
  const answer = reader.read();
  // The destination answers at the end; an answer before that can only be that it gives up.
  const refusal = answer.then((frame) => Promise.reject(refusalOf(frame)));
  refusal.catch(() => undefined);
  const transfer = writer.writeStreamHeader(header).then(() => new VmTransfer(vm, spec, writer).run());
  try {
    const dirtyRounds = await Promise.race([transfer, refusal]);
    const digest = writer.digest();
    await writer.send({ type: 'final' }, digest);
    const frame = await answer;
    if (frame.header.type !== 'received' || !frame.payload.equals(digest)) throw refusalOf(frame);
    return { bytes: writer.bytes, encrypted: spec.encrypted, digestHex: digest.toString('hex'), dirtyRounds };
  } finally {
    socket.destroy();
    await transfer.catch(() => undefined);
  }
}

function connectTo({ destination, idleTimeoutMs, signal }: SendRequest): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...destination, signal });
    guardSocket(socket, idleTimeoutMs);
    socket.once('connect', () => resolve(socket));
    socket.once('error', (cause) => {
      const text = `cannot reach the destination host at ${destination.host}:${destination.port} for vMotion`;
      reject(cause instanceof VmotionError ? cause : new VmotionError('peer_unreachable', text, { cause }));
    });
  });
}

/** The error that an answer stands for which is not the confirmation expected. */
function refusalOf({ header, payload }: ReadFrame): VmotionError {
  if (header.type === 'failed') {
    return new VmotionError('peer_failed', `the destination gave up: ${failureText(payload)}`);
  }
  return new VmotionError('digest_mismatch', 'the destination did not confirm what was sent; migrate again');
}

function failureText(payload: Buffer): string {
  // A text from another host goes into a message and a log: nothing but one line of it.
  // eslint-disable-next-line no-control-regex -- control characters are exactly what must go
  return payload.toString('utf8', 0, 1024).replaceAll(/[\u0000-\u001f\u007f]/g, ' ');
}
