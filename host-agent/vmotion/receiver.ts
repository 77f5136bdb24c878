import type { Socket } from 'node:net';
import { KpsimError } from '../../core/errors.js';
import { decodeManifest, VmotionError } from '../../wire/vmotion/index.js';
import type { OneTimeKey, StreamHeader } from '../../wire/vmotion/index.js';
import { equalSecrets } from '../../core/secret.js';
import { inTransaction } from '../vm/directory-transaction.js';
import { datastoreError } from '../vm/errors.js';
import { openGuest } from '../vm/guest-start.js';
import type { RunningGuest } from '../vm/guest.js';
import type { KekResolver } from '../vm/index.js';
import type { FileSystem } from '../vm/file-system.js';
import { instanceUuid, setInstanceUuid, VMX_KEYS } from '../vm/vm-config.js';
import { VmFiles } from '../vm/vm-files.js';
import { FrameWriter } from './frame-stream.js';
import type { FrameReader } from './frame-stream.js';
import type { MigrationSpec } from './migration-spec.js';
import { IncomingSections } from './sections.js';

/** What a receiver needs. */
export interface ReceiveRequest {
  spec: MigrationSpec;
  /** Zeroised by the caller. */
  secret: OneTimeKey;
  fileSystem: FileSystem;
  /** Staged folder, empty. */
  directory: string;
  /** Gives the keys of an encrypted VM: they are tried before the VM is accepted. */
  keys: KekResolver;
  socket: Socket;
  reader: FrameReader;
  /** Called once the first frame has authenticated the sender; throws if another one was first. */
  claim: () => void;
  /** Makes the receipt durable and takes the guest over; the sender is answered after it. */
  received: (guest: RunningGuest | undefined) => Promise<void>;
  /** Makes the failure of a claimed stream durable; the sender is answered after it. */
  failed: () => Promise<void>;
}

/**
 * Receives one VM into a staged folder, and answers the sender: the digest when everything is verified and durable,
 * or why not.
 * @throws what went wrong, after the sender was told
 */
export async function receiveVm(request: ReceiveRequest): Promise<void> {
  const { spec, secret, socket, reader } = request;
  const header: StreamHeader = { migrationId: spec.migrationId, encrypted: spec.encrypted };
  const writer = new FrameWriter(socket, header, secret, 'toSource');
  reader.expect(header, secret, 'toDestination');
  const first = await reader.read();
  request.claim();
  try {
    if (first.header.type !== 'manifest')
      throw new VmotionError('stream_invalid', 'a stream starts with a manifest');
    const digest = await receiveSections(request, first.payload);
    await writer.send({ type: 'received' }, digest);
  } catch (error) {
    const cause = datastoreError(error, 'receiving a VM');
    // Should even the journal fail, a restart settles what it says as aborted.
    await request.failed().catch(() => undefined);
    const text =
      cause instanceof KpsimError ? `${cause.message} (${cause.code})` : 'internal error of the host';
    // The sender may be gone, or may be what failed; what counts here is the first failure.
    await writer.send({ type: 'failed' }, Buffer.from(text.slice(0, 1024), 'utf8')).catch(() => undefined);
    throw cause;
  }
}

async function receiveSections(request: ReceiveRequest, manifestBytes: Buffer): Promise<Buffer> {
  const { spec, fileSystem, directory, reader } = request;
  const manifest = decodeManifest(manifestBytes);
  if (manifest.vmId !== spec.vmId || (manifest.memoryBytes > 0 && !spec.live)) {
    throw new VmotionError('stream_invalid', 'the stream carries another VM than the migration spec says');
  }
  const sections = await IncomingSections.open(fileSystem, directory, manifest);
  let digest: Buffer;
  try {
    digest = await readAll(reader, sections);
    await sections.complete();
  } finally {
    await sections.close();
  }
  const guest = await accept(request, sections.memory);
  try {
    await request.received(guest);
  } catch (error) {
    await guest?.stop();
    throw error;
  }
  return digest;
}

async function readAll(reader: FrameReader, sections: IncomingSections): Promise<Buffer> {
  for (;;) {
    const { header, payload, digestBefore } = await reader.read();
    if (!digestBefore) {
      await sections.write(header, payload);
      payload.fill(0);
      continue;
    }
    if (equalSecrets(payload, digestBefore)) return digestBefore;
    throw new VmotionError('digest_mismatch', 'what arrived is not what was sent; migrate again');
  }
}

/** Reads what arrived as the VM it must be, gives a clone its identity, and tries the keys. */
async function accept(request: ReceiveRequest, memory: Buffer): Promise<RunningGuest | undefined> {
  const { spec, fileSystem, directory, keys } = request;
  let files = await VmFiles.load(fileSystem, directory);
  const encryptedDisk = files.disks.some(({ descriptor }) => descriptor.encryptionKeys !== undefined);
  if (instanceUuid(files.config) !== spec.vmId || (encryptedDisk && files.bundle === undefined)) {
    throw new VmotionError(
      'stream_invalid',
      'the files that arrived are not those of the VM in the migration spec',
    );
  }
  if (files.bundle !== undefined && !spec.encrypted) {
    throw new VmotionError('stream_invalid', 'an encrypted VM must travel by encrypted vMotion (ENC-1)');
  }
  if (spec.target) {
    const config = files.config.clone().set(VMX_KEYS.displayName, spec.target.name);
    setInstanceUuid(config, spec.target.id);
    const { vmxName } = files;
    await inTransaction(fileSystem, directory, (transaction) => transaction.write(vmxName, config.toBytes()));
    files = await VmFiles.load(fileSystem, directory);
  }
  if (files.bundle === undefined && memory.length === 0) return undefined;
  const guest = await openGuest(files, keys, memory);
  if (memory.length > 0) return guest;
  await guest.stop();
  return undefined;
}
