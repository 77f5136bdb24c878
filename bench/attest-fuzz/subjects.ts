import { PRINCIPAL_HEADER, decodeContextOf, encodeContext } from '../../wire/attestation/index.js';
import { TYPES } from '../attest/bench-host.js';
import type { Dice } from '../kmip-fuzz/dice.js';
import { bytesDamaged } from '../kmip-fuzz/mutations.js';
import { jsonDamaged, textDamaged, tokenDamaged } from './damage.js';
import type { Json } from './damage.js';
import type { FuzzMessage, FuzzTarget, FuzzedService, GoodParts } from './target.js';

/** Something that a stranger can send. */
export interface Subject {
  /** Makes a good message and damages it. */
  readonly make: (target: FuzzTarget, dice: Dice) => Promise<FuzzMessage> | FuzzMessage;
  /** Takes back what was accepted. */
  readonly undo?: (target: FuzzTarget) => readonly FuzzMessage[];
}

const ATTEST = {
  service: 'attestation',
  method: 'POST',
  path: '/api/esx/attestation/report?action=attest',
} as const;
const CA_CERTIFICATES = '/api/esx/attestation/tpm2/ca-certificates';
const FUZZED_NAME = 'fuzzed';

/** Everything that is damaged: one row a subject. */
export const SUBJECTS: Readonly<Record<string, Subject>> = {
  'request of an attestation': {
    make: async ({ host }, dice) => {
      const { identity, context } = await host.evidence.hello();
      const request = { identity, contexts: [encodeContext(context)], types: [...TYPES] };
      return attestation(jsonDamaged(request as unknown as Json, dice), false);
    },
  },
  hello: {
    make: async ({ host }, dice) => {
      const { identity, context } = await host.evidence.hello();
      const damaged = twice(context, dice);
      return attestation(
        { identity: identity as Json, contexts: [contextOf(damaged)], types: [...TYPES] },
        false,
      );
    },
  },
  identity: {
    make: async ({ host }, dice) => {
      const { identity, context } = await host.evidence.hello();
      const damaged = jsonDamaged(identity as Json, dice);
      return attestation({ identity: damaged, contexts: [encodeContext(context)], types: [] }, false);
    },
  },
  evidence: {
    make: async ({ host }, dice) => {
      const { identity, context } = await host.evidence.hello();
      const { contexts } = await host.client.attest(identity, [encodeContext(context)], TYPES);
      const evidence = await host.evidence.evidence(decodeContextOf('challenge', contexts[0] ?? ''));
      const withExplanation = dice.oneIn(3) ? { ...evidence, explain: true } : evidence;
      const damaged = twice(withExplanation as unknown as Json, dice);
      const mayPass = JUDGED.every(
        (name) => bytesIn(damaged, name) === bytesIn(evidence as unknown as Json, name),
      );
      const request = { identity: identity as Json, contexts: [contextOf(damaged)], types: [...TYPES] };
      return attestation(request, mayPass);
    },
  },
  token: {
    make: ({ good }, dice) => {
      const token = tokenDamaged(good.token, dice);
      return keyOperation(good, { token, mayPass: isSameToken(token, good.token) });
    },
  },
  'principal token': {
    make: ({ good }, dice) => {
      const principal = tokenDamaged(good.principal, dice);
      return keyOperation(good, { principal, mayPass: isSameToken(principal, good.principal) });
    },
  },
  'wrapped key': {
    make: ({ good }, dice) => {
      const ciphertext = textDamaged(good.ciphertext, dice);
      const same = Buffer.from(ciphertext, 'base64').equals(Buffer.from(good.ciphertext, 'base64'));
      return keyOperation(good, { ciphertext, mayPass: same });
    },
  },
  'key operation': {
    make: ({ good }, dice) => {
      const operation = dice.pick(['generate-key', 'decrypt', 'encrypt'] as const);
      const body = {
        'generate-key': { provider: good.provider, num_of_bytes: 32 },
        decrypt: { provider: good.provider, ciphertext: good.ciphertext },
        encrypt: { provider: good.provider, plaintext: dice.bytes(32).toString('base64') },
      }[operation];
      const damaged = jsonDamaged(body, dice);
      return {
        ...keyOperation(good, { mayPass: true }),
        path: `/api/esx/kms/${operation}`,
        body: jsonBytes(damaged),
      };
    },
  },
  'image database': {
    make: ({ good }, dice) => ({
      service: 'attestation',
      method: 'POST',
      path: '/api/esx/attestation/os/esx/base-images?action=import-from-imgdb',
      headers: { 'content-type': 'application/octet-stream' },
      body: bytesDamaged(good.imgdb, dice),
      // Bits of the archive's own headers are judged by nobody.
      mayPass: true,
    }),
  },
  'authority of TPMs': {
    make: ({ good: { authority } }, dice) => {
      const spec = { name: FUZZED_NAME, cert_chain: { cert_chain: authority.chain }, crls: [authority.crl] };
      const body = jsonBytes({ ...(twice(spec, dice) as object), name: FUZZED_NAME });
      return { service: 'attestation', method: 'POST', path: CA_CERTIFICATES, body, mayPass: true };
    },
    undo: () => [deleted(`${CA_CERTIFICATES}/${FUZZED_NAME}`)],
  },
  'endorsement key': {
    make: async ({ host }, dice) => {
      const { identity } = await host.evidence.hello();
      const pem = `-----BEGIN CERTIFICATE-----\n${identity.ek_cert ?? ''}\n-----END CERTIFICATE-----\n`;
      const certificate = textDamaged(pem, dice);
      const body = jsonBytes({
        name: FUZZED_NAME,
        [dice.oneIn(2) ? 'certificate' : 'public_key']: certificate,
      });
      return { service: 'attestation', method: 'POST', path: ENDORSEMENT_KEYS, body, mayPass: true };
    },
    undo: () => [deleted(`${ENDORSEMENT_KEYS}/${FUZZED_NAME}`)],
  },
  'configuration of the attestation service': configuration('attestation'),
  'configuration of the key provider service': configuration('kms'),
};

const ENDORSEMENT_KEYS = '/api/esx/attestation/tpm2/endorsement-keys';

/** Members of evidence in which nothing may change that passes. */
const JUDGED = ['attest', 'signature', 'eventLog', 'activationProof', 'akPublic'] as const;

function configuration(service: FuzzedService): Subject {
  const path = service === 'kms' ? '/api/esx/kms/raw-config' : '/api/esx/attestation/raw-config';
  const replaced = (text: string): FuzzMessage => ({
    service,
    method: 'PUT',
    path,
    body: jsonBytes({ configuration: text }),
    mayPass: true,
  });
  return {
    make: ({ good }, dice) => {
      const text = good.configurations[service];
      const damaged = dice.oneIn(4)
        ? bytesDamaged(Buffer.from(text), dice).toString('utf8')
        : JSON.stringify(twice(JSON.parse(text) as Json, dice));
      return replaced(damaged);
    },
    undo: ({ good }) => [
      replaced(good.configurations[service]),
      // A configuration tells no private keys: those of a provider that it took away are gone.
      ...(service === 'kms' ? [clientCertificateOf(good)] : []),
    ],
  };
}

function clientCertificateOf({ provider, clientCertificate }: GoodParts): FuzzMessage {
  return {
    service: 'kms',
    method: 'PUT',
    path: `/api/esx/kms/providers/${provider}/client-certificate`,
    body: jsonBytes(clientCertificate),
    mayPass: true,
  };
}

function deleted(path: string): FuzzMessage {
  return { service: 'attestation', method: 'DELETE', path, body: Buffer.alloc(0), mayPass: true };
}

function attestation(request: Json, mayPass: boolean): FuzzMessage {
  return { ...ATTEST, body: jsonBytes(request), mayPass };
}

function keyOperation(
  good: GoodParts,
  changed: Partial<Record<'token' | 'principal' | 'ciphertext', string>> & { readonly mayPass: boolean },
): FuzzMessage {
  const { token, principal, ciphertext, mayPass } = { ...good, ...changed };
  return {
    service: 'kms',
    method: 'POST',
    path: '/api/esx/kms/decrypt',
    headers: { authorization: `Bearer ${token}`, [PRINCIPAL_HEADER]: principal },
    body: jsonBytes({ provider: good.provider, ciphertext }),
    mayPass,
  };
}

/** Damage, and now and then more of it. */
function twice(value: Json, dice: Dice): Json {
  const once = jsonDamaged(value, dice);
  return dice.oneIn(4) ? jsonDamaged(once, dice) : once;
}

function contextOf(value: Json): string {
  return Buffer.from(JSON.stringify(value)).toString('base64');
}

function jsonBytes(value: Json): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function bytesIn(value: Json, name: string): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const member = (value as Readonly<Record<string, Json>>)[name];
  return typeof member === 'string' ? Buffer.from(member, 'base64').toString('hex') : undefined;
}

/** Whether two tokens are the same but for bits of base64 that decode to nothing. */
function isSameToken(one: string, other: string): boolean {
  const [parts, others] = [one.split('.'), other.split('.')];
  return (
    parts.length === others.length &&
    parts.slice(0, 2).join('.') === others.slice(0, 2).join('.') &&
    Buffer.from(parts[2] ?? '', 'base64url').equals(Buffer.from(others[2] ?? '', 'base64url'))
  );
}
