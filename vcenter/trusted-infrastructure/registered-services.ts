import { createHash } from 'node:crypto';

import { VapiError } from '../../core/http/index.js';
import type { NetworkAddress, X509CertChain } from '../../wire/attestation/index.js';
import { httpsUrlOf } from '../../wire/attestation/index.js';
import type { VcenterStore } from '../store.js';
import type { ServiceKind } from './types.js';
import { KIND_TEXTS } from './types.js';

/** A service of a Trust Authority cluster, as it is registered in the vCenter of the workloads. */
export interface RegisteredService {
  readonly address: NetworkAddress;
  readonly trusted_CA: X509CertChain;
  readonly group: string;
  /** The Trust Authority cluster that it belongs to: an id of the vCenter over there. */
  readonly trust_authority_cluster: string;
}

/** What lists of services are filtered by. */
export interface ServiceFilter {
  readonly services?: readonly string[] | undefined;
  readonly address?: readonly NetworkAddress[] | undefined;
  readonly group?: readonly string[] | undefined;
  readonly trust_authority_cluster?: readonly string[] | undefined;
}

/** Services of one kind that a vCenter knows. */
const SERVICE_LIMIT = 256;

/** The registered services of a vCenter. They are never changed, only made and removed. */
export class RegisteredServices {
  readonly #store: VcenterStore;

  constructor(store: VcenterStore) {
    this.#store = store;
  }

  list(kind: ServiceKind): readonly (RegisteredService & { readonly service: string })[] {
    return this.#store
      .trustedServices(kind)
      .map(({ id, body }) => ({ ...(JSON.parse(body) as RegisteredService), service: id }));
  }

  /** @throws VapiError `NOT_FOUND` */
  get(kind: ServiceKind, id: string): RegisteredService & { readonly service: string } {
    const found = this.list(kind).find(({ service }) => service === id);
    if (found) return found;
    throw new VapiError(
      'NOT_FOUND',
      `There is no registered ${KIND_TEXTS[kind]} of that id; list them to see which there are.`,
    );
  }

  /** Registers a service; its id. @throws VapiError `ALREADY_EXISTS` for the same address */
  register(kind: ServiceKind, spec: RegisteredService): string {
    const all = this.list(kind);
    if (all.some(({ address }) => httpsUrlOf(address) === httpsUrlOf(spec.address))) {
      throw new VapiError('ALREADY_EXISTS', `There is a ${KIND_TEXTS[kind]} of that address already.`);
    }
    if (all.length >= SERVICE_LIMIT) {
      throw new VapiError('NOT_ALLOWED_IN_CURRENT_STATE', `There are ${SERVICE_LIMIT} already; remove some.`);
    }
    const id = serviceId(kind, spec);
    this.#store.putTrustedService(kind, id, JSON.stringify(spec));
    return id;
  }

  /** @throws VapiError `NOT_FOUND` */
  remove(kind: ServiceKind, id: string): void {
    this.get(kind, id);
    this.#store.deleteTrustedService(kind, id);
  }
}

/** Whether a service passes a filter; all that is set must match. */
export function passes(
  filter: ServiceFilter | undefined,
  {
    service,
    address,
    group,
    trust_authority_cluster: cluster,
  }: RegisteredService & { readonly service: string },
): boolean {
  return (
    (!filter?.services || filter.services.includes(service)) &&
    (!filter?.address || filter.address.some((one) => httpsUrlOf(one) === httpsUrlOf(address))) &&
    (!filter?.group || filter.group.includes(group)) &&
    (!filter?.trust_authority_cluster || filter.trust_authority_cluster.includes(cluster))
  );
}

/** Own choice: 32 hex digits of a digest over kind and address, laid out as a UUID. */
function serviceId(kind: ServiceKind, { address }: RegisteredService): string {
  const hex = createHash('sha256')
    .update(`${kind} ${httpsUrlOf(address)}`)
    .digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join(
    '-',
  );
}
