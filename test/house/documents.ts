import { SCENARIO_NAMES, scenarioRow } from '../../wire/attestation/catalogue.js';
import type { ScenarioName } from '../../wire/attestation/catalogue.js';
import { ATTESTATION_REASONS } from '../../wire/attestation/reasons.js';
import { ENUMERATIONS } from '../../wire/kmip/tables/enumerations/index.js';
import type { EnumerationRow } from '../../wire/kmip/tables/enumerations/index.js';
import { OPERATIONS } from '../../kms/operations/registry.js';
import { VAPI_OPERATIONS, VCENTER_METHODS, rpcName } from '../../vcenter/index.js';
import { RULE_ROWS } from '../../vcenter/migration/rules.js';

/** A Markdown table as prettier lays it out. */
export function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [header, ...rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0), 3));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  const [head, ...body] = cells.map(line);
  return [head, rule, ...body].join('\n');
}

/** The README's table of migration rules. */
export function rulesTable(): string {
  return markdownTable(
    ['rule', 'text', 'fault when broken'],
    RULE_ROWS.map(([id, rule]) => [id, rule.text, `\`${rule.fault}\``]),
  );
}

function expectsReason(name: ScenarioName, reason: string): boolean {
  const { expected } = scenarioRow(name);
  return expected.outcome === 'refused' && expected.reason === reason;
}

/** `docs/attestation-reasons.md`. */
export function attestationReasonsDocument(): string {
  const rows = Object.entries(ATTESTATION_REASONS).map(([code, row]) => [
    `\`${code}\``,
    row.catalogue.join(', '),
    row.severity,
    row.recoverable ? 'yes' : 'no',
    row.sentence,
    row.remedy,
    SCENARIO_NAMES.filter((name) => expectsReason(name, code))
      .map((name) => `\`${name}\``)
      .join(', '),
  ]);
  return `# Reasons of attestation failures

Made from \`wire/attestation/reasons.ts\`. \`severity\` is \`attack\` (evidence was forged or replayed, or looks so),
\`fault\` (something is set up wrongly) or \`transient\`; a reason is recoverable if the host succeeds when it simply
attests again. The numbers are those of kpsim's catalogue of attestation failures, and the
scenarios those that \`kpsim attest run\` plays.

${markdownTable(['reason', 'catalogue', 'severity', 'recoverable', 'what is wrong', 'what to do', 'scenarios'], rows)}
`;
}

/** How a comment begins in the languages whose comments a translation of a document translates. */
const COMMENTS: Readonly<Record<string, RegExp>> = {
  sh: /(^|\s)# .*$/,
  console: /(^\$.*\s)# .*$/,
  ts: /(^|\s)\/\/ .*$/,
};

/** The code blocks of a Markdown document, line by line, with `…` in place of what each comment says. */
export function codeBlocks(markdown: string): string[][] {
  return [...markdown.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([, language = '', code = '']) => {
    const comment = COMMENTS[language];
    const lines = code.split('\n');
    return [language, ...(comment === undefined ? lines : lines.map((line) => line.replace(comment, '$1…')))];
  });
}

/** `docs/protocol-coverage.md`. */
export function protocolCoverageDocument(): string {
  const operations = Object.entries<EnumerationRow>(ENUMERATIONS.Operation).map(([name, row]) => [
    name,
    row.until === undefined ? `${row.since} and later` : `${row.since} to ${row.until}`,
    name in OPERATIONS ? 'yes' : 'Operation Not Supported',
  ]);
  const vapi = VAPI_OPERATIONS.map((row) => [
    `\`${row.service.replace('com.vmware.', '')}\``,
    `\`${rpcName(row)}\``,
    `\`${row.method} ${row.path.replace(/:(\w+)/g, '{$1}')}${row.action === undefined ? '' : `?action=${row.action}`}\``,
    row.privilege,
    versionsOf(row),
  ]);
  const methods = VCENTER_METHODS.list().map((method) => `- \`${method}\``);
  return `# Protocol coverage

Made from the registries in \`kms/operations\`, \`vcenter/vapi\` and \`vcenter/managed-objects\`.

## KMIP operations

Versions 1.0 to 1.4, 2.0 and 2.1, each answered in its own form; TTLV over mutual TLS 1.2 and 1.3, and XML, JSON and
TTLV over HTTPS. Notify and Put are what servers ask of clients. Of PKCS_11 the functions that need no session are
performed; the others answer CKR_FUNCTION_NOT_SUPPORTED.

The OASIS test cases are run against the live server: 36 of KMIP 1.1, 185 files of 1.4, 93 of 2.1. Those that are
answered otherwise than was recorded, with the reason and the section of the specification, are the rows of
\`test/kms/oasis/known-differences.ts\` and of \`test/kms/oasis-1.1.test.ts\`.

${markdownTable(['operation', 'in versions', 'performed'], operations)}

## Operations of the Automation API

REST and JSON-RPC (\`POST /api\`) are made from the same rows. An operation with \`$task\` is asked for with
\`vmw-task=true\` in REST. Not in this table are sessions, the inventory and \`crypto-manager\`.

${markdownTable(['service (com.vmware.)', 'operation', 'REST', 'privilege', 'versions'], vapi)}

## VI/JSON methods of a vCenter

${methods.join('\n')}
`;
}

function versionsOf({ since, deprecated, until }: (typeof VAPI_OPERATIONS)[number]): string {
  const from = until === undefined ? `${since} and later` : `${since} to before ${until}`;
  return deprecated === undefined ? from : `${from}, deprecated from ${deprecated}`;
}
