import type { KmsConfig } from '../config.js';
import { ObjectGroups } from '../objects/object-groups.js';
import { OperationPolicies } from './policies.js';

/** What the requests to one server share besides its store. */
export class ServerState {
  readonly policies: OperationPolicies;
  readonly objectGroups = new ObjectGroups();

  constructor(config: KmsConfig) {
    this.policies = new OperationPolicies(config);
  }
}
