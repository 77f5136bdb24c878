import type { MigrationState } from './migration-journal.js';

/** One end of a migration, as the one who reconciles it reaches it: an engine of this process or a remote host. */
export interface MigrationEnd {
  /** State of the migration in that role; undefined if the host knows nothing of it. */
  state(): Promise<MigrationState | undefined>;
  /** Idempotent; fails if the end is committed. */
  abort(): Promise<void>;
}

/** The source end: it can also give its VM up. */
export interface SourceEnd extends MigrationEnd {
  /** Idempotent. */
  commitSend(): Promise<void>;
}

/**
 * Brings a migration to its one end after a crash at any point: the destination decides. If it has committed, the
 * source gives its VM up; else the destination is aborted first, for good, and only then the source goes on with its VM.
 * Safe to be called again, also when a call before failed half-way.
 * @returns how the migration ended
 * @throws if an end cannot be reached; nothing is lost, and the VM stays held at the source until a later call
 */
export async function reconcileMigration(
  source: SourceEnd,
  destination: MigrationEnd,
): Promise<'committed' | 'aborted'> {
  if ((await destination.state()) === 'committed') {
    await source.commitSend();
    return 'committed';
  }
  await destination.abort();
  await source.abort();
  return 'aborted';
}
