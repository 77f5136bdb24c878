import type { AnyValue, VimObject } from '../../wire/vim25/index.js';
import type { Content } from './retrieval.js';
import { missingProperties } from './retrieval.js';

type ObjectUpdate = VimObject<'ObjectUpdate'>;

interface Known {
  readonly content: Content;
  /** Each value as text, to see whether it changed. */
  readonly texts: ReadonlyMap<string, string>;
}

/** A filter: what it selects, and what its client has been told so far. */
export class Filter {
  readonly moid: string;
  readonly spec: VimObject<'PropertyFilterSpec'>;
  #known = new Map<string, Known>();

  constructor(moid: string, spec: VimObject<'PropertyFilterSpec'>) {
    this.moid = moid;
    this.spec = spec;
  }

  /** Forgets what was told, so that all of it is told again. */
  reset(): void {
    this.#known = new Map();
  }

  /** What has changed since the last time; the contents given are taken as told. */
  updates(contents: readonly Content[]): readonly ObjectUpdate[] {
    const next = new Map(contents.map((content) => [keyOf(content), known(content)]));
    const updates: ObjectUpdate[] = [];
    for (const [key, now] of next) {
      const before = this.#known.get(key);
      const update = before ? modified(before, now) : entered(now.content);
      if (update) updates.push(update);
    }
    for (const [key, { content }] of this.#known) {
      if (!next.has(key)) updates.push({ _typeName: 'ObjectUpdate', kind: 'leave', obj: content.obj });
    }
    this.#known = next;
    return updates;
  }
}

function entered({ obj, values, missing }: Content): ObjectUpdate {
  return {
    _typeName: 'ObjectUpdate',
    kind: 'enter',
    obj,
    changeSet: [...values].map(([name, val]) => assigned(name, val)),
    ...(missing.size > 0 && { missingSet: missingProperties(missing) }),
  };
}

function modified(before: Known, now: Known): ObjectUpdate | undefined {
  const changeSet: VimObject<'PropertyChange'>[] = [];
  for (const [name, val] of now.content.values) {
    if (before.texts.get(name) !== now.texts.get(name)) changeSet.push(assigned(name, val));
  }
  for (const name of before.content.values.keys()) {
    if (!now.content.values.has(name)) changeSet.push({ _typeName: 'PropertyChange', name, op: 'remove' });
  }
  if (changeSet.length === 0) return undefined;
  return { _typeName: 'ObjectUpdate', kind: 'modify', obj: now.content.obj, changeSet };
}

function assigned(name: string, val: AnyValue): VimObject<'PropertyChange'> {
  return { _typeName: 'PropertyChange', name, op: 'assign', val };
}

function known(content: Content): Known {
  return {
    content,
    texts: new Map([...content.values].map(([name, value]) => [name, JSON.stringify(value)])),
  };
}

function keyOf({ obj }: Content): string {
  return `${obj.type}:${obj.value}`;
}
