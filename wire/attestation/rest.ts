import * as z from 'zod';

/** Longest text of one PEM certificate that is accepted. */
const PEM_LIMIT = 64 * 1024;

const pemCertificate = z.string().min(1).max(PEM_LIMIT);

/** `X509CertChain` of the vSphere Automation API: PEM certificates in the order that the call says. */
export const x509CertChain = z.strictObject({ cert_chain: z.array(pemCertificate).min(1).max(8) });

/** A chain of certificates, in PEM. */
export type X509CertChain = z.infer<typeof x509CertChain>;

/** `NetworkAddress` of the vSphere Automation API. */
export const networkAddress = z.strictObject({
  /** A DNS name or an IP address, without brackets. */
  hostname: z
    .string()
    .min(1)
    .max(255)
    .regex(/^[A-Za-z0-9._:-]+$/, 'a host name or an IP address'),
  port: z.number().int().min(1).max(65535).optional(),
});

/** A host and, where it is not the usual one, a port. */
export type NetworkAddress = z.infer<typeof networkAddress>;

/** `https://host:port` of an address; the port of HTTPS where it names none. */
export function httpsUrlOf(address: NetworkAddress): string {
  const host = address.hostname.includes(':') ? `[${address.hostname}]` : address.hostname;
  return `https://${host.toLowerCase()}:${address.port ?? 443}`;
}

/** The address in an `https://` URL. */
export function networkAddressOf(url: string): Required<NetworkAddress> {
  const { hostname, port } = new URL(url);
  return { hostname: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? 443 : Number(port) };
}

/** Types of documents that an attestation service issues. */
export const DOCUMENT_TYPES = ['KMS_AUTH_JWT', 'REPORTING_JWT'] as const;

/** A type of document. */
export type DocumentType = (typeof DOCUMENT_TYPES)[number];

/** Bytes in base64, at most `maxBytes` when decoded; padded. Checked by decoding, as event logs are long. */
export function base64Bytes(maxBytes: number) {
  return z
    .string()
    .max(Math.ceil(maxBytes / 3) * 4)
    .refine(isBase64, { error: 'not bytes in base64' })
    .refine((text) => decodedLength(text) <= maxBytes, { error: `more than ${maxBytes} bytes` });
}

/** Whether a text is base64, padded. Node skips what is not, so that text with anything else in it decodes to too few bytes. */
export function isBase64(text: string): boolean {
  if (text.length % 4 !== 0) return false;
  return Buffer.from(text, 'base64').length === decodedLength(text);
}

function decodedLength(text: string): number {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  return (text.length / 4) * 3 - padding;
}

/** Longest endorsement key certificate, in bytes of DER. */
export const MAX_EK_CERTIFICATE_BYTES = 8192;

/** Body of `POST /api/esx/attestation/report?action=attest`. */
export const attestRequest = z.strictObject({
  identity: z
    .strictObject({
      /** The endorsement key certificate: DER in base64. */
      ek_cert: base64Bytes(MAX_EK_CERTIFICATE_BYTES).optional(),
      /** The endorsement key: TPM2B_PUBLIC in base64. */
      ek_pub: base64Bytes(2048).optional(),
    })
    .refine((identity) => identity.ek_cert !== undefined || identity.ek_pub !== undefined, {
      error: 'give ek_cert, ek_pub or both',
    }),
  /** Exchange contexts, one a round; see `exchange.ts`. */
  contexts: z
    .array(
      z
        .string()
        .min(1)
        .max(5 * 1024 * 1024),
    )
    .length(1),
  types: z.array(z.enum(DOCUMENT_TYPES)).max(DOCUMENT_TYPES.length),
});

/** What a host sends in each round. */
export type AttestRequest = z.infer<typeof attestRequest>;

/** Who a host says it is: by the certificate of its endorsement key, by the key, or by both. */
export type AttestIdentity = AttestRequest['identity'];

/** Answer to a round: after the first `attested` is false and the context a challenge; after the second the context is an appraisal. */
export interface AttestResult {
  readonly attested: boolean;
  readonly contexts: readonly string[];
  readonly documents: readonly { readonly type: DocumentType; readonly document: string }[];
}
