import type { KeyObject } from 'node:crypto';
import { X509Certificate, createHash, createPrivateKey, generateKeyPairSync, webcrypto } from 'node:crypto';

import { x509 } from '../../core/pki/x509.js';
import type { ManagedObjectValue } from '../../wire/kmip/index.js';
import { KmipError } from '../../wire/kmip/index.js';
import { keyBlockOf } from '../keys/key-block.js';
import { privateKeyOf } from '../keys/key-object.js';
import { ManagedObject } from '../objects/managed-object.js';
import type { RequestScope } from '../server/scope.js';

/** A certificate authority that signs for Certify and Re-certify. */
export interface Authority {
  readonly certificate: x509.X509Certificate;
  readonly privateKey: KeyObject;
}

/** What a certificate is to say. */
export interface CertificateContent {
  readonly subject: x509.Name;
  /** SubjectPublicKeyInfo. */
  readonly spki: Buffer;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly extensions: readonly x509.Extension[];
}

/** Objects of no client: the authority that the server makes for itself, under identifiers that its nodes share. */
const OWN = {
  owner: 'the key server itself',
  privateKey: 'kpsim-certificate-authority-key',
  certificate: 'kpsim-certificate-authority',
} as const;

const DAY_MS = 86_400_000;
const OWN_LIFETIME_DAYS = 3650;

/** The authority that the configuration gives, or the server's own, made now if there is none yet. */
export async function certificateAuthority(scope: RequestScope): Promise<Authority> {
  const configured = scope.config.certificateAuthority;
  if (configured) {
    return {
      certificate: new x509.X509Certificate(configured.certificatePem),
      privateKey: createPrivateKey(configured.privateKeyPem),
    };
  }
  return (await knownAuthority(scope)) ?? (await makeAuthority(scope));
}

/** The certificate of {@link certificateAuthority}, if there is an authority already. */
export async function authorityCertificate(scope: RequestScope): Promise<X509Certificate | undefined> {
  const configured = scope.config.certificateAuthority;
  if (configured) return new X509Certificate(configured.certificatePem);
  const known = await knownAuthority(scope);
  return known && new X509Certificate(Buffer.from(known.certificate.rawData));
}

async function knownAuthority(scope: RequestScope): Promise<Authority | undefined> {
  const [key, certificate] = await Promise.all([
    scope.workspace.read(OWN.privateKey),
    scope.workspace.read(OWN.certificate),
  ]);
  if (!key?.value || certificate?.value?.objectType !== 'Certificate') return undefined;
  return {
    certificate: new x509.X509Certificate(certificate.value.certificateValue),
    privateKey: privateKeyOf(key.value),
  };
}

/** Two nodes that make one at the same time: the store refuses the later, whose request is redone with the other's. */
async function makeAuthority(scope: RequestScope): Promise<Authority> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  const now = scope.nowSeconds * 1000;
  const subject = new x509.Name([{ CN: [`${scope.config.name} certificate authority`] }]);
  const certificate = await sign(
    {
      subject,
      spki,
      notBefore: new Date(now - DAY_MS),
      notAfter: new Date(now + OWN_LIFETIME_DAYS * DAY_MS),
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      ],
    },
    { subject, privateKey, spki },
    scope,
  );
  const fields = { owner: OWN.owner, attributes: new Map(), revision: 0 };
  const keyValue: ManagedObjectValue = {
    objectType: 'PrivateKey',
    keyBlock: keyBlockOf(privateKey, 'PKCS_8'),
  };
  const hidden = { Sensitive: true, Extractable: false, InitialDate: scope.nowSeconds } as const;
  scope.workspace.add(
    new ManagedObject({
      ...fields,
      uniqueIdentifier: OWN.privateKey,
      objectType: 'PrivateKey',
      value: keyValue,
    }).with(hidden),
  );
  scope.workspace.add(
    new ManagedObject({
      ...fields,
      uniqueIdentifier: OWN.certificate,
      objectType: 'Certificate',
      value: {
        objectType: 'Certificate',
        certificateType: 'X_509',
        certificateValue: Buffer.from(certificate.rawData),
      },
    }).with({ InitialDate: scope.nowSeconds }),
  );
  return { certificate, privateKey };
}

/** A certificate that the authority signs. */
export function issue(
  authority: Authority,
  content: CertificateContent,
  scope: RequestScope,
): Promise<x509.X509Certificate> {
  return sign(
    content,
    {
      subject: authority.certificate.subjectName,
      privateKey: authority.privateKey,
      spki: Buffer.from(authority.certificate.publicKey.rawData),
    },
    scope,
  );
}

async function sign(
  { subject, spki, notBefore, notAfter, extensions }: CertificateContent,
  issuer: { readonly subject: x509.Name; readonly privateKey: KeyObject; readonly spki: Buffer },
  scope: RequestScope,
): Promise<x509.X509Certificate> {
  const algorithm = signingAlgorithmOf(issuer.privateKey);
  const pkcs8 = issuer.privateKey.export({ format: 'der', type: 'pkcs8' });
  const signingKey = await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']);
  return x509.X509CertificateGenerator.create({
    subject: new x509.Name(subject.toArrayBuffer()),
    issuer: new x509.Name(issuer.subject.toArrayBuffer()),
    publicKey: new Uint8Array(spki),
    signingKey,
    signingAlgorithm: algorithm,
    serialNumber: serialNumber(scope),
    notBefore,
    notAfter,
    extensions: [
      ...extensions,
      new x509.SubjectKeyIdentifierExtension(keyIdentifier(spki)),
      new x509.AuthorityKeyIdentifierExtension(keyIdentifier(issuer.spki)),
    ],
  });
}

function signingAlgorithmOf(key: KeyObject) {
  const curves = {
    prime256v1: ['P-256', 'SHA-256'],
    secp384r1: ['P-384', 'SHA-384'],
    secp521r1: ['P-521', 'SHA-512'],
  } as const;
  if (key.asymmetricKeyType === 'rsa') return { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  const curve = curves[key.asymmetricKeyDetails?.namedCurve as keyof typeof curves] as
    readonly [string, string] | undefined;
  if (curve) return { name: 'ECDSA', namedCurve: curve[0], hash: curve[1] };
  throw new KmipError(
    'CryptographicFailure',
    'A certificate authority has an RSA, P-256, P-384 or P-521 key.',
  );
}

/** Method 1 of RFC 5280 §4.2.1.2, over the whole SubjectPublicKeyInfo, which is as unique. */
function keyIdentifier(spki: Buffer): string {
  return createHash('sha1').update(spki).digest('hex');
}

/** 16 bytes, positive and without a leading zero. */
function serialNumber(scope: RequestScope): string {
  const hex = scope.rng.uuid().replaceAll('-', '');
  return `4${hex.slice(1)}`;
}
