/** What {@link repeatedMember} found wrong with a text. */
export type MemberProblem =
  | { readonly kind: 'repeated'; readonly name: string }
  /** Objects and arrays are nested deeper than it was told to look. */
  | { readonly kind: 'depth' };

const QUOTE = 0x22;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
/** Above it, no character is white space in JSON (RFC 8259 §2). */
const SPACE = 0x20;

/**
 * Looks for an object that has two members of one name: readers differ in which of them they take (RFC 8259 §4), and
 * `JSON.parse` says nothing of it.
 *
 * Strings are skipped and brackets counted, which is enough as the text is known to be JSON. Names are compared as they
 * are read, escapes resolved. Memory: the names of the objects that are open at once.
 *
 * @param text what `JSON.parse` accepts
 * @param maxDepth objects and arrays that may be open at once
 * @returns undefined if there is none
 */
export function repeatedMember(text: string, maxDepth: number): MemberProblem | undefined {
  /** Names so far of the objects that are open, outermost first; undefined for an array. */
  const open: (Set<string> | undefined)[] = [];
  let names: Set<string> | undefined;
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case OPEN_OBJECT:
      case OPEN_ARRAY:
        if (open.length === maxDepth) return { kind: 'depth' };
        names = text.charCodeAt(at) === OPEN_OBJECT ? new Set() : undefined;
        open.push(names);
        break;
      case CLOSE_OBJECT:
      case CLOSE_ARRAY:
        open.pop();
        names = open.at(-1);
        break;
      case QUOTE: {
        const end = endOfString(text, at);
        if (names && isName(text, end)) {
          const name = nameBetween(text, at, end);
          if (names.has(name)) return { kind: 'repeated', name };
          names.add(name);
        }
        at = end;
      }
    }
  }
  return undefined;
}

/** Where the quotation mark is that ends a string. @param start that of the one that begins it */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return end;
  }
  return text.length;
}

/** Whether a string is followed by a colon, as names are and values are not. @param end of the string */
function isName(text: string, end: number): boolean {
  let next = end + 1;
  while (text.charCodeAt(next) <= SPACE) next += 1;
  return text.charCodeAt(next) === COLON;
}

function nameBetween(text: string, start: number, end: number): string {
  const raw = text.slice(start + 1, end);
  return raw.includes('\\') ? String(JSON.parse(text.slice(start, end + 1))) : raw;
}
