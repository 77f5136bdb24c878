import { createHash } from 'node:crypto';

import { VapiError } from '../../core/http/index.js';
import type { TpmEndorsement } from '../../host-agent/client.js';
import {
  decodeTpm2bPublic,
  encodeTpmtPublic,
  objectName,
  parseEventLog,
  replayEventLog,
} from '../../wire/tpm2/index.js';
import {
  blob,
  boolean,
  enumeration,
  id,
  integer,
  list,
  map,
  optional,
  string,
  structure,
} from '../../wire/vapi/index.js';
import { referenceTo } from '../inventory/entities.js';
import type { VapiOperation } from '../vapi/operation.js';
import type { Vcenter } from '../vcenter.js';
import { PACKAGE, plain, x509CertChain } from './types.js';

const SERVICE = 'hosts.hardware.tpm';
const NAME = `${PACKAGE}.${SERVICE}`;
const PATH = 'hosts/:host/hardware/tpm';
/** First version with these operations. */
const SINCE = '8.0.0';
/** A host has one TPM, and it is called so. */
const TPM = 'tpm-0';
const BYTES_LIMIT = 4 * 1024 * 1024;
/** Handle of the endorsement hierarchy (TPM 2.0 Part 2 §7.4), the parent of endorsement keys. */
const RH_ENDORSEMENT = 0x4000000b;
/** Hash algorithms of PCR banks that the API has words for. */
const BANKS = ['SHA256', 'SHA384', 'SHA512'] as const;

const pcrBank = structure(`${NAME}.pcr_bank`, {
  algorithm: enumeration(['SHA256', 'SHA384', 'SHA512', 'SM3_256']),
  pcrs: map(integer(), blob(64)),
});
const keyType = enumeration(['RSA_2048', 'ECC_NIST_P_256']);
const onHost = (input: { readonly host: string }): ReturnType<typeof referenceTo> =>
  referenceTo('HostSystem', input.host);

/** `hosts/{host}/hardware/tpm`: the TPM of a host, its endorsement keys and the log of its last boot. */
export function hostTpmOperations(vcenter: Vcenter): readonly VapiOperation[] {
  const read = { service: SERVICE, object: onHost, since: SINCE, privilege: 'Host.Tpm.Read' } as const;
  const version = { major_version: integer(), minor_version: integer(), active: boolean };
  const TWO = { major_version: 2, minor_version: 0, active: true } as const;
  return [
    plain({
      ...read,
      operation: 'list',
      method: 'GET',
      path: PATH,
      input: {
        host: id,
        filter: optional(
          structure(`${NAME}.filter_spec`, {
            major_versions: optional(list(integer())),
            active: optional(boolean),
          }),
        ),
      },
      output: list(structure(`${NAME}.summary`, { tpm: id, ...version })),
      run: async ({ input: { host, filter } }) => {
        const { about } = await clientOf(vcenter, host);
        return about.tpm.present && filter?.active !== false && filter?.major_versions?.includes(2) !== false
          ? [{ tpm: TPM, ...TWO }]
          : [];
      },
    }),
    plain({
      ...read,
      operation: 'get',
      method: 'GET',
      path: `${PATH}/:tpm`,
      input: { host: id, tpm: id },
      output: structure(`${NAME}.info`, {
        ...version,
        manufacturer: optional(string()),
        model: optional(string()),
        firmware_version: optional(string()),
        banks: list(pcrBank),
      }),
      run: async ({ input }) => ({ ...TWO, banks: replayed(await eventLog(vcenter, input)) }),
    }),
    plain({
      ...read,
      service: `${SERVICE}.event_log`,
      operation: 'get',
      method: 'GET',
      path: `${PATH}/:tpm/event-log`,
      input: { host: id, tpm: id },
      output: structure(`${NAME}.event_log.info`, {
        type: enumeration(['EFI_TCG2_EVENT_LOG_FORMAT_TCG_2']),
        data: optional(blob(BYTES_LIMIT)),
        truncated: boolean,
        banks: list(pcrBank),
      }),
      run: async ({ input }) => {
        const log = await eventLog(vcenter, input);
        return {
          type: 'EFI_TCG2_EVENT_LOG_FORMAT_TCG_2' as const,
          ...(log.length > 0 && { data: log.toString('base64') }),
          truncated: false,
          banks: replayed(log),
        };
      },
    }),
    ...endorsementKeys(vcenter),
  ];
}

function endorsementKeys(vcenter: Vcenter): readonly VapiOperation[] {
  const service = `${SERVICE}.endorsement_keys`;
  const name = `${PACKAGE}.${service}`;
  const path = `${PATH}/:tpm/endorsement-keys`;
  const read = { service, object: onHost, since: SINCE, privilege: 'Host.Tpm.Read' } as const;
  return [
    plain({
      ...read,
      operation: 'list',
      method: 'GET',
      path,
      input: {
        host: id,
        tpm: id,
        filter: optional(structure(`${name}.filter_spec`, { types: optional(list(keyType)) })),
      },
      output: list(structure(`${name}.summary`, { key: id, type: keyType })),
      run: async ({ input }) => {
        const { key, type } = keyOf(await endorsement(vcenter, input));
        return !input.filter?.types || input.filter.types.includes(type) ? [{ key, type }] : [];
      },
    }),
    plain({
      ...read,
      operation: 'get',
      method: 'GET',
      path: `${path}/:key`,
      input: { host: id, tpm: id, key: id },
      output: structure(`${name}.info`, {
        type: keyType,
        public_area: blob(4096),
        name: blob(128),
        qualified_name: blob(128),
        public_key: optional(string()),
        certificate: optional(string()),
        manufacturer_certificate_uri: optional(string()),
        manufacturer_certificates: optional(x509CertChain),
      }),
      run: async ({ input }) => {
        const found = await endorsement(vcenter, input);
        const { key, ...info } = keyOf(found);
        if (key !== input.key) throw noSuchKey();
        return {
          ...info,
          ...(found.endorsementKeyPem !== undefined && { public_key: found.endorsementKeyPem }),
          ...(found.certificatePem !== undefined && { certificate: found.certificatePem }),
          ...(found.issuersPem.length > 0 && {
            manufacturer_certificates: { cert_chain: [...found.issuersPem] },
          }),
        };
      },
    }),
    plain({
      ...read,
      operation: 'unseal',
      method: 'POST',
      path: `${path}/:key`,
      action: 'unseal',
      body: 'spec',
      privilege: 'Host.Tpm.Unseal',
      input: {
        host: id,
        tpm: id,
        key: id,
        spec: structure(`${name}.unseal_spec`, {
          public_area: blob(4096),
          private_area: blob(4096),
          seed: blob(4096),
          policy_pcr: optional(
            structure(`${name}.policy_pcr_spec`, { pcrs: blob(64), pcr_digest: optional(blob(64)) }),
          ),
        }),
      },
      output: blob(4096),
      run: async ({ input }) => {
        if (keyOf(await endorsement(vcenter, input)).key !== input.key) throw noSuchKey();
        throw new VapiError('UNSUPPORTED', 'The TPMs of kpsim do not import and unseal objects.');
      },
    }),
  ];
}

/** An endorsement key as the API tells it; it is known by its name in hex. */
function keyOf({ endorsementKeyBase64 }: TpmEndorsement) {
  const area = decodeTpm2bPublic(Buffer.from(endorsementKeyBase64, 'base64'));
  const name = objectName(area);
  return {
    key: name.toString('hex'),
    type: area.type === 'RSA' ? ('RSA_2048' as const) : ('ECC_NIST_P_256' as const),
    public_area: encodeTpmtPublic(area).toString('base64'),
    name: name.toString('base64'),
    qualified_name: qualifiedName(name).toString('base64'),
  };
}

/** Qualified name of a primary key of the endorsement hierarchy (TPM 2.0 Part 1 §26.5): its algorithm ‖ H(handle ‖ name). */
function qualifiedName(name: Buffer): Buffer {
  const handle = Buffer.alloc(4);
  handle.writeUInt32BE(RH_ENDORSEMENT);
  const digest = createHash('sha256').update(handle).update(name).digest();
  return Buffer.concat([name.subarray(0, 2), digest]);
}

/** What the PCRs hold after all that a log tells. Own choice: hosts are not asked for the PCRs themselves. */
function replayed(bytes: Buffer) {
  if (bytes.length === 0) return [];
  const log = parseEventLog(bytes);
  return BANKS.filter((hash) => log.banks.includes(hash)).map((algorithm) => ({
    algorithm,
    pcrs: Object.fromEntries(
      [...replayEventLog(log, algorithm)].map(([pcr, value]) => [String(pcr), value.toString('base64')]),
    ),
  }));
}

async function eventLog(vcenter: Vcenter, input: { host: string; tpm: string }): Promise<Buffer> {
  return (await tpmOf(vcenter, input)).tpmEventLog();
}

async function endorsement(vcenter: Vcenter, input: { host: string; tpm: string }): Promise<TpmEndorsement> {
  return (await tpmOf(vcenter, input)).tpmEndorsement();
}

/** @throws VapiError `NOT_FOUND` */
async function tpmOf(vcenter: Vcenter, { host, tpm }: { host: string; tpm: string }) {
  const { client, about } = await clientOf(vcenter, host);
  if (about.tpm.present && tpm === TPM) return client;
  throw new VapiError('NOT_FOUND', 'The host has no TPM of that id; list its TPMs to see which it has.');
}

/** @throws VapiError `NOT_FOUND`, VimFault `HostNotConnected` */
async function clientOf({ inventory, hosts }: Vcenter, moid: string) {
  const host = inventory.get(moid);
  if (host?.type !== 'HostSystem') {
    throw new VapiError('NOT_FOUND', 'There is no host of that id; GET /api/vcenter/host lists them.');
  }
  await hosts.refreshStale([host]);
  return { client: hosts.client(host), about: hosts.requireConnected(host).about };
}

function noSuchKey(): VapiError {
  return new VapiError('NOT_FOUND', 'The TPM has no endorsement key of that id; list them first.');
}
