import { KpsimError } from '../errors.js';

/** One thing wrong with a configuration, and where it was written. */
export interface ConfigProblem {
  /** `file:line:column`, the name of an environment variable, or a flag with its dashes. */
  readonly source: string;
  /** The setting in dotted form, for example `vcenters[0].users[1].name`; empty for the whole. */
  readonly path: string;
  /** What is wrong; never the value of a secret. */
  readonly message: string;
  /** What would be right, in words. */
  readonly allowed?: string | undefined;
}

/** Problems told at once; whatever is beyond is counted. */
const PROBLEMS_SHOWN = 20;

/** A configuration that cannot be used: every problem on a line of its own. Code `config_invalid`. */
export class ConfigError extends KpsimError {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[], options?: ErrorOptions) {
    super('config_invalid', textOf(problems), options);
    this.problems = problems;
  }
}

/** A path of keys and indexes in dotted form: `vcenters[0].name`. */
export function dotted(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, part) =>
      typeof part === 'number' ? `${text}[${part}]` : `${text}${text === '' ? '' : '.'}${String(part)}`,
    '',
  );
}

/** Text from outside as it may stand in a message: quoted, without control characters, cut at 60. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}

function textOf(problems: readonly ConfigProblem[]): string {
  const lines = problems
    .slice(0, PROBLEMS_SHOWN)
    .map(({ source, path, message, allowed }) =>
      [source, ...(path === '' ? [] : [path]), allowed ? `${message}; allowed: ${allowed}` : message].join(
        ': ',
      ),
    );
  const hidden = problems.length - lines.length;
  return [...lines, ...(hidden > 0 ? [`… and ${hidden} more problems`] : [])].join('\n');
}
