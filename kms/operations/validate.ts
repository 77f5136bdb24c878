import { X509Certificate } from 'node:crypto';

import { parsePemChain } from '../../core/pki/index.js';
import type { ManagedObjectValue } from '../../wire/kmip/index.js';
import { authorityCertificate } from '../certification/authority.js';
import type { ChainMember } from '../certification/validation.js';
import { validityOf } from '../certification/validation.js';
import { checked } from '../keys/key-object.js';
import type { ManagedObject } from '../objects/managed-object.js';
import { refuseField } from '../objects/new-object.js';
import { Refusal } from '../refusals.js';
import type { RequestScope } from '../server/scope.js';
import type { OperationHandler } from './handler.js';

/** Certificates of one request at most. */
const CHAIN_LIMIT = 32;

/**
 * Judges a certificate chain. Trusted are the authority that certifies here, the one that clients' certificates come
 * from, and self-signed certificates that are registered (own choice, as KMIP 1.4 §4.24 leaves it to the server).
 */
export const validate: OperationHandler<'Validate'> = async (payload, scope) => {
  const sent = payload.certificates ?? [];
  const named = payload.uniqueIdentifiers ?? [];
  const count = sent.length + named.length;
  if (count === 0) refuseField('Validate needs a Certificate or a Unique Identifier.');
  if (count > CHAIN_LIMIT) refuseField(`Validate takes ${CHAIN_LIMIT} certificates at most.`);

  const objects: ManagedObject[] = [];
  for (const reference of named) objects.push(await scope.object(reference));
  const stored = objects.map(storedMember);
  const members = [
    ...sent.map((certificate) => ({
      certificate: parsed({ objectType: 'Certificate', ...certificate }),
      revoked: false,
    })),
    ...stored,
  ];
  const anchors = await anchorsOf(stored, scope);
  const atMs = (payload.validityDate ?? scope.nowSeconds) * 1000;
  return {
    validityIndicator: checked('certificate chain', () => validityOf(distinct(members), anchors, atMs)),
  };
};

async function anchorsOf(stored: readonly ChainMember[], scope: RequestScope): Promise<X509Certificate[]> {
  const own = await authorityCertificate(scope);
  const { trustedCaPem } = scope.config;
  const roots = stored.filter(({ certificate, revoked }) => !revoked && certificate.checkIssued(certificate));
  return [
    ...(own ? [own] : []),
    ...(trustedCaPem === undefined ? [] : parsePemChain(trustedCaPem)),
    ...roots.map(({ certificate }) => certificate).filter((root) => root.verify(root.publicKey)),
  ];
}

/** @throws Refusal `wrongObjectType`, `objectDestroyed` */
function storedMember(object: ManagedObject): ChainMember {
  if (object.objectType !== 'Certificate') {
    throw new Refusal(
      'wrongObjectType',
      `Object ${object.uniqueIdentifier} is a ${object.objectType}, not a Certificate.`,
    );
  }
  if (!object.value) {
    throw new Refusal('objectDestroyed', `Certificate ${object.uniqueIdentifier} is destroyed.`);
  }
  return { certificate: parsed(object.value), revoked: object.get('RevocationReason') !== undefined };
}

function parsed(value: ManagedObjectValue): X509Certificate {
  if (value.objectType === 'Certificate' && value.certificateType === 'X_509') {
    return checked('Certificate', () => new X509Certificate(value.certificateValue));
  }
  return refuseField('Only chains of X.509 certificates are validated.');
}

/** A certificate may be both sent and named; revoked is what is so once. */
function distinct(members: readonly ChainMember[]): ChainMember[] {
  const known = new Map<string, ChainMember>();
  for (const member of members) {
    const { fingerprint256 } = member.certificate;
    const before = known.get(fingerprint256);
    known.set(fingerprint256, before?.revoked === true ? before : member);
  }
  return [...known.values()];
}
