import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

import {
  Lexer,
  LineCounter,
  Parser,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  parseDocument,
  visit,
} from 'yaml';
import type { Document, Node, Pair } from 'yaml';

import { KpsimError, errorText } from '../errors.js';
import type { ConfigProblem } from './config-error.js';
import { ConfigError, quoted } from './config-error.js';
import type { ConfigPath } from './schema-walk.js';

/** Largest configuration file, in bytes. */
export const CONFIG_FILE_LIMIT_BYTES = 1024 * 1024;
/** Deepest stack of the parser; a level of nesting takes one or two places on it. */
const STACK_LIMIT = 64;
/** Most tokens (words, marks, line ends) of a file. */
const TOKEN_LIMIT = 200_000;
/** Most values that aliases may stand for, counted with what is nested in them. */
const ALIAS_LIMIT = 200;

/** A YAML (or JSON) text as plain values that know where they were written. */
export interface YamlSource {
  /** The file's name as the user gave it. */
  readonly name: string;
  readonly value: unknown;
  /** `file:line:column` of the value at `path`, or of the nearest thing around it. */
  locate(path: ConfigPath): string;
  /** `file:line:column` of the key that `path` ends in. */
  locateKey(path: ConfigPath): string;
}

/**
 * Reads a configuration file.
 *
 * @throws KpsimError `config_unreadable`; ConfigError as {@link parseYaml}
 */
export async function readYaml(path: string): Promise<YamlSource> {
  return parseYaml(await readBounded(path), path);
}

/** Reads no more than the limit, and no device or pipe that never ends. */
async function readBounded(path: string): Promise<string> {
  let file;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = await file.stat();
    if (!stat.isFile()) throw new Error('it is not a file');
    if (stat.size > CONFIG_FILE_LIMIT_BYTES) throw tooLarge(path);
    return await file.readFile('utf8');
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new KpsimError(
      'config_unreadable',
      `Cannot read the configuration file ${path} (${errorText(error)}). Give the path of a YAML file.`,
      { cause: error },
    );
  } finally {
    await file?.close();
  }
}

/**
 * Parses a YAML text, bounded in size, depth, nodes and aliases.
 *
 * @param name how messages call the text, usually its path
 * @throws ConfigError with line and column of everything that is not YAML
 */
export function parseYaml(text: string, name: string): YamlSource {
  if (Buffer.byteLength(text) > CONFIG_FILE_LIMIT_BYTES) throw tooLarge(name);
  const lines = new LineCounter();
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${name}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
  };
  const document = parse(text, name, lines);
  const problems = [...document.errors, ...document.warnings].map(({ message, pos }): ConfigProblem => ({
    source: at(pos[0]),
    path: '',
    message: firstLine(message),
  }));
  problems.push(...aliasProblems(document, at));
  if (problems.length > 0) throw new ConfigError(problems);
  return {
    name,
    value: plainValue(document, name),
    locate: (path) => at(offsetOf(nodeAt(document, path).value)),
    locateKey: (path) => {
      const { key, value } = nodeAt(document, path);
      return at(offsetOf(key ?? value));
    },
  };
}

function parse(text: string, name: string, lineCounter: LineCounter): Document {
  checkBounds(text, name);
  return parseDocument(text, {
    lineCounter,
    version: '1.2',
    schema: 'core',
    prettyErrors: false,
    logLevel: 'error', // with 'silent' a second document would be ignored instead of refused
  });
}

/** Walks the text with the parser's own stack, before the document is composed by recursion. */
function checkBounds(text: string, name: string): void {
  const parser = new Parser();
  let tokens = 0;
  let line = 1;
  for (const lexeme of new Lexer().lex(text)) {
    for (const _token of parser.next(lexeme)) tokens += 1;
    tokens += 1;
    if (lexeme.includes('\n')) line += lexeme.split('\n').length - 1;
    if (tokens > TOKEN_LIMIT) {
      throw problemAt(`${name}:${line}:1`, 'too many values', `at most ${TOKEN_LIMIT} words and marks`);
    }
    if (parser.stack.length > STACK_LIMIT) {
      throw problemAt(`${name}:${line}:1`, 'nested too deeply', `about ${STACK_LIMIT / 2} levels`);
    }
  }
}

/** Aliases of nothing, and aliases of what they are in. */
function aliasProblems(document: Document, at: (offset: number) => string): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  visit(document, {
    Alias: (_key, alias, above) => {
      const target = alias.resolve(document);
      const inside = above.some((node) => node === target);
      if (target !== undefined && !inside) return;
      problems.push({
        source: at(offsetOf(alias)),
        path: '',
        message: `the alias ${quoted(`*${alias.source}`)} stands for ${inside ? 'what it is in' : 'nothing'}`,
        allowed: 'the name of an anchor above it',
      });
    },
  });
  return problems;
}

function plainValue(document: Document, name: string): unknown {
  try {
    return document.toJS({ maxAliasCount: ALIAS_LIMIT }) as unknown;
  } catch (error) {
    throw new ConfigError(
      [
        {
          source: `${name}:1:1`,
          path: '',
          message: 'its aliases stand for too much',
          allowed: `aliases for at most ${ALIAS_LIMIT} values`,
        },
      ],
      { cause: error },
    );
  }
}

interface Found {
  readonly key: unknown;
  readonly value: unknown;
}

/** The node at `path`, followed through aliases; where the way ends earlier, the last node on it. */
function nodeAt(document: Document, path: ConfigPath): Found {
  let found: Found = { key: undefined, value: document.contents };
  for (const step of path) {
    const next = childNode(resolved(found.value, document), step);
    if (next === undefined) break;
    found = next;
  }
  return found.value === null || found.value === undefined
    ? { key: found.key, value: found.key ?? document.contents }
    : found;
}

function resolved(node: unknown, document: Document): unknown {
  return isAlias(node) ? node.resolve(document) : node;
}

function childNode(parent: unknown, step: PropertyKey): Found | undefined {
  if (isSeq(parent)) {
    const item: unknown = typeof step === 'number' ? parent.items[step] : undefined;
    return item === undefined ? undefined : { key: undefined, value: item };
  }
  if (!isMap(parent)) return undefined;
  const pair = parent.items.find((item: Pair) => keyText(item) === String(step));
  return pair && { key: pair.key, value: pair.value };
}

function keyText(pair: unknown): string | undefined {
  if (!isPair(pair)) return undefined;
  return isScalar(pair.key) ? String(pair.key.value) : undefined;
}

function offsetOf(node: unknown): number {
  return (node as Node | null | undefined)?.range?.[0] ?? 0;
}

function firstLine(message: string): string {
  return message.split('\n', 1)[0] ?? '';
}

function tooLarge(name: string): ConfigError {
  return problemAt(
    `${name}:1:1`,
    'the file is too large',
    `at most ${CONFIG_FILE_LIMIT_BYTES / 1024 / 1024} MiB`,
  );
}

function problemAt(source: string, message: string, allowed: string): ConfigError {
  return new ConfigError([{ source, path: '', message, allowed }]);
}
