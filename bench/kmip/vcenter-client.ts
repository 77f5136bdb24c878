/**
 * A load in the shape of a vCenter's: its phases as captures of 7.0.3 and 8.0.1 show them, each over connections of its
 * own. The vCenter of kpsim (`vcenter/key-providers`) does the same where it needs a key; here the phases are data, so
 * that many can be run, counted and compared with the captures.
 */
import { randomUUID } from 'node:crypto';

import { zeroise } from '../../core/secret.js';
import type {
  Attribute,
  BatchRequest,
  BatchResult,
  KmipClientTls,
  KmipServerAddress,
  OperationName,
  UsernameAndPassword,
} from '../../kms/client.js';
import {
  KmipClient,
  KmipConnectionError,
  KmipError,
  attributeOf,
  keyMaterialBytes,
  payloadOf,
  vcenterBatchItemIds,
} from '../../kms/client.js';

/** What the captures name as `x-Product_Version`; the build of 8.0.1 is of that release, not of the capture. */
export const PRODUCT_VERSIONS = {
  '7.0.3': '7.0.3 build-19480866',
  '8.0.1': '8.0.1 build-21560480',
} as const satisfies Record<string, string>;

/** For whom a key is made. */
export interface KeyOwner {
  readonly identifier: string;
  readonly component: 'ESXi Server' | 'Virtual Machine';
  /** Address of the host, or name of the VM. */
  readonly name: string;
}

/** One key on its way through the phases. */
interface KeyTask {
  readonly productVersion: string;
  readonly owner: KeyOwner;
  /** Once it is made. */
  uniqueIdentifier: string;
  state: string;
  /** Custom attributes that it has. */
  readonly tags: Set<string>;
}

/** One request message of a phase. */
interface Message {
  /** Nothing is sent if it is empty. */
  readonly batch: (task: KeyTask) => readonly BatchRequest[];
  readonly withoutBatchItemId?: true;
  /** Whether the phase goes on although an item failed. */
  readonly tolerated?: true;
  /** Takes what the task needs from the answers. */
  readonly learn?: (task: KeyTask, results: readonly BatchResult[]) => void;
}

type Tag = readonly [name: `x-${string}`, value: (task: KeyTask) => string];

const PRODUCT_TAGS: readonly Tag[] = [
  ['x-Product_Version', (task) => task.productVersion],
  ['x-Vendor', () => 'VMware, Inc.'],
  ['x-Product', () => 'VMware vSphere'],
];
const OWNER_TAGS: readonly Tag[] = [
  ['x-Identifier', ({ owner }) => owner.identifier],
  ['x-Component', ({ owner }) => owner.component],
  ['x-Name', ({ owner }) => owner.name],
];

const discoverVersions = (): readonly BatchRequest[] => [{ operation: 'DiscoverVersions', payload: {} }];
/** The first request of every connection. */
const GREETING: Message = { batch: discoverVersions, withoutBatchItemId: true };
const DISCOVER: Message = { batch: discoverVersions };
const SERVER_INFORMATION: Message = {
  batch: () => [{ operation: 'Query', payload: { queryFunctions: ['QueryServerInformation'] } }],
};

const CREATE: Message = {
  batch() {
    // In this order.
    const attributes = [
      attributeOf('CryptographicAlgorithm', 'AES'),
      attributeOf('CryptographicUsageMask', 12),
      attributeOf('CryptographicLength', 256),
    ];
    return [
      { operation: 'Create', payload: { objectType: 'SymmetricKey', templateAttribute: { attributes } } },
    ];
  },
  learn(task, results) {
    task.uniqueIdentifier = payloadOf('Create', results).uniqueIdentifier;
  },
};

const GET: Message = {
  batch: ({ uniqueIdentifier }) => [{ operation: 'Get', payload: { uniqueIdentifier } }],
  learn(_task, results) {
    const { object } = payloadOf('Get', results);
    if (object.objectType === 'SymmetricKey') zeroise(keyMaterialBytes(object.keyBlock));
  },
};

const STATE: Message = {
  ...attributeByName('State'),
  learn(task, results) {
    const state = payloadOf('GetAttributes', results).attributes?.find(({ name }) => name === 'State');
    task.state = typeof state?.value === 'string' ? state.value : 'unknown';
  },
};

const ACTIVATE: Message = {
  batch: ({ state, uniqueIdentifier }) =>
    state === 'PreActive' ? [{ operation: 'Activate', payload: { uniqueIdentifier } }] : [],
};

function attributeByName(name: string): Message {
  return {
    batch: ({ uniqueIdentifier }) => [
      { operation: 'GetAttributes', payload: { uniqueIdentifier, attributeNames: [name] } },
    ],
  };
}

/** Looks for each tag by itself, then adds in one batch those that are not there. */
function tagging(tags: readonly Tag[]): readonly Message[] {
  const look = ([name]: Tag): Message => ({
    ...attributeByName(name),
    learn(task, results) {
      for (const found of payloadOf('GetAttributes', results).attributes ?? []) task.tags.add(found.name);
    },
  });
  const add: Message = {
    batch: (task) =>
      tags
        .filter(([name]) => !task.tags.has(name))
        .map(([name, value]) => {
          const attribute: Attribute = { name, value: { type: 'TextString', value: value(task) } };
          return {
            operation: 'AddAttribute',
            payload: { uniqueIdentifier: task.uniqueIdentifier, attribute },
          };
        }),
    tolerated: true,
  };
  return [...tags.map(look), add];
}

/** A TLS connection that is closed without a byte of KMIP. */
const NOTHING: readonly Message[] = [];
const TRUST: readonly Message[] = [GREETING, DISCOVER, SERVER_INFORMATION];

/** The phases: connections one after another, and the messages over each. */
export const PHASES = {
  'establish trust': [NOTHING, TRUST, NOTHING, TRUST],
  health: [NOTHING, [GREETING, DISCOVER]],
  'new key': [[GREETING, CREATE]],
  'tag product': [[GREETING, ...tagging(PRODUCT_TAGS)]],
  'use key': [[GREETING, GET, STATE, ACTIVATE]],
  'tag owner': [[GREETING, ...tagging(OWNER_TAGS)]],
} as const satisfies Record<string, readonly (readonly Message[])[]>;

/** Name of a phase. */
export type PhaseName = keyof typeof PHASES;

/** The phases of a key, from its making to its first use. */
const PHASES_OF_KEY: readonly PhaseName[] = ['new key', 'tag product', 'use key', 'tag owner'];

/** How a phase went. */
export interface PhaseOutcome {
  readonly phase: PhaseName;
  /** Why it ended early: a Result Reason and its text, or what is wrong with the connection. */
  readonly failure: string | undefined;
  readonly connections: number;
  readonly requests: number;
  /** Batch items that failed and did not matter. */
  readonly tolerated: number;
  readonly milliseconds: number;
}

/** A vCenter to be played. */
export interface VcenterOptions {
  readonly server: KmipServerAddress;
  /** vCenter's own certificate; spoken is TLS 1.2. */
  readonly tls: KmipClientTls;
  readonly credential?: UsernameAndPassword | undefined;
  readonly productVersion?: string | undefined;
  readonly timeoutMs?: number | undefined;
}

/** Operations on which vCenter sends user name and password. */
const CREDENTIAL_OPERATIONS: readonly OperationName[] = ['Create', 'Get', 'GetAttributes', 'Activate'];

/** Speaks to one key server as vCenter does. */
export class VcenterLoad {
  readonly #client: KmipClient;
  readonly #productVersion: string;

  constructor({ server, tls, credential, productVersion, timeoutMs }: VcenterOptions) {
    this.#productVersion = productVersion ?? PRODUCT_VERSIONS['7.0.3'];
    this.#client = new KmipClient({
      servers: [server],
      tls: { ...tls, maxVersion: 'TLSv1.2' },
      protocolVersion: '1.1',
      batchItemId: vcenterBatchItemIds(),
      timeoutMs,
      ...(credential && { credential, credentialOperations: CREDENTIAL_OPERATIONS }),
    });
  }

  /** A phase that is about no key. */
  check(phase: 'establish trust' | 'health'): Promise<PhaseOutcome> {
    return this.#run(phase, this.#task({ identifier: '', component: 'ESXi Server', name: '' }));
  }

  /** Makes, tags and uses a key; ends with the first phase that fails. */
  async makeKey(
    owner: KeyOwner,
  ): Promise<{ readonly uniqueIdentifier: string; readonly outcomes: readonly PhaseOutcome[] }> {
    const task = this.#task(owner);
    const outcomes: PhaseOutcome[] = [];
    for (const phase of PHASES_OF_KEY) {
      const outcome = await this.#run(phase, task);
      outcomes.push(outcome);
      if (outcome.failure !== undefined) break;
    }
    return { uniqueIdentifier: task.uniqueIdentifier, outcomes };
  }

  /** Closes what is open. */
  close(): Promise<void> {
    return this.#client.close();
  }

  #task(owner: KeyOwner): KeyTask {
    const productVersion = this.#productVersion;
    return { productVersion, owner, uniqueIdentifier: '', state: 'unknown', tags: new Set() };
  }

  async #run(phase: PhaseName, task: KeyTask): Promise<PhaseOutcome> {
    const begin = performance.now();
    const counts = { connections: 0, requests: 0, tolerated: 0 };
    let failure: string | undefined;
    try {
      for (const messages of PHASES[phase]) {
        counts.connections += 1;
        await this.#connection(messages, task, counts);
      }
    } catch (error) {
      if (error instanceof KmipError) failure = `${error.reason}: ${error.message}`;
      else if (error instanceof KmipConnectionError) failure = error.message;
      else throw error;
    }
    return { phase, failure, ...counts, milliseconds: performance.now() - begin };
  }

  #connection(
    messages: readonly Message[],
    task: KeyTask,
    counts: { requests: number; tolerated: number },
  ): Promise<void> {
    return this.#client.withConnection(async (connection) => {
      for (const { batch, withoutBatchItemId = false, tolerated, learn } of messages) {
        const items = batch(task);
        if (items.length === 0) continue;
        counts.requests += 1;
        const results = await connection.request(items, { withoutBatchItemId });
        const failed = results.filter(({ error }) => error);
        if (tolerated) counts.tolerated += failed.length;
        else if (failed[0]?.error) throw failed[0].error;
        learn?.(task, results);
      }
    });
  }
}

/** A whole load. */
export interface VcenterLoadOptions extends VcenterOptions {
  /** VMs to be encrypted. */
  readonly vms: number;
  /** VMs whose encryption is under way at a time; 4 if absent. */
  readonly parallel?: number | undefined;
  /** Hosts that the VMs are on in turn; a host gets its own key with its first VM. 1 if absent. */
  readonly hosts?: number | undefined;
}

/** What became of a load. */
export interface VcenterLoadResult {
  /** Unique Identifiers of the keys that went through all phases. */
  readonly keys: readonly string[];
  readonly connections: number;
  readonly requests: number;
  readonly tolerated: number;
  /** Phases that failed, as `phase: why`, and how often. */
  readonly failures: Readonly<Record<string, number>>;
  readonly seconds: number;
}

/**
 * Establishes trust, then encrypts VMs: each has a key made, tagged and used, and the first one of a host has its host's
 * made at the same time.
 */
export async function vcenterLoad(options: VcenterLoadOptions): Promise<VcenterLoadResult> {
  const { vms, parallel = 4, hosts = 1 } = options;
  const vcenter = new VcenterLoad(options);
  const begin = performance.now();
  const outcomes: PhaseOutcome[] = [];
  const keys: string[] = [];
  const makeKey = async (owner: KeyOwner): Promise<void> => {
    const made = await vcenter.makeKey(owner);
    outcomes.push(...made.outcomes);
    if (made.outcomes.every(({ failure }) => failure === undefined)) keys.push(made.uniqueIdentifier);
  };
  let next = 0;
  const encryptInTurn = async (): Promise<void> => {
    for (let vm = next++; vm < vms; vm = next++) {
      await Promise.all(ownersOf(vm, hosts).map(makeKey));
    }
  };
  try {
    outcomes.push(await vcenter.check('establish trust'), await vcenter.check('health'));
    await Promise.all(Array.from({ length: parallel }, encryptInTurn));
  } finally {
    await vcenter.close();
  }
  const sum = (of: (outcome: PhaseOutcome) => number): number =>
    outcomes.reduce((total, outcome) => total + of(outcome), 0);
  return {
    keys,
    connections: sum(({ connections }) => connections),
    requests: sum(({ requests }) => requests),
    tolerated: sum(({ tolerated }) => tolerated),
    failures: failuresOf(outcomes),
    seconds: (performance.now() - begin) / 1000,
  };
}

function ownersOf(vm: number, hosts: number): readonly KeyOwner[] {
  const own: KeyOwner = { identifier: randomUUID(), component: 'Virtual Machine', name: `vm-${vm}` };
  if (vm >= hosts) return [own];
  return [{ identifier: randomUUID(), component: 'ESXi Server', name: `192.0.2.${vm + 1}` }, own];
}

function failuresOf(outcomes: readonly PhaseOutcome[]): Readonly<Record<string, number>> {
  const failures: Record<string, number> = {};
  for (const { phase, failure } of outcomes) {
    if (failure === undefined) continue;
    const what = `${phase}: ${failure}`;
    failures[what] = (failures[what] ?? 0) + 1;
  }
  return failures;
}
