import { createHash, randomBytes } from 'node:crypto';

import { KmsProcess } from '../../bench/kms-process.js';
import type { Rng } from '../../core/rng.js';
import type { KmipClient } from '../../kms/client.js';
import { attributeOf } from '../../wire/kmip/index.js';

/** Connections that write at the same time. */
const WRITERS = 6;
/** Answers before the server is killed, at least and at most. */
const ANSWERS = { least: 10, most: 150 } as const;

/** What a client knows of an object from the answers it got. */
interface Known {
  readonly state: 'PreActive' | 'Active' | 'Destroyed';
  /** Custom attributes by name. */
  readonly tags: Readonly<Record<string, string>>;
}

/** An object that a client made or asked for, and the change whose answer it still waits for. */
interface Tracked {
  readonly name: string;
  /** Undefined until the request that makes it is answered. */
  id?: string;
  /** What was registered; a created key is known by its digest. */
  readonly keyBytes: Buffer | undefined;
  known: Known | undefined;
  pending: Known | undefined;
}

/** What one round did. */
export interface KillRound {
  readonly answered: number;
  readonly objects: number;
  /** Changes that the kill left without an answer. */
  readonly unanswered: number;
  /** What is not as it was answered; empty if nothing was lost. */
  readonly losses: readonly string[];
}

/**
 * Starts a key server process on a directory, has several clients write at once, kills the process in the middle of it
 * and looks for everything that was answered in a new process on the same directory.
 *
 * @param rng decides the changes and the moment
 * @param command path of the built `bin/kpsim.js`
 */
export async function killRound(dataDir: string, rng: Rng, command: string): Promise<KillRound> {
  const server = await KmsProcess.start(dataDir, { command });
  const client = await server.client({ poolSize: WRITERS, timeoutMs: 20_000 });
  const tracked: Tracked[] = [];
  const killAfter = ANSWERS.least + Math.floor(rng.fraction() * (ANSWERS.most - ANSWERS.least));
  let answered = 0;
  let killed: Promise<void> | undefined;
  const isOver = (): boolean => killed !== undefined;
  const write = async (): Promise<void> => {
    const mine: Tracked[] = [];
    while (!isOver()) {
      try {
        await change(client, mine, tracked, rng);
      } catch (error) {
        // Whatever has no answer now never gets one.
        if (isOver()) return;
        throw error;
      }
      answered += 1;
      if (answered === killAfter) killed = server.kill();
    }
  };
  try {
    await Promise.all(Array.from({ length: WRITERS }, write));
  } finally {
    await (killed ??= server.kill());
    await client.close();
  }
  const losses = await lossesAfterRestart(dataDir, tracked, command);
  const unanswered = tracked.filter(({ pending }) => pending).length;
  return { answered, objects: tracked.length, unanswered, losses };
}

/** Makes an object or changes one, and notes what was asked and what was answered. */
async function change(client: KmipClient, mine: Tracked[], all: Tracked[], rng: Rng): Promise<void> {
  const living = mine.filter(({ known }) => known && known.state !== 'Destroyed');
  const object = living[Math.floor(rng.fraction() * living.length * 1.5)];
  if (!object?.known || object.id === undefined) {
    const made = track(rng);
    mine.push(made);
    all.push(made);
    made.pending = { state: 'PreActive', tags: {} };
    made.id = await make(client, made);
  } else {
    const { step, after } = nextStep(object.known, rng);
    object.pending = after;
    await step(client, object.id);
  }
  const changed = object?.known ? object : mine.at(-1);
  if (!changed) return;
  changed.known = changed.pending;
  changed.pending = undefined;
}

function track(rng: Rng): Tracked {
  const keyBytes = rng.fraction() < 0.5 ? randomBytes(32) : undefined;
  return { name: rng.uuid(), keyBytes, known: undefined, pending: undefined };
}

function make(client: KmipClient, { name, keyBytes }: Tracked): Promise<string> {
  if (keyBytes === undefined) return client.create({ name });
  return client.register(
    {
      objectType: 'SymmetricKey',
      keyBlock: {
        keyFormatType: 'Raw',
        keyValue: { keyMaterial: keyBytes },
        cryptographicAlgorithm: 'AES',
        cryptographicLength: 256,
      },
    },
    { name, attributes: [attributeOf('CryptographicUsageMask', 12)] },
  );
}

/** Mostly tags, then Activate, now and then the end. */
function nextStep(
  known: Known,
  rng: Rng,
): { readonly step: (client: KmipClient, id: string) => Promise<void>; readonly after: Known } {
  const dice = rng.fraction();
  if (known.state === 'PreActive' && dice < 0.15) {
    return { step: (client, id) => client.activate(id), after: { ...known, state: 'Active' } };
  }
  if (known.state === 'PreActive' && dice < 0.3) {
    return { step: (client, id) => client.destroy(id), after: { ...known, state: 'Destroyed' } };
  }
  const name = `x-tag-${Object.keys(known.tags).length}`;
  const value = rng.uuid();
  return {
    step: (client, id) => client.addAttribute(id, { name: name as `${string}-${string}`, value }),
    after: { ...known, tags: { ...known.tags, [name]: value } },
  };
}

async function lossesAfterRestart(
  dataDir: string,
  tracked: readonly Tracked[],
  command: string,
): Promise<readonly string[]> {
  await using server = await KmsProcess.start(dataDir, { command });
  const client = await server.client();
  const losses = await Promise.all(tracked.map((object) => lossOf(object, client)));
  return losses.filter((loss) => loss !== undefined);
}

/** What is wrong with one object: it must be as last answered, or as the change without an answer would have it. */
async function lossOf(object: Tracked, client: KmipClient): Promise<string | undefined> {
  const { name, known, pending } = object;
  const id = object.id ?? (await locate(client, name));
  if (id === undefined) return known ? `${name} is gone` : undefined;
  const found = await stateOf(client, id);
  const allowed = [known, pending].filter((state) => state !== undefined);
  if (!allowed.some((state) => same(state, found))) {
    return `${name} is ${JSON.stringify(found)}, not ${allowed.map((state) => JSON.stringify(state)).join(' or ')}`;
  }
  if (found.state === 'Destroyed') {
    const refused = await client.get(id).then(
      () => false,
      () => true,
    );
    return refused ? undefined : `${name} is destroyed, but its key is handed out`;
  }
  const { keyBytes } = await client.get(id);
  if (object.keyBytes && !keyBytes.equals(object.keyBytes)) return `${name} has another key`;
  const [digest] = await client.getAttributes(id, ['Digest']);
  const wanted = (digest?.value as { readonly digestValue?: Buffer } | undefined)?.digestValue;
  const right = wanted?.equals(createHash('sha256').update(keyBytes).digest()) ?? false;
  return right ? undefined : `${name} has a key that its digest does not know`;
}

/** The object of a name; more than one is a loss as well. */
async function locate(client: KmipClient, name: string): Promise<string | undefined> {
  const found = await client.locate([attributeOf('Name', { value: name, type: 'UninterpretedTextString' })]);
  if (found.length > 1) throw new Error(`${found.length} objects are named ${name}`);
  return found[0];
}

async function stateOf(client: KmipClient, id: string): Promise<Known> {
  const attributes = await client.getAttributes(id);
  const tags = attributes.flatMap(({ name, value }) =>
    name.startsWith('x-tag-') ? [[name, String((value as { readonly value: unknown }).value)] as const] : [],
  );
  const state = attributes.find(({ name }) => name === 'State')?.value as Known['state'];
  return { state, tags: Object.fromEntries(tags) };
}

function same(left: Known, right: Known): boolean {
  const names = Object.keys(left.tags);
  return (
    left.state === right.state &&
    names.length === Object.keys(right.tags).length &&
    names.every((name) => left.tags[name] === right.tags[name])
  );
}
