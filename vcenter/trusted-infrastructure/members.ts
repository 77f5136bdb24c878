import { VapiError } from '../../core/http/index.js';
import { AttestationClient, KeyProviderServiceClient } from '../../trust-authority/client.js';
import type { VcenterConfig } from '../config.js';
import type { ClusterEntity, TrustAuthorityMember } from '../inventory/entities.js';
import type { Inventory } from '../inventory/inventory.js';
import { refuseIfCancelled } from '../vapi/errors.js';
import { memberRefusal } from './member-refusals.js';

/** The services of one member of a Trust Authority cluster. */
export interface MemberServices {
  readonly member: TrustAuthorityMember;
  readonly attestation: AttestationClient;
  readonly kms: KeyProviderServiceClient;
}

/** An answer of a change that says that a member is already as it should be. */
const DONE_BEFORE = { create: 'ALREADY_EXISTS', delete: 'NOT_FOUND' } as const;

/**
 * The members of this vCenter's Trust Authority clusters, to which it speaks as an administrator with its own
 * certificate. What is set is set on every member; what is read is read from the first that answers.
 */
export class TrustAuthorityMembers {
  readonly #config: Pick<VcenterConfig, 'tls' | 'trustedCaPem'>;
  readonly #inventory: Inventory;
  readonly #clients = new Map<string, MemberServices>();

  constructor(config: Pick<VcenterConfig, 'tls' | 'trustedCaPem'>, inventory: Inventory) {
    this.#config = config;
    this.#inventory = inventory;
  }

  /** A cluster of this vCenter. @throws VapiError `NOT_FOUND` */
  cluster(moid: string): ClusterEntity {
    const entity = this.#inventory.get(moid);
    if (entity?.type === 'ClusterComputeResource') return entity;
    throw new VapiError('NOT_FOUND', 'There is no cluster of that id; GET /api/vcenter/cluster lists them.');
  }

  /** The services of an enabled Trust Authority cluster. @throws VapiError `NOT_FOUND`, `NOT_ALLOWED_IN_CURRENT_STATE` */
  of(moid: string): readonly MemberServices[] {
    const { name, trustAuthority } = this.cluster(moid);
    if (trustAuthority?.state === 'ENABLE')
      return trustAuthority.members.map((member) => this.services(member));
    throw new VapiError(
      'NOT_ALLOWED_IN_CURRENT_STATE',
      `${name} is no Trust Authority cluster; set its state to ENABLE first.`,
    );
  }

  /** The clients of one member; they are kept. */
  services(member: TrustAuthorityMember): MemberServices {
    const key = JSON.stringify(member);
    const known = this.#clients.get(key);
    if (known) return known;
    const options = { caPem: member.trusted_CA, clientCertificate: this.#config.tls };
    const made = {
      member,
      attestation: new AttestationClient({ ...options, baseUrl: member.attestation }),
      kms: new KeyProviderServiceClient({ ...options, baseUrl: member.kms }),
    };
    this.#clients.set(key, made);
    return made;
  }

  /** Reads from the first member that answers. @throws VapiError the last refusal */
  async read<T>(moid: string, work: (services: MemberServices) => Promise<T>): Promise<T> {
    let refusal: VapiError | undefined;
    for (const services of this.of(moid)) {
      try {
        return await work(services);
      } catch (error) {
        refusal = memberRefusal(services.member, error);
        if (refusal.type !== 'RESOURCE_INACCESSIBLE') throw refusal;
      }
    }
    throw refusal ?? new VapiError('ERROR', 'The cluster has no members.');
  }

  /**
   * Makes a change on every member. Where some members had it already, because an earlier try ended half-way, that is
   * no error. The answer of the first member that made the change.
   *
   * @throws VapiError the first refusal; `CANCELED` between two members
   */
  async change<T>(
    moid: string,
    kind: 'create' | 'update' | 'delete',
    signal: AbortSignal,
    work: (services: MemberServices) => Promise<T>,
  ): Promise<T> {
    const answers: T[] = [];
    const refusals: VapiError[] = [];
    for (const services of this.of(moid)) {
      refuseIfCancelled(signal);
      try {
        answers.push(await work(services));
      } catch (error) {
        refusals.push(memberRefusal(services.member, error));
      }
    }
    const done = kind === 'update' ? undefined : DONE_BEFORE[kind];
    const refusal = refusals.find(({ type }) => answers.length === 0 || type !== done);
    if (refusal) throw refusal;
    return answers[0] as T; // without a refusal every member answered
  }

  /** Makes a change that only one member can make: tries each in turn. @throws VapiError the last refusal */
  async any<T>(moid: string, work: (services: MemberServices) => Promise<T>): Promise<T> {
    let refusal: VapiError | undefined;
    for (const services of this.of(moid)) {
      try {
        return await work(services);
      } catch (error) {
        refusal = memberRefusal(services.member, error);
      }
    }
    throw refusal ?? new VapiError('ERROR', 'The cluster has no members.');
  }

  /** Closes all connections. */
  async close(): Promise<void> {
    const all = [...this.#clients.values()].flatMap(({ attestation, kms }) => [attestation, kms]);
    this.#clients.clear();
    await Promise.all(all.map((client) => client.close()));
  }
}
