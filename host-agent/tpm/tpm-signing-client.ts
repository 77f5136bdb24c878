import {
  MAX_ATTEST_BYTES,
  TPM_RH,
  TPM_ST,
  TpmReader,
  readTicket,
  writeHashAlgorithm,
  writePcrSelections,
  writeSigningScheme,
  writeTicket,
} from '../../wire/tpm2/index.js';
import type {
  AuthCommand,
  CommandName,
  HashAlgorithm,
  PcrSelection,
  SigningScheme,
  Ticket,
  TpmWriter,
} from '../../wire/tpm2/index.js';
import { TpmPlatformClient, password } from './tpm-platform-client.js';

/** A quote or certification: TPMS_ATTEST and TPMT_SIGNATURE. */
export interface SignedAttest {
  readonly attest: Buffer;
  readonly signature: Buffer;
}

/** Hierarchies by name. */
export type HierarchyName = 'OWNER' | 'ENDORSEMENT' | 'PLATFORM' | 'NULL';

const NOTHING = Buffer.alloc(0);
const MAX_BYTES = 4096;

/** Commands of a TPM that sign, about itself or what it is given, and that verify what was signed. */
export class TpmSigningClient extends TpmPlatformClient {
  /** Signs the digest of PCR values. @param request.qualifyingData nonce, at most 66 bytes */
  quote(request: {
    readonly ak: number;
    readonly qualifyingData: Buffer;
    readonly selection: readonly PcrSelection[];
    readonly scheme?: SigningScheme;
    readonly akAuth?: Buffer;
  }): Promise<SignedAttest> {
    const write = (writer: TpmWriter): void => {
      writer.sized(request.qualifyingData);
      writeSigningScheme(writer, request.scheme);
      writePcrSelections(writer, request.selection);
    };
    return this.#attest('Quote', [request.ak], write, [password(request.akAuth)]);
  }

  /** Says that an object is loaded in this TPM. */
  certify(request: {
    readonly object: number;
    readonly ak: number;
    readonly qualifyingData: Buffer;
  }): Promise<SignedAttest> {
    const write = (writer: TpmWriter): void => {
      writer.sized(request.qualifyingData);
      writeSigningScheme(writer, undefined);
    };
    return this.#attest('Certify', [request.object, request.ak], write, [password(), password()]);
  }

  async #attest(
    name: CommandName,
    handles: readonly number[],
    write: (writer: TpmWriter) => void,
    sessions: readonly AuthCommand[],
  ): Promise<SignedAttest> {
    const { parameters } = await this.run(name, handles, write, sessions);
    const reader = new TpmReader(parameters);
    return { attest: reader.sized(MAX_ATTEST_BYTES), signature: reader.rest() };
  }

  /** Hashes data in the TPM; the ticket lets a restricted key sign the digest. */
  async hash(
    data: Buffer,
    hashAlg: HashAlgorithm,
    hierarchy: HierarchyName = 'ENDORSEMENT',
  ): Promise<{ readonly digest: Buffer; readonly ticket: Ticket }> {
    const { parameters } = await this.run('Hash', [], (writer) => {
      writer.sized(data);
      writeHashAlgorithm(writer, hashAlg);
      writer.u32(TPM_RH[hierarchy]);
    });
    const reader = new TpmReader(parameters);
    return { digest: reader.sized(MAX_BYTES), ticket: readTicket(reader) };
  }

  /** Signs a digest. @returns TPMT_SIGNATURE */
  async sign(
    key: number,
    digest: Buffer,
    options: { scheme?: SigningScheme; ticket?: Ticket } = {},
  ): Promise<Buffer> {
    const { parameters } = await this.run(
      'Sign',
      [key],
      (writer) => {
        writer.sized(digest);
        writeSigningScheme(writer, options.scheme);
        writeTicket(
          writer,
          options.ticket ?? { tag: TPM_ST.HASHCHECK, hierarchy: TPM_RH.NULL, digest: NOTHING },
        );
      },
      [password()],
    );
    return parameters;
  }

  /**
   * Has the TPM verify a signature over a digest.
   *
   * @param key handle of a signing key, of which the public part is enough
   * @param signature TPMT_SIGNATURE
   * @returns TPMT_TK_VERIFIED, with which the TPM recognizes that it has verified this
   * @throws TpmError TPM_RC_SIGNATURE if it does not verify
   */
  async verifySignature(key: number, digest: Buffer, signature: Buffer): Promise<Ticket> {
    const { parameters } = await this.run('VerifySignature', [key], (writer) =>
      writer.sized(digest).bytes(signature),
    );
    return readTicket(new TpmReader(parameters));
  }
}
