import type { CryptoKeyId, IncomingVm, MigrationSpec, ReceiveReady } from '../../host-agent/client.js';
import type { ManagedObjectReference } from '../../wire/vim25/index.js';
import type { DiskStoragePolicy } from '../inventory/entities.js';
import type { TargetRequest } from './request.js';
import type { PrivilegesOn, SideFacts } from './rule-facts.js';

/** What a source tells of the VM before anything is decided. */
export interface SurveyRequest {
  readonly operation: 'migrate' | 'clone';
  readonly vm: {
    readonly id: string;
    readonly name: string;
    readonly keyIds: readonly CryptoKeyId[];
  };
  readonly target: TargetRequest;
  /** Where the VM is now, if that is this same vCenter. */
  readonly current?:
    { readonly host: string; readonly datastore: string; readonly folder?: string | undefined } | undefined;
}

/** Where the VM would go, in ids of the destination. */
export interface Place {
  /** Moid. */
  readonly host: string;
  /** UUID of the host. */
  readonly hostUuid: string;
  readonly datastore: string;
  /** Moid of the VM folder. */
  readonly folder: string;
}

/** What a destination answers: the place it chose, and what the rules want to know of it. */
export interface Survey {
  readonly place: Place;
  readonly side: SideFacts;
  readonly folderPrivileges: PrivilegesOn;
  readonly hostPrivileges: PrivilegesOn;
}

/** All that a destination needs to receive a VM. It holds the one-time key: it is never kept or logged. */
export interface MigrationOrder {
  readonly spec: MigrationSpec;
  readonly vm: IncomingVm;
  readonly place: Place;
  readonly encrypted: boolean;
  readonly makeHostSafe: boolean;
  readonly storagePolicy?: string | undefined;
  readonly diskStoragePolicies: readonly DiskStoragePolicy[];
  /** Lets the source ask for the outcome when its session has ended. */
  readonly token: string;
}

/** How a destination says that a migration ended. */
export type Outcome = 'committed' | 'aborted';

/** The destination of a migration: this vCenter, or another one behind its peer interface. */
export interface MigrationDestination {
  readonly acrossVcenters: boolean;
  /** Chooses a place and tells what the rules want to know. @throws VimFault */
  survey(request: SurveyRequest): Promise<Survey>;
  /** Makes the host ready to receive: safe, with keys, listening. @throws VimFault */
  prepare(order: MigrationOrder): Promise<ReceiveReady>;
  /** Makes the received VM the destination's own, durably; repeating it changes nothing. @throws VimFault */
  commit(migrationId: string): Promise<ManagedObjectReference>;
  /** Ends a migration, unless it is committed; repeating it changes nothing. @throws VimFault */
  abort(migrationId: string): Promise<Outcome>;
  close(): Promise<void>;
}
