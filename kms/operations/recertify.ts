import { X509Certificate } from 'node:crypto';

import { x509 } from '../../core/pki/x509.js';
import { attributeOf } from '../../wire/kmip/index.js';
import type { Attribute } from '../../wire/kmip/index.js';
import { certificateAuthority, issue } from '../certification/authority.js';
import { certificateContent } from '../certification/content.js';
import type { CertificationRequest } from '../certification/request.js';
import { publicKeyOf } from '../keys/key-object.js';
import { certificateAttributes } from '../objects/certificate.js';
import { withFound } from '../objects/found-attributes.js';
import { linksOf, withLink } from '../objects/links.js';
import type { ManagedObject } from '../objects/managed-object.js';
import { requestedAttributes } from '../objects/new-object.js';
import { replaceObject } from '../objects/replacement.js';
import { Refusal } from '../refusals.js';
import {
  certificateValue,
  demandX509,
  isNotTold,
  requestIn,
  requestOf,
  withCertificateLink,
} from './certify.js';
import type { RequestScope } from '../server/scope.js';
import { withDefaults } from './given.js';
import type { OperationHandler } from './handler.js';

/** Renews a certificate for the same key pair. KMIP 1.4 §4.8, KMIP 2.1 §6.1.45. */
export const recertify: OperationHandler<'ReCertify'> = async (payload, scope) => {
  const existing = await scope.object(payload.uniqueIdentifier);
  const { value: old } = existing;
  if (existing.objectType !== 'Certificate') {
    throw new Refusal('wrongObjectType', `Re-certify renews Certificates, not a ${existing.objectType}.`);
  }
  if (old?.objectType !== 'Certificate') {
    throw new Refusal('objectDestroyed', 'The Certificate is destroyed. Certify its Public Key again.');
  }
  const stored = payload.certificateRequestUniqueIdentifier;
  const request =
    requestIn(payload) ??
    (stored === undefined ? undefined : requestOf(await scope.object(stored))) ??
    requestFrom(old.certificateValue, publicKeyOf(old));
  const given = await requestedAttributes(payload, scope);
  demandX509(given);

  const dated = withDefaults(given, datesOf(old.certificateValue, payload.offset, scope.nowSeconds));
  const content = certificateContent(request, dated, existing.uniqueIdentifier, scope);
  const value = certificateValue(await issue(await certificateAuthority(scope), content, scope));
  const { offset } = payload;
  const replacement = await replaceObject(existing, { value, given: given.filter(isNotTold), offset }, scope);
  const renewed = withTold(replacement, certificateAttributes(value));
  const linked = ['PublicKeyLink', 'CertificateLink'] as const;
  const complete = linked.reduce(
    (object, type) => linksOf(existing, type).reduce((one, id) => withLink(one, type, id), object),
    renewed,
  );
  scope.workspace.replace(replacement, complete);
  for (const identifier of linksOf(existing, 'PublicKeyLink')) {
    await pointTo(identifier, complete, scope);
  }
  scope.returns('ReCertify', complete.uniqueIdentifier);
  return { uniqueIdentifier: complete.uniqueIdentifier };
};

/** The public key's Certificate Link leads to the new certificate. */
async function pointTo(identifier: string, certificate: ManagedObject, scope: RequestScope): Promise<void> {
  const publicKey = await scope.workspace.read(identifier);
  if (publicKey?.owner !== certificate.owner) return;
  scope.workspace.replace(publicKey, withCertificateLink(publicKey, certificate));
}

/** What the existing certificate says, asked for again. */
function requestFrom(der: Buffer, publicKey: CertificationRequest['publicKey']): CertificationRequest {
  const { subjectName, extensions } = new x509.X509Certificate(new Uint8Array(der));
  return { publicKey, subject: subjectName, extensions };
}

/** The new certificate is as long valid as the old one was, from now or from the Offset. */
function datesOf(der: Buffer, offset: number | undefined, nowSeconds: number): Attribute[] {
  const { validFrom, validTo } = new X509Certificate(der);
  const lifetime = Math.floor((Date.parse(validTo) - Date.parse(validFrom)) / 1000);
  const begin = nowSeconds + (offset ?? 0);
  return [attributeOf('ActivationDate', begin), attributeOf('DeactivationDate', begin + lifetime)];
}

/** A certificate's object with what the certificate tells, instead of what its predecessor told. */
function withTold(object: ManagedObject, told: readonly Attribute[]): ManagedObject {
  const stale = [...object.attributes.keys()].filter((name) => !isNotTold({ name }));
  return withFound(
    stale.reduce((one, name) => one.withInstances(name, []), object),
    told,
  );
}
