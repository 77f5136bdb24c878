import type { ServiceContext } from '../../core/context.js';
import type { KmsConfig } from '../config.js';
import { RandomSource } from '../cryptography/random.js';
import { Streams } from '../cryptography/streams.js';
import { ObjectGroups } from '../objects/object-groups.js';
import { AsynchronousRequests } from './asynchronous.js';
import { CryptokiApplications } from './cryptoki.js';
import { OperationPolicies } from './policies.js';
import { Tickets } from './tickets.js';

/** What the requests to one server share besides its store. */
export class ServerState {
  readonly log: ServiceContext['log'];
  readonly policies: OperationPolicies;
  readonly objectGroups = new ObjectGroups();
  readonly asynchronous: AsynchronousRequests;
  readonly tickets: Tickets;
  readonly cryptoki: CryptokiApplications;
  readonly streams: Streams;
  readonly random = new RandomSource();
  readonly #run: string;
  #responses = 0;

  constructor(config: KmsConfig, context: ServiceContext) {
    this.log = context.log;
    this.policies = new OperationPolicies(config);
    this.asynchronous = new AsynchronousRequests(config.asynchronous, context);
    this.tickets = new Tickets(config.tickets, context);
    this.cryptoki = new CryptokiApplications(context.rng);
    this.streams = new Streams(config.limits, context);
    this.#run = context.rng.bytes(8).toString('hex');
  }

  /** The Server Correlation Value of the next response: one of its own in all the world (KMIP 1.4 §6.19). */
  nextCorrelationValue(): string {
    this.#responses += 1;
    return `${this.#run}-${this.#responses}`;
  }

  /** Ends what goes on besides requests. */
  async close(): Promise<void> {
    await this.asynchronous.close();
    this.streams.closeAll();
  }
}
