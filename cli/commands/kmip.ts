import { InvalidArgumentError, Option } from 'commander';

import { KpsimError } from '../../core/errors.js';
import { kmipClientOf } from '../../lab/kmip-client.js';
import type { ProtocolVersionName } from '../../wire/kmip/index.js';
import { KmipError, PROTOCOL_VERSIONS } from '../../wire/kmip/index.js';
import type { CommandModule } from '../command.js';
import type { CommandIo } from '../io.js';
import { printLine } from '../io.js';
import { jsonText } from '../kmip/attribute-text.js';
import type { RunWork } from '../kmip/tasks.js';
import { TASKS } from '../kmip/tasks.js';
import { examplesOf, paragraphs, sentenceOf } from '../serve.js';

interface ConnectionOptions {
  readonly server?: ServerAddress;
  readonly cert?: string;
  readonly key?: string;
  readonly ca?: string;
  readonly user?: string;
  readonly passwordFile?: string;
  readonly protocolVersion: ProtocolVersionName;
  readonly timeout: number;
  readonly json?: true;
}

interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

/** `kpsim kmip`. */
export const kmip: CommandModule = {
  configure: (command, io) => {
    command
      .description(
        paragraphs(`A small KMIP client for people and scripts: prints one line for each result, or JSON. Server and
certificates are taken from the variables that "kpsim up" exports, if there are no options.

A refusal is told with its Result Reason, and ends the command with exit code 1. The bytes of keys are shown
only where --show-key asks for them.`),
      )
      .enablePositionalOptions(false) // these options may also stand behind the subcommand
      .option('--server <host:port>', 'key server (KPSIM_KMIP_HOST, KPSIM_KMIP_PORT)', address)
      .option('--cert <file>', "the client's certificate (KPSIM_CLIENT_CERT)")
      .option('--key <file>', 'its private key (KPSIM_CLIENT_KEY)')
      .option('--ca <file>', "certificate of the server's authority (KPSIM_CA_CERT)")
      .option('--user <name>', 'user name, where the server wants one')
      .option('--password-file <file>', 'file that holds the password')
      .addOption(
        new Option('--protocol-version <version>', 'KMIP version').choices(PROTOCOL_VERSIONS).default('1.4'),
      )
      .option('--timeout <ms>', 'time for connecting, and for each answer', milliseconds, 10_000)
      .option('--json', 'print JSON')
      .addHelpText(
        'after',
        examplesOf(`
# the certificates of a key server that runs with --data ./kms-data
kpsim certs --data ./kms-data --name my-client

# what is there?  (all options can be left out where "kpsim up" exported its variables)
kpsim kmip query --server localhost:5696 --cert certificate.pem --key key.pem --ca ca.pem

# a key, made, activated, found and shown
kpsim kmip create --name kek --attribute x-Product=demo --activate
kpsim kmip locate --name kek
kpsim kmip get $(kpsim kmip locate --name kek) --show-key

# everything that is known of it, as programs read it
kpsim kmip attributes ID --json --protocol-version 2.1`),
      );
    const run: RunWork = (work) => withClient(command.opts(), io, work);
    for (const [name, task] of Object.entries(TASKS)) {
      task.configure(command.command(name).summary(task.summary).description(sentenceOf(task.summary)), run);
    }
  },
};

async function withClient(
  options: ConnectionOptions,
  io: CommandIo,
  work: Parameters<RunWork>[0],
): Promise<void> {
  const { KPSIM_CLIENT_CERT, KPSIM_CLIENT_KEY, KPSIM_CA_CERT } = io.environment;
  const server = options.server ?? exportedServer(io);
  const client = await kmipClientOf({
    servers: [server],
    certificatePath: demanded(options.cert ?? KPSIM_CLIENT_CERT, '--cert', CERTIFICATE_REMEDY),
    privateKeyPath: demanded(options.key ?? KPSIM_CLIENT_KEY, '--key', CERTIFICATE_REMEDY),
    caPath: demanded(options.ca ?? KPSIM_CA_CERT, '--ca', CERTIFICATE_REMEDY),
    username: options.user,
    passwordPath: options.passwordFile,
    protocolVersion: options.protocolVersion,
    timeoutMs: options.timeout,
  });
  try {
    const { lines, json } = await work(client);
    for (const line of options.json ? [jsonText(json)] : lines) printLine(io, line);
  } catch (error) {
    if (error instanceof KmipError) {
      throw new KpsimError('kmip_refused', `${error.reason}: ${error.message}`, { cause: error });
    }
    if (isNoTls(error)) {
      throw new KpsimError(
        'kmip_no_tls',
        `What answers at ${server.host}:${server.port} does not speak TLS. Give the KMIP port of the key server.`,
        {
          cause: error,
        },
      );
    }
    throw error;
  } finally {
    await client.close();
  }
}

/** OpenSSL's own text says the same in a way that helps nobody. */
function isNoTls(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && cause.code === 'ERR_SSL_WRONG_VERSION_NUMBER';
}

const CERTIFICATE_REMEDY = 'kpsim certs writes certificate, key and authority.';

function exportedServer({ environment }: CommandIo): ServerAddress {
  const { KPSIM_KMIP_HOST: host, KPSIM_KMIP_PORT: port } = environment;
  const remedy = 'Give the address that the Ready line of kpsim kms shows.';
  return { host: demanded(host, '--server', remedy), port: Number(demanded(port, '--server', remedy)) };
}

function demanded(value: string | undefined, option: string, remedy: string): string {
  if (value !== undefined && value !== '') return value;
  throw new KpsimError('option_missing', `${option} is missing. ${remedy}`);
}

function address(text: string): ServerAddress {
  const found = /^(?:kmip:\/\/)?(?:\[([0-9A-Fa-f:.]+)\]|([^:/[\]]+)):(\d{1,5})$/.exec(text);
  const [, bracketed, plain, port] = found ?? [];
  const host = bracketed ?? plain;
  if (host !== undefined && Number(port) > 0 && Number(port) < 65536) return { host, port: Number(port) };
  throw new InvalidArgumentError('Write HOST:PORT, or [ADDRESS]:PORT for IPv6.');
}

function milliseconds(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number of milliseconds.');
}
