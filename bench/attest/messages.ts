/** The messages of one attestation, as they were sent: a request and its answer for each round, JSON. */
export interface AttestationMessages {
  readonly rounds: readonly { readonly request: string; readonly answer: string }[];
  /** The KMS_AUTH_JWT that it ended with. */
  readonly token: string;
}

/** Packs them as the sample of a measurement. */
export function packMessages(messages: AttestationMessages): Buffer {
  return Buffer.from(JSON.stringify(messages));
}

/** What {@link packMessages} packed. */
export function unpackMessages(sample: Uint8Array): AttestationMessages {
  return JSON.parse(Buffer.from(sample).toString('utf8')) as AttestationMessages;
}
