import type { Operation } from './operation.js';

/** An operation that a request is for, with the parameters of its path. */
export interface Route {
  readonly operation: Operation;
  readonly parameters: Readonly<Record<string, string>>;
}

/** Scheme and authority of a request target in absolute form. */
const ORIGIN = /^https:\/\/[^/?]+/i;

interface Pattern {
  readonly operation: Operation;
  readonly segments: readonly string[];
}

/** The table of operations, ready to be searched by method, path and action. */
export class Routes {
  /** By method and number of segments; within, in the order of the table. */
  readonly #patterns = new Map<string, Pattern[]>();

  constructor(operations: readonly Operation[]) {
    for (const operation of operations) {
      const segments = operation.path.split('/');
      const key = keyOf(operation.method, segments.length);
      this.#patterns.set(key, [...(this.#patterns.get(key) ?? []), { operation, segments }]);
    }
  }

  /**
   * The operation that a request is for; undefined if there is none.
   *
   * @param target as the client sent it: path and query, with or without the origin before them (RFC 9112 §3.2.2)
   * @throws URIError if a parameter is not percent-encoded UTF-8
   */
  find(method: string, target: string): Route | undefined {
    const [path, query] = splitOnce(target.replace(ORIGIN, ''), '?');
    const segments = path.split('/');
    const candidates = this.#patterns.get(keyOf(method, segments.length)) ?? [];
    const action = query === '' ? undefined : (new URLSearchParams(query).get('action') ?? undefined);
    for (const { operation, segments: pattern } of candidates) {
      if (operation.action !== action || !matches(pattern, segments)) continue;
      return { operation, parameters: parametersOf(pattern, segments) };
    }
    return undefined;
  }
}

function keyOf(method: string, segments: number): string {
  return `${method} ${segments}`;
}

function matches(pattern: readonly string[], segments: readonly string[]): boolean {
  return pattern.every((part, index) =>
    isParameter(part) ? segments[index] !== '' : part === segments[index],
  );
}

function parametersOf(pattern: readonly string[], segments: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {};
  pattern.forEach((part, index) => {
    if (isParameter(part)) found[part.slice(1)] = decodeURIComponent(segments[index] ?? '');
  });
  return found;
}

function isParameter(part: string): boolean {
  return part.startsWith(':');
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
