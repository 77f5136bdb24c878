import { KpsimError } from '../../core/errors.js';
import { serviceVariable } from '../../lab/client-variables.js';
import { hostClientOf } from '../../lab/host-client.js';
import type { AttestationExplanation } from '../../lab/host-client.js';
import type { Outcome } from '../command.js';
import { EXIT } from '../command.js';
import type { CommandIo } from '../io.js';
import { printLine } from '../io.js';
import { examplesOf } from '../serve.js';
import { plainJson } from '../terminal-text.js';
import { explanationLines } from './explanation-text.js';
import type { AttestSubcommand } from './index.js';

/** Flags of `kpsim attest explain`. */
interface ExplainFlags {
  readonly cert?: string;
  readonly key?: string;
  readonly ca?: string;
  readonly events?: true;
  readonly json?: true;
}

/** A TPM takes its time, and so do services that do not answer. */
const TIMEOUT_MS = 60_000;
const HOST_URL = 'KPSIM_HOST_URL';

/** `kpsim attest explain`. */
export const explain: AttestSubcommand = {
  summary: 'let a running host attest, and show what every step, PCR and event was held against',
  configure: (command, io, outcome) => {
    command
      .argument('<host>', "the host's name in a running lab, or its URL: https://HOST:PORT")
      .option('--events', 'show every event of the log, not only those that are not as expected')
      .option('--json', 'print one JSON object')
      .option('--cert <file>', "certificate of one of the host's administrators (KPSIM_CLIENT_CERT)")
      .option('--key <file>', 'its private key (KPSIM_CLIENT_KEY)')
      .option('--ca <file>', "certificate of the host's authority (KPSIM_CA_CERT)")
      .addHelpText(
        'after',
        `
Names and certificates are taken from the variables that "kpsim up" exports. The host attests once to the first of its
attestation services that answers; whether it counts as attested does not change by it. The command ends with 1 if the
host is not attested.
${examplesOf(`
kpsim attest explain esx-west-t2
kpsim attest explain esx-west-t2 --json | jq '.events[] | select(.verdict == "differs")'
kpsim attest explain https://127.0.0.1:8443 --cert certificate.pem --key key.pem --ca ca.pem`)}`,
      )
      .action((host: string, flags: ExplainFlags) => tell(host, flags, io, outcome));
  },
};

async function tell(host: string, flags: ExplainFlags, io: CommandIo, outcome: Outcome): Promise<void> {
  const explanation = await explanationOf(host, flags, io);
  if (flags.json) printLine(io, plainJson({ host, ...explanation }));
  else for (const line of explanationLines(host, explanation, flags.events === true)) printLine(io, line);
  outcome.exitCode = explanation.attested ? EXIT.ok : EXIT.failed;
}

async function explanationOf(
  host: string,
  { cert, key, ca }: ExplainFlags,
  { environment }: CommandIo,
): Promise<AttestationExplanation> {
  const client = await hostClientOf({
    baseUrl: addressOf(host, environment),
    certificatePath: demanded(cert ?? environment.KPSIM_CLIENT_CERT, '--cert'),
    privateKeyPath: demanded(key ?? environment.KPSIM_CLIENT_KEY, '--key'),
    caPath: demanded(ca ?? environment.KPSIM_CA_CERT, '--ca'),
    timeoutMs: TIMEOUT_MS,
  });
  try {
    return await client.explainAttestation();
  } finally {
    await client.close();
  }
}

/** @throws KpsimError `argument_invalid` */
function addressOf(host: string, environment: CommandIo['environment']): string {
  if (URL.canParse(host) && new URL(host).protocol === 'https:') return new URL(host).origin;
  const variable = serviceVariable(HOST_URL, host);
  const url = environment[variable];
  if (url !== undefined && url !== '') return url;
  const known = Object.keys(environment).filter((name) => name.startsWith(`${HOST_URL}_`));
  throw new KpsimError(
    'argument_invalid',
    `There is no variable ${JSON.stringify(variable)}: ${
      known.length > 0
        ? `give the name of one of the hosts that there are (${known.join(', ')})`
        : 'load the export lines of "kpsim up"'
    }, or give the host's URL, https://HOST:PORT.`,
  );
}

function demanded(value: string | undefined, option: string): string {
  if (value !== undefined && value !== '') return value;
  throw new KpsimError(
    'option_missing',
    `${option} is missing. Load the export lines of "kpsim up", or let kpsim certs write certificate, key and authority.`,
  );
}
