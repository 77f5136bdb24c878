import type { x509 } from '../../core/pki/x509.js';
import type {
  Attribute,
  AttributeName,
  EnumerationValue,
  Link,
  ManagedObjectValue,
} from '../../wire/kmip/index.js';
import { KmipError } from '../../wire/kmip/index.js';
import type { Authority } from '../certification/authority.js';
import { certificateAuthority, issue } from '../certification/authority.js';
import { certificateContent } from '../certification/content.js';
import type { CertificationRequest } from '../certification/request.js';
import { readCertificationRequest } from '../certification/request.js';
import { publicKeyOf, samePublicKey } from '../keys/key-object.js';
import { certificateAttributes } from '../objects/certificate.js';
import { withFound } from '../objects/found-attributes.js';
import { withLink } from '../objects/links.js';
import type { ManagedObject } from '../objects/managed-object.js';
import { newObject, requestedAttributes } from '../objects/new-object.js';
import { Refusal } from '../refusals.js';
import type { RequestScope } from '../server/scope.js';
import type { OperationHandler } from './handler.js';

/** Makes a certificate for a public key. KMIP 1.4 §4.7, KMIP 2.1 §6.1.6. */
export const certify: OperationHandler<'Certify'> = async (payload, scope) => {
  const sent = requestIn(payload);
  const subject = await certifiedObject(payload.uniqueIdentifier, sent !== undefined, scope);
  const request = sent ?? requestOf(subject);
  const publicKey = subject?.objectType === 'PublicKey' ? subject : undefined;
  if (publicKey?.value && request && !samePublicKey(publicKeyOf(publicKey.value), request.publicKey)) {
    throw new KmipError(
      'InvalidCSR',
      'The certificate request is for another key than the Public Key named.',
    );
  }
  const certifiedKey = request ?? keyOf(publicKey);
  const given = await requestedAttributes(payload, scope);
  demandX509(given);

  const authority = await certificateAuthority(scope);
  const fallbackName = publicKey?.get('Name')?.value ?? subject?.uniqueIdentifier ?? 'unnamed';
  const content = certificateContent(certifiedKey, given, fallbackName, scope);
  const value = certificateValue(await issue(authority, content, scope));
  const issued = withFound(
    await newObject('Certificate', value, given.filter(isNotTold), { madeHere: true }, scope),
    certificateAttributes(value),
  );
  const linked = publicKey ? withLink(issued, 'PublicKeyLink', publicKey.uniqueIdentifier) : issued;
  const certificate = await linkedToIssuer(linked, authority, scope);
  scope.workspace.add(certificate);
  if (publicKey) scope.workspace.replace(publicKey, withCertificateLink(publicKey, certificate));
  scope.returns('Certify', certificate.uniqueIdentifier);
  return { uniqueIdentifier: certificate.uniqueIdentifier };
};

/** Where a payload has its certificate request: 1.x and 2.x have fields of their own. */
export interface RequestFields {
  readonly certificateRequestType?: EnumerationValue<'CertificateRequestType'> | undefined;
  readonly certificateRequest?: Buffer | undefined;
  readonly certificateRequestValue?: Buffer | undefined;
}

/** The certificate request of a payload, read. @throws KmipError `InvalidField`, `InvalidCSR` */
export function requestIn(payload: RequestFields): CertificationRequest | undefined {
  const bytes = payload.certificateRequestValue ?? payload.certificateRequest;
  if (!bytes) return undefined;
  if (payload.certificateRequestType === undefined) {
    throw new KmipError('InvalidField', 'A certificate request needs its Certificate Request Type.');
  }
  return readCertificationRequest(payload.certificateRequestType, bytes);
}

/** The request that a Certificate Request object holds; undefined for other objects. */
export function requestOf(object: ManagedObject | undefined): CertificationRequest | undefined {
  if (object?.value?.objectType !== 'CertificateRequest') return undefined;
  return readCertificationRequest(object.value.certificateRequestType, object.value.certificateRequestValue);
}

/** Attributes that the certificate itself tells; what a request says of them went into it (KMIP 1.4 §4.7). */
const TOLD =
  /^(?:X_509)?Certificate|^Cryptographic(?:Algorithm|Length|DomainParameters)$|^DigitalSignatureAlgorithm$/;

/** Whether an attribute is kept as the request gives it. */
export function isNotTold({ name }: { readonly name: string }): boolean {
  return !TOLD.test(name);
}

/** @throws KmipError `FeatureNotSupported` for certificates of other types */
export function demandX509(given: readonly Attribute[]): void {
  const type = given.find(({ name }) => name === ('CertificateType' satisfies AttributeName))?.value;
  if (type === undefined || type === 'X_509') return;
  throw new KmipError('FeatureNotSupported', 'This server certifies with X.509 certificates only.');
}

/** A certificate as an object. */
export function certificateValue(
  certificate: x509.X509Certificate,
): Extract<ManagedObjectValue, { readonly objectType: 'Certificate' }> {
  return {
    objectType: 'Certificate',
    certificateType: 'X_509',
    certificateValue: Buffer.from(certificate.rawData),
  };
}

/** A public key whose only Certificate Link leads to a certificate (KMIP 1.4 §4.8). */
export function withCertificateLink(publicKey: ManagedObject, certificate: ManagedObject): ManagedObject {
  const others = publicKey
    .instances('Link')
    .filter(({ value }) => (value as Link).type !== 'CertificateLink');
  return withLink(publicKey.withInstances('Link', others), 'CertificateLink', certificate.uniqueIdentifier);
}

/**
 * A certificate with a link to its issuer's, which becomes an object of the same owner, so that clients find the chain
 * (own choice).
 */
async function linkedToIssuer(
  certificate: ManagedObject,
  authority: Authority,
  scope: RequestScope,
): Promise<ManagedObject> {
  const value = certificateValue(authority.certificate);
  const told = certificateAttributes(value);
  const identifier = told.find(({ name }) => name === 'X_509CertificateIdentifier');
  const [known] = identifier ? await scope.workspace.find(scope.client.owner, [identifier]) : [];
  if (known !== undefined) return withLink(certificate, 'CertificateLink', known);
  const issuer = withFound(await newObject('Certificate', value, [], { madeHere: true }, scope), told);
  scope.workspace.add(issuer);
  return withLink(certificate, 'CertificateLink', issuer.uniqueIdentifier);
}

/** The object to be certified; none if a request comes by itself. @throws Refusal `wrongObjectType` */
async function certifiedObject(
  reference: Parameters<RequestScope['object']>[0],
  hasRequest: boolean,
  scope: RequestScope,
): Promise<ManagedObject | undefined> {
  if (reference === undefined && hasRequest && (scope.speaks2 || scope.placeholder === undefined))
    return undefined;
  const object = await scope.object(reference);
  if (object.objectType === 'PublicKey' || object.objectType === 'CertificateRequest') return object;
  throw new Refusal('wrongObjectType', `Certify needs a Public Key, not a ${object.objectType}.`);
}

function keyOf(object: ManagedObject | undefined): Pick<CertificationRequest, 'publicKey'> {
  if (object?.value) return { publicKey: publicKeyOf(object.value) };
  throw new Refusal('objectDestroyed', 'The Public Key is destroyed; there is nothing left to certify.');
}
