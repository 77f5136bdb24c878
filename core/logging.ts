import { pino } from 'pino';
import type { DestinationStream, Level, Logger } from 'pino';

export type { Logger } from 'pino';

/** Field names whose values never reach a log line, at the top level and one level down. */
const SECRET_FIELDS = [
  'password',
  'token',
  'authorization',
  'key',
  'keyBytes',
  'keyData',
  'keyMaterial',
  'key_derivation_key',
  'oneTimeKey',
  'privateKey',
  'privateKeyPem',
  'secret',
] as const;

/** Choices for {@link createLogger}. */
export interface LoggerOptions {
  /** The service's name, on every line. */
  readonly name: string;
  /** Least severe level that is written; `info` unless told. */
  readonly level?: Level | 'silent';
  /** Where lines go; standard error unless told, so that standard output stays for results. */
  readonly stream?: DestinationStream;
}

/** A structured logger (one JSON object a line) that masks fields known to hold secrets. */
export function createLogger(options: LoggerOptions): Logger {
  return pino(
    {
      name: options.name,
      level: options.level ?? 'info',
      redact: { paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`]), censor: '[masked]' },
    },
    options.stream ?? pino.destination({ dest: 2, sync: true }),
  );
}

/** A logger that writes nothing. */
export const silentLogger: Logger = pino({ level: 'silent' });
