import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';

import { zeroise } from '../../core/secret.js';
import type { KmipClient } from '../../lab/kmip-client.js';
import type { CryptographicUsageName, NameIn } from '../../wire/kmip/index.js';
import {
  CRYPTOGRAPHIC_USAGE_MASK,
  KmipError,
  attributeNameFromText,
  attributeOf,
  cryptographicUsageMask,
  enumerationRows,
  keyMaterialBytes,
} from '../../wire/kmip/index.js';
import type { AttributeInput } from '../../lab/kmip-client.js';
import { AttributeMistake, attributeFromText, attributeLine } from './attribute-text.js';

/** What a task found or did: lines for people, or one JSON value for programs. */
export interface TaskAnswer {
  readonly lines: readonly string[];
  readonly json: unknown;
}

/** What a task asks of the server. */
type Work = (client: KmipClient) => Promise<TaskAnswer>;

/** Runs work with a client that is connected as the options say, and prints its answer. */
export type RunWork = (work: Work) => Promise<void>;

/** A subcommand of `kpsim kmip`. */
interface Task {
  readonly summary: string;
  /** Adds arguments, options and action. */
  configure(command: Command, run: RunWork): void;
}

const ALGORITHMS = [
  'AES',
  'DES3',
  'HMAC_SHA256',
  'HMAC_SHA384',
  'HMAC_SHA512',
  'ChaCha20',
  'Camellia',
] as const;

/** The subcommands, in the order in which help shows them. */
export const TASKS: Readonly<Record<string, Task>> = {
  query: {
    summary: 'say who the server is and what it performs',
    configure: (command, run) => {
      command.action(() =>
        run(async (client) => {
          const answer = await client.query(['QueryServerInformation', 'QueryOperations', 'QueryObjects']);
          return {
            lines: [
              `Server: ${answer.vendorIdentification ?? 'unnamed'}`,
              `Operations: ${(answer.operations ?? []).join(', ')}`,
              `Object types: ${(answer.objectTypes ?? []).join(', ')}`,
            ],
            json: answer,
          };
        }),
      );
    },
  },
  versions: {
    summary: 'list the protocol versions that the server speaks',
    configure: (command, run) => {
      command.action(() =>
        run(async (client) => {
          const versions = (await client.discoverVersions()).map(({ major, minor }) => `${major}.${minor}`);
          return { lines: versions, json: versions };
        }),
      );
    },
  },
  create: {
    summary: 'have the server make a symmetric key; prints its Unique Identifier',
    configure: (command, run) => {
      command
        .option('--name <name>', 'Name attribute')
        .addOption(
          new Option('--algorithm <name>', 'Cryptographic Algorithm').choices(ALGORITHMS).default('AES'),
        )
        .option('--length <bits>', 'Cryptographic Length', wholeNumber, 256)
        .addOption(
          new Option('--usage <names>', 'Cryptographic Usage Mask, names with commas between them')
            .argParser(usages)
            .default(usages('Encrypt,Decrypt'), 'Encrypt,Decrypt'),
        )
        .option('--attribute <name=value>', 'further attribute; may be repeated', attributeList, [])
        .option('--activate', 'activate it at once')
        .action((options: CreateOptions) =>
          run(async (client) => {
            const { algorithm, length: lengthBits, usage: usageMask, name, attribute: attributes } = options;
            const id = await client.create({ algorithm, lengthBits, usageMask, name, attributes });
            if (options.activate) await client.activate(id);
            return identifier(id);
          }),
        );
    },
  },
  get: {
    summary: 'retrieve an object; bytes of keys are shown only on demand',
    configure: (command, run) => {
      withIdentifier(command)
        .option('--show-key', 'print the bytes of the key in hex, nothing else')
        .action((id: string, options: { readonly showKey?: true }) =>
          run((client) => (options.showKey ? shownKey(client, id) : described(client, id))),
        );
    },
  },
  locate: {
    summary: 'find objects; prints their Unique Identifiers, newest first',
    configure: (command, run) => {
      command
        .option('--name <name>', 'Name attribute')
        .addOption(new Option('--state <state>', 'State').choices(namesOf('State')))
        .option('--attribute <name=value>', 'attribute that they have; may be repeated', attributeList, [])
        .option('--limit <count>', 'print so many at most', wholeNumber)
        .action((options: LocateOptions) =>
          run(async (client) => {
            const { name, state, attribute, limit } = options;
            const wanted = [
              ...(name === undefined ? [] : [attributeFromText(`Name=${name}`)]),
              ...(state === undefined ? [] : [attributeOf('State', state)]),
              ...attribute,
            ];
            const found = await client.locate(wanted, limit === undefined ? {} : { maximumItems: limit });
            return { lines: found, json: found };
          }),
        );
    },
  },
  attributes: {
    summary: 'print attributes of an object, all of them if none is named',
    configure: (command, run) => {
      withIdentifier(command)
        .argument('[names...]', "names as 'State', 'Cryptographic Length' or x-Product")
        .action((id: string, names: readonly string[]) =>
          run(async (client) => {
            const found = await client.getAttributes(id, names.map(attributeNameFromText));
            return { lines: found.map(attributeLine), json: found };
          }),
        );
    },
  },
  tag: {
    summary: 'add attributes to an object',
    configure: (command, run) => {
      withIdentifier(command)
        .argument('<name=value...>', 'attributes', attributeList)
        .action((id: string, attributes: readonly AttributeInput[]) =>
          run(async (client) => {
            await client.addAttributes(id, attributes);
            return identifier(id);
          }),
        );
    },
  },
  activate: {
    summary: 'make an object Active',
    configure: (command, run) => {
      withIdentifier(command).action((id: string) => run(changing(id, (client) => client.activate(id))));
    },
  },
  revoke: {
    summary: 'make an object Deactivated, or Compromised',
    configure: (command, run) => {
      withIdentifier(command)
        .addOption(
          new Option('--reason <reason>', 'Revocation Reason')
            .choices(namesOf('RevocationReasonCode'))
            .default('CessationOfOperation'),
        )
        .option('--message <text>', 'Revocation Message')
        .action((id: string, options: RevokeOptions) =>
          run(changing(id, (client) => client.revoke(id, options.reason, options.message))),
        );
    },
  },
  destroy: {
    summary: "destroy an object's key material",
    configure: (command, run) => {
      withIdentifier(command).action((id: string) => run(changing(id, (client) => client.destroy(id))));
    },
  },
};

interface CreateOptions {
  readonly name?: string;
  readonly algorithm: (typeof ALGORITHMS)[number];
  readonly length: number;
  readonly usage: number;
  readonly attribute: readonly AttributeInput[];
  readonly activate?: true;
}

interface LocateOptions {
  readonly name?: string;
  readonly state?: NameIn<'State'>;
  readonly attribute: readonly AttributeInput[];
  readonly limit?: number;
}

interface RevokeOptions {
  readonly reason: NameIn<'RevocationReasonCode'>;
  readonly message?: string;
}

function withIdentifier(command: Command): Command {
  return command.argument('<id>', 'Unique Identifier');
}

function changing(id: string, change: (client: KmipClient) => Promise<void>): Work {
  return async (client) => {
    await change(client);
    return identifier(id);
  };
}

function identifier(uniqueIdentifier: string): TaskAnswer {
  return { lines: [uniqueIdentifier], json: { uniqueIdentifier } };
}

async function described(client: KmipClient, uniqueIdentifier: string): Promise<TaskAnswer> {
  const object = await client.getObject(uniqueIdentifier);
  const { objectType } = object;
  if (!('keyBlock' in object)) return { lines: [objectType], json: { uniqueIdentifier, objectType } };
  const { keyFormatType, cryptographicAlgorithm, cryptographicLength, keyValue } = object.keyBlock;
  if (keyValue && !Buffer.isBuffer(keyValue) && Buffer.isBuffer(keyValue.keyMaterial)) {
    zeroise(keyValue.keyMaterial);
  }
  const words = [objectType, cryptographicAlgorithm, cryptographicLength, keyFormatType];
  return {
    lines: [words.filter((word) => word !== undefined).join(' ')],
    json: { uniqueIdentifier, objectType, cryptographicAlgorithm, cryptographicLength, keyFormatType },
  };
}

async function shownKey(client: KmipClient, uniqueIdentifier: string): Promise<TaskAnswer> {
  const object = await client.getObject(uniqueIdentifier);
  const { objectType } = object;
  if (!('keyBlock' in object)) {
    throw new KmipError('InvalidField', `Object ${uniqueIdentifier} is no key, but a ${objectType}.`);
  }
  const { keyFormatType, cryptographicAlgorithm, cryptographicLength } = object.keyBlock;
  const keyBytes = keyMaterialBytes(object.keyBlock);
  const keyHex = keyBytes.toString('hex');
  zeroise(keyBytes);
  return {
    lines: [keyHex],
    json: {
      uniqueIdentifier,
      objectType,
      cryptographicAlgorithm,
      cryptographicLength,
      keyFormatType,
      keyHex,
    },
  };
}

function namesOf(enumeration: 'State' | 'RevocationReasonCode'): string[] {
  return Object.keys(enumerationRows(enumeration));
}

function wholeNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number.');
}

function usages(text: string): number {
  const names = text.split(',');
  const strange = names.find((name) => !Object.hasOwn(CRYPTOGRAPHIC_USAGE_MASK, name));
  if (strange === undefined) return cryptographicUsageMask(...(names as CryptographicUsageName[]));
  throw new InvalidArgumentError(
    `There is no usage '${strange}'; there are ${Object.keys(CRYPTOGRAPHIC_USAGE_MASK).join(', ')}.`,
  );
}

function attributeList(text: string, before: readonly AttributeInput[] = []): readonly AttributeInput[] {
  try {
    return [...before, attributeFromText(text)];
  } catch (error) {
    if (error instanceof AttributeMistake) throw new InvalidArgumentError(error.message);
    throw error;
  }
}
