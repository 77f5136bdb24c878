import type * as z from 'zod';

import { KpsimError } from '../../core/errors.js';
import { HttpStatusError } from '../../core/http/index.js';
import type { ReceiveReady } from '../../host-agent/client.js';
import type { ManagedObjectReference } from '../../wire/vim25/index.js';
import { VimFault, decodeFault } from '../../wire/vim25/index.js';
import { VcenterClient } from '../client.js';
import type {
  MigrationDestination,
  MigrationOrder,
  Outcome,
  Survey,
  SurveyRequest,
} from '../migration/destination.js';
import type { RemoteAddress } from '../migration/records.js';
import type { ServiceRequest } from '../migration/request.js';
import {
  MIGRATION_TOKEN_HEADER,
  abortedSchema,
  committedSchema,
  readySchema,
  surveySchema,
} from './messages.js';

const PATH = '/internal/peer/migrations';
/** A destination answers when its host is ready or has made a VM durable. */
const TIMEOUT_MS = 120_000;

/** Another vCenter as the destination of a migration, behind its peer interface. Own choice. */
export class RemoteDestination implements MigrationDestination {
  readonly acrossVcenters = true;
  readonly #client: VcenterClient;
  readonly #token: string;

  private constructor(client: VcenterClient, token: string) {
    this.#client = client;
    this.#token = token;
  }

  /**
   * Logs in to the other vCenter as the ServiceLocator says.
   *
   * @throws VimFault `InvalidLogin`, `InvalidArgument` if it is another vCenter than said, `HostCommunication`
   */
  static async logIn(service: ServiceRequest, caPem: string, token: string): Promise<RemoteDestination> {
    const client = clientOf(service, caPem);
    try {
      await client.login(service.userName, service.password);
      const { about } = await client.serviceContent();
      if (about.instanceUuid !== service.instanceUuid) {
        throw new VimFault(
          'InvalidArgument',
          `The vCenter at ${service.baseUrl} has the instanceUuid ${String(about.instanceUuid)}, not the one given.`,
          { fields: { invalidProperty: 'service.instanceUuid' } },
        );
      }
      return new RemoteDestination(client, token);
    } catch (error) {
      await client.close();
      throw peerFault(service.baseUrl, error);
    }
  }

  /** The destination of a migration begun earlier, by its token; it can only be asked how that one ends. */
  static resume(address: RemoteAddress, caPem: string): RemoteDestination {
    return new RemoteDestination(clientOf(address, caPem), address.token);
  }

  survey(request: SurveyRequest): Promise<Survey> {
    return this.#post(`${PATH}?action=survey`, request, surveySchema);
  }

  prepare(order: MigrationOrder): Promise<ReceiveReady> {
    return this.#post(PATH, order, readySchema);
  }

  async commit(migrationId: string): Promise<ManagedObjectReference> {
    const { vm } = await this.#post(`${PATH}/${migrationId}?action=commit`, {}, committedSchema);
    return vm;
  }

  async abort(migrationId: string): Promise<Outcome> {
    const { outcome } = await this.#post(`${PATH}/${migrationId}?action=abort`, {}, abortedSchema);
    return outcome;
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async #post<S extends z.ZodType>(path: string, body: unknown, schema: S): Promise<z.output<S>> {
    try {
      const answer = await this.#client.raw('POST', path, JSON.stringify(body), {
        'content-type': 'application/json',
        [MIGRATION_TOKEN_HEADER]: this.#token,
      });
      const json: unknown = JSON.parse(answer.body.toString('utf8'));
      if (answer.status === 500) throw decodeFault(json);
      if (answer.status >= 400) throw new HttpStatusError(`POST ${path}`, answer.status, json);
      return schema.parse(json);
    } catch (error) {
      throw peerFault(this.#client.baseUrl, error);
    }
  }
}

function clientOf(
  address: { readonly baseUrl: string; readonly thumbprintSha256?: string | undefined },
  caPem: string,
): VcenterClient {
  const { baseUrl, thumbprintSha256 } = address;
  return new VcenterClient({
    baseUrl,
    timeoutMs: TIMEOUT_MS,
    ...(thumbprintSha256 === undefined ? { caPem } : { pinnedThumbprintSha256: thumbprintSha256 }),
  });
}

/** What went wrong with the other vCenter, as a fault that names it; its own faults stay what they are. */
function peerFault(baseUrl: string, error: unknown): unknown {
  if (error instanceof VimFault && error.is('InvalidLogin')) {
    const text = `vCenter ${baseUrl} refuses the credential of the ServiceLocator: ${error.message}`;
    return new VimFault('InvalidLogin', text, { cause: error });
  }
  if (error instanceof VimFault) return error;
  const detail = error instanceof KpsimError ? error.message : 'it answers what kpsim does not understand';
  return new VimFault('HostCommunication', `vCenter ${baseUrl} cannot be used as destination: ${detail}.`, {
    cause: error,
  });
}
