import { VapiError } from '../../core/http/index.js';
import type { Logger } from '../../core/logging.js';
import { KeyedTurns } from '../../core/keyed-turns.js';
import { AttestationClient, KeyProviderServiceClient } from '../../trust-authority/client.js';
import type { VcenterConfig } from '../config.js';
import type {
  ClusterEntity,
  TrustAuthorityConfiguration,
  TrustAuthorityMember,
} from '../inventory/entities.js';
import type { Inventory } from '../inventory/inventory.js';
import { refuseIfCancelled } from '../vapi/errors.js';
import { bringUp, configurationOf } from './member-configuration.js';
import type { ClusterConfiguration } from './member-configuration.js';
import { doesNotAnswer, memberRefusal } from './member-refusals.js';
import type { ProviderSecrets } from './provider-secrets.js';

/** The services of one member of a Trust Authority cluster. */
export interface MemberServices {
  readonly member: TrustAuthorityMember;
  readonly attestation: AttestationClient;
  readonly kms: KeyProviderServiceClient;
}

/** What {@link TrustAuthorityMembers} stand on. */
export interface TrustAuthorityMembersOptions {
  readonly config: Pick<VcenterConfig, 'tls' | 'trustedCaPem'>;
  readonly inventory: Inventory;
  readonly secrets: ProviderSecrets;
  readonly log: Logger;
}

/** How a change is made, see {@link TrustAuthorityMembers.change}. */
export type ChangeKind = 'create' | 'update' | 'delete';

/** What is kept of a change besides what the members keep. Nothing else happens to the cluster between these calls. */
export interface ChangeRecord {
  /** Called before any member is asked. */
  readonly begun?: () => void;
  /** Called once members have made the change. */
  readonly made?: () => void;
  /** Called if certainly none has; not where one may have made it and its answer was lost. */
  readonly refused?: () => void;
}

/**
 * The members of this vCenter's Trust Authority clusters, to which it speaks as an administrator with its own
 * certificate. What is set is set on every member; what is read is read from the first that answers.
 *
 * A member that does not make a change which the others make is behind: it is asked for nothing and told of nothing
 * until it has been given the whole configuration of the others, which is tried again and again. So is a member that
 * comes to a cluster later.
 */
export class TrustAuthorityMembers {
  readonly #options: TrustAuthorityMembersOptions;
  readonly #clients = new Map<string, MemberServices>();
  /** By cluster: a change reaches all members before the next one is made. */
  readonly #turns = new KeyedTurns();
  #catchingUp: Promise<void> | undefined;

  constructor(options: TrustAuthorityMembersOptions) {
    this.#options = options;
  }

  /** A cluster of this vCenter. @throws VapiError `NOT_FOUND` */
  cluster(moid: string): ClusterEntity {
    const entity = this.#options.inventory.get(moid);
    if (entity?.type === 'ClusterComputeResource') return entity;
    throw new VapiError('NOT_FOUND', 'There is no cluster of that id; GET /api/vcenter/cluster lists them.');
  }

  /** The services of an enabled Trust Authority cluster. @throws VapiError `NOT_FOUND`, `NOT_ALLOWED_IN_CURRENT_STATE` */
  of(moid: string): readonly MemberServices[] {
    return this.#enabled(moid).members.map((member) => this.services(member));
  }

  /** Whether a member of an enabled cluster lacks what was set there. @throws as {@link of} */
  isBehind(moid: string, member: TrustAuthorityMember): boolean {
    return !isCurrent(this.#enabled(moid), member);
  }

  /** The clients of one member; they are kept. */
  services(member: TrustAuthorityMember): MemberServices {
    const key = JSON.stringify(member);
    const known = this.#clients.get(key);
    if (known) return known;
    const options = { caPem: member.trusted_CA, clientCertificate: this.#options.config.tls };
    const made = {
      member,
      attestation: new AttestationClient({ ...options, baseUrl: member.attestation }),
      kms: new KeyProviderServiceClient({ ...options, baseUrl: member.kms }),
    };
    this.#clients.set(key, made);
    return made;
  }

  /**
   * Reads from the first member that answers and is not behind. One that is out of order, or takes nobody in, is passed
   * over like one that is down.
   *
   * @throws VapiError the last refusal
   */
  async read<T>(moid: string, work: (services: MemberServices) => Promise<T>): Promise<T> {
    let refusal: VapiError | undefined;
    for (const services of this.#current(moid)) {
      try {
        return await work(services);
      } catch (error) {
        refusal = memberRefusal(services.member, error);
        if (refusal.status < 500) throw refusal;
      }
    }
    throw refusal ?? new VapiError('ERROR', 'The cluster has no members.');
  }

  /**
   * Makes a change on every member. Where some members had it already, because an earlier try ended half-way, that is
   * no error: what they have may be of other content, so that they are given what the others have. Nor is a member that
   * does not answer or refuses where another one makes it: it is behind then.
   *
   * @returns the answer of the first member that made the change
   * @throws VapiError the first refusal; `CANCELED` between two members
   */
  change<T>(
    moid: string,
    kind: ChangeKind,
    signal: AbortSignal,
    work: (services: MemberServices) => Promise<T>,
    { begun, made, refused }: ChangeRecord = {},
  ): Promise<T> {
    return this.alone(moid, async () => {
      const answers: T[] = [];
      const refusals: VapiError[] = [];
      const done = new Set<string>();
      const different: MemberServices[] = [];
      const { changing: wasCutOff } = this.#enabled(moid);
      this.#put(moid, { changing: true });
      begun?.();
      try {
        for (const services of this.#current(moid)) {
          refuseIfCancelled(signal);
          const { member } = services;
          try {
            answers.push(await work(services));
            done.add(member.name);
          } catch (error) {
            const refusal = memberRefusal(member, error);
            if (kind === 'delete' && refusal.type === 'NOT_FOUND') done.add(member.name);
            if (kind === 'create' && refusal.type === 'ALREADY_EXISTS') different.push(services);
            refusals.push(refusal);
          }
        }
      } finally {
        // A member that fails may have made the change before: all are made alike again once they answer.
        const isUnsure = answers.length === 0 && refusals.some(({ status }) => status >= 500);
        if (answers.length > 0) {
          made?.();
          this.#setCurrent(moid, (name, wasCurrent) => wasCurrent && done.has(name));
        } else if (!isUnsure) refused?.();
        this.#put(moid, { changing: isUnsure ? true : wasCutOff });
      }
      if (answers.length > 0) {
        await this.#bringUpAll(moid, different);
        return answers[0] as T;
      }
      throw (
        refusals.find(({ type }) => type !== 'RESOURCE_INACCESSIBLE') ??
        refusals[0] ??
        new VapiError('RESOURCE_INACCESSIBLE', 'No member of the cluster has what was set before.')
      );
    });
  }

  /** Does something with a cluster while its members are not changed otherwise. */
  alone<T>(moid: string, work: () => Promise<T>): Promise<T> {
    return this.#turns.take(moid, work);
  }

  /** Gives all members that are behind what they lack, as far as they answer. */
  catchUp(): Promise<void> {
    this.#catchingUp ??= this.#catchUpAll().finally(() => {
      this.#catchingUp = undefined;
    });
    return this.#catchingUp;
  }

  /** As {@link catchUp}, in one cluster; after a change that was cut off all its members are given all of it. */
  catchUpIn(moid: string): Promise<void> {
    return this.alone(moid, async () => {
      const { changing } = this.#enabled(moid);
      const waiting = this.of(moid).filter(({ member }) => changing ?? this.isBehind(moid, member));
      if (await this.#bringUpAll(moid, waiting)) this.#put(moid, { changing: undefined });
    });
  }

  /** Closes all connections. */
  async close(): Promise<void> {
    await this.#closeClients();
    await this.#catchingUp;
    await this.#closeClients(); // those that it made meanwhile
  }

  async #closeClients(): Promise<void> {
    const all = [...this.#clients.values()].flatMap(({ attestation, kms }) => [attestation, kms]);
    this.#clients.clear();
    await Promise.all(all.map((client) => client.close()));
  }

  #enabled(moid: string): TrustAuthorityConfiguration {
    const { name, trustAuthority } = this.cluster(moid);
    if (trustAuthority?.state === 'ENABLE') return trustAuthority;
    throw new VapiError(
      'NOT_ALLOWED_IN_CURRENT_STATE',
      `${name} is no Trust Authority cluster; set its state to ENABLE first.`,
    );
  }

  #current(moid: string): readonly MemberServices[] {
    return this.of(moid).filter(({ member }) => !this.isBehind(moid, member));
  }

  /** Says anew of every member whether it has all that was set. */
  #setCurrent(moid: string, isNow: (name: string, wasCurrent: boolean) => boolean): void {
    const { trustAuthority } = this.cluster(moid);
    if (!trustAuthority) return;
    const current = trustAuthority.members
      .filter((member) => isNow(member.name, isCurrent(trustAuthority, member)))
      .map(({ name }) => name);
    this.#put(moid, { current });
  }

  #put(moid: string, change: Partial<TrustAuthorityConfiguration>): void {
    const entity = this.cluster(moid);
    const { trustAuthority } = entity;
    if (!trustAuthority) return;
    this.#options.inventory.put({ ...entity, trustAuthority: { ...trustAuthority, ...change } });
  }

  /** What was set, from the first member that has it and answers. */
  async #configuration(moid: string): Promise<ClusterConfiguration | undefined> {
    for (const services of this.#current(moid)) {
      try {
        return await configurationOf(services, this.#options.secrets.of(moid));
      } catch (error) {
        this.#options.log.debug(
          { err: error, member: services.member.name },
          'a configuration cannot be had',
        );
      }
    }
    return undefined;
  }

  /** Gives members what the others have, as far as they answer. @returns false if nobody tells what that is */
  async #bringUpAll(moid: string, waiting: readonly MemberServices[]): Promise<boolean> {
    if (waiting.length === 0) return false;
    const configuration = await this.#configuration(moid);
    if (configuration === undefined) return false;
    for (const services of waiting) await this.#bringUp(moid, services, configuration);
    return true;
  }

  async #bringUp(moid: string, services: MemberServices, configuration: ClusterConfiguration): Promise<void> {
    const { member } = services;
    try {
      await bringUp(services, configuration);
      this.#setCurrent(moid, (name, wasCurrent) => wasCurrent || name === member.name);
      this.#options.log.info({ member: member.name, cluster: moid }, 'a member has caught up');
    } catch (error) {
      // Of a cluster whose last change was cut off, it may have been one of those that seemed to have all.
      const { length: others } = this.#current(moid).filter((one) => one.member.name !== member.name);
      if (others > 0) this.#setCurrent(moid, (name, wasCurrent) => wasCurrent && name !== member.name);
      const level = doesNotAnswer(error) ? 'debug' : 'warn';
      this.#options.log[level](
        { err: error, member: member.name, cluster: moid },
        'a member is still behind',
      );
    }
  }

  async #catchUpAll(): Promise<void> {
    const enabled = this.#options.inventory
      .ofType('ClusterComputeResource')
      .filter(({ trustAuthority }) => trustAuthority?.state === 'ENABLE');
    for (const { moid } of enabled) {
      await this.catchUpIn(moid).catch((error: unknown) => {
        // It may have been disabled or removed meanwhile.
        this.#options.log.debug({ err: error, cluster: moid }, 'a cluster was not looked at');
      });
    }
  }
}

/** A cluster that was never enabled before has set nothing that a member could lack. */
function isCurrent({ current }: TrustAuthorityConfiguration, { name }: TrustAuthorityMember): boolean {
  return current?.includes(name) ?? true;
}
