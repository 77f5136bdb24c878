import type { Dice } from '../kmip-fuzz/dice.js';
import { TEXTS, bytesDamaged } from '../kmip-fuzz/mutations.js';

/** A value of JSON. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

const BASE64 = /^(?:[A-Za-z0-9+/]{4}){2,}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const HEX = /^(?:[0-9a-f]{2}){4,}$/;
const PEM_BODY = /(-----BEGIN [A-Z0-9 ]+-----)([^-]+)(-----END [A-Z0-9 ]+-----)/;
/** Numbers at the edges of what parsers take. */
const NUMBERS = [
  0,
  -0,
  1,
  -1,
  0.5,
  255,
  65_536,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  -(2 ** 53),
  1e308,
  8.64e15 + 1,
] as const;
const NAMES = ['', '__proto__', 'constructor', 'toString', 'kind', 'x', 'a'.repeat(1000)] as const;
const MOST_COPIES = 300;
const MOST_LEVELS = 500;

/** Changes one value somewhere in a JSON value. */
export function jsonDamaged(value: Json, dice: Dice): Json {
  if (typeof value !== 'object' || value === null) return scalarDamaged(value, dice);
  const names = Object.keys(value);
  if (names.length === 0 || dice.oneIn(12)) return oddity(dice);
  const at = dice.below(names.length);
  if (Array.isArray(value)) return listDamaged(value as readonly Json[], at, dice);
  const name = names[at] ?? '';
  const members = value as Readonly<Record<string, Json>>;
  const inner = members[name] ?? null;
  const { [name]: _removed, ...rest } = members;
  switch (dice.below(10)) {
    case 0:
      return rest;
    case 1:
      return Object.fromEntries([...Object.entries(rest), [dice.pick(NAMES), inner]]);
    case 2:
      return Object.fromEntries([...Object.entries(members), [dice.pick(NAMES), oddity(dice)]]);
    default:
      return { ...members, [name]: jsonDamaged(inner, dice) };
  }
}

/** Text in which bytes are written, with other bytes; any other text as another text. */
export function textDamaged(text: string, dice: Dice): string {
  if (dice.oneIn(10)) return dice.pick(TEXTS);
  const pem = PEM_BODY.exec(text);
  if (pem) {
    const [, begin = '', body = '', end = ''] = pem;
    const bytes = bytesDamaged(Buffer.from(body, 'base64'), dice).toString('base64');
    return text.replace(PEM_BODY, () => `${begin}\n${bytes}\n${end}`);
  }
  if (HEX.test(text)) return bytesDamaged(Buffer.from(text, 'hex'), dice).toString('hex');
  if (BASE64.test(text)) return bytesDamaged(Buffer.from(text, 'base64'), dice).toString('base64');
  const damaged = bytesDamaged(Buffer.from(text, 'utf8'), dice);
  return damaged.toString(dice.oneIn(2) ? 'utf8' : 'latin1');
}

/** A JWS in compact form with a part of it changed; still text that fits a header. */
export function tokenDamaged(token: string, dice: Dice): string {
  const parts = token.split('.');
  const at = dice.below(parts.length);
  const part = Buffer.from(parts[at] ?? '', 'base64url');
  const changed = at < 2 && !dice.oneIn(3) ? jsonPartDamaged(part, dice) : bytesDamaged(part, dice);
  switch (dice.below(10)) {
    case 0:
      return parts.toSpliced(at, 1).join('.');
    case 1:
      return parts.toSpliced(at, 0, changed.toString('base64url')).join('.');
    case 2:
      return printable(bytesDamaged(Buffer.from(token, 'latin1'), dice).toString('latin1'));
    default:
      return parts.with(at, changed.toString('base64url')).join('.');
  }
}

function jsonPartDamaged(part: Buffer, dice: Dice): Buffer {
  return Buffer.from(JSON.stringify(jsonDamaged(JSON.parse(part.toString('utf8')) as Json, dice)));
}

/** What a header may hold, and no more than servers read of one. */
function printable(text: string): string {
  return text.replace(/[^\x21-\x7e]/g, '~').slice(0, 6000);
}

function listDamaged(list: readonly Json[], at: number, dice: Dice): Json {
  const one = list[at] ?? null;
  switch (dice.below(8)) {
    case 0:
      return list.toSpliced(at, 1);
    case 1:
      return list.toSpliced(at, 0, ...Array.from({ length: 1 + dice.below(MOST_COPIES) }, () => one));
    case 2:
      return list.toReversed();
    default:
      return list.with(at, jsonDamaged(one, dice));
  }
}

function scalarDamaged(value: null | boolean | number | string, dice: Dice): Json {
  if (dice.oneIn(8)) return oddity(dice);
  if (typeof value === 'string') return textDamaged(value, dice);
  if (typeof value === 'number') return dice.oneIn(2) ? dice.pick(NUMBERS) : value + 1;
  return value === true ? false : oddity(dice);
}

/** A value of another kind than is wanted. */
function oddity(dice: Dice): Json {
  switch (dice.below(7)) {
    case 0:
      return null;
    case 1:
      return {};
    case 2:
      return [];
    case 3:
      return dice.pick(NUMBERS);
    case 4:
      return dice.oneIn(2);
    case 5:
      return nested(1 + dice.below(MOST_LEVELS));
    default:
      return dice.pick(TEXTS);
  }
}

function nested(levels: number): Json {
  let value: Json = 0;
  for (let level = 0; level < levels; level += 1) value = [value];
  return value;
}
