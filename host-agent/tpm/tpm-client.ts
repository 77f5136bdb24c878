import { randomBytes } from 'node:crypto';
import {
  AK_TEMPLATES,
  ENDORSEMENT_KEYS,
  HASH_ALGORITHMS,
  MAX_ATTEST_BYTES,
  MAX_DATA_BYTES,
  MAX_NAME_BYTES,
  TPMA_NV,
  TPM_RC,
  TPM_RH,
  TPM_SE,
  TPM_SU,
  TpmError,
  TpmReader,
  decodeResponse,
  encodeCommand,
  encodeWhole,
  readClockInfo,
  readDigests,
  readNvPublic,
  readPcrSelections,
  readTicket,
  readTpm2bPublic,
  writeDigestValues,
  writeHashAlgorithm,
  writeNvPublic,
  writePcrSelections,
  writeSensitiveCreate,
  writeSigningScheme,
  writeSymmetric,
  writeTicket,
  writeTpmtPublic,
} from '../../wire/tpm2/index.js';
import type {
  AkAlgorithm,
  AuthCommand,
  ClockInfo,
  CommandName,
  Credential,
  DigestValues,
  EkAlgorithm,
  HashAlgorithm,
  NvPublic,
  PcrSelection,
  SigningScheme,
  Ticket,
  TpmResponseFrame,
  TpmWriter,
  TpmtPublic,
} from '../../wire/tpm2/index.js';
import type { TpmTransport } from './transport.js';

/** A key or data object in the TPM: its handle, its public area, its name. */
export interface TpmKey {
  readonly handle: number;
  readonly publicArea: TpmtPublic;
  readonly name: Buffer;
}

/** A quote or certification: TPMS_ATTEST and TPMT_SIGNATURE. */
export interface SignedAttest {
  readonly attest: Buffer;
  readonly signature: Buffer;
}

/** Hierarchies by name. */
export type HierarchyName = 'OWNER' | 'ENDORSEMENT' | 'PLATFORM' | 'NULL';

const NOTHING = Buffer.alloc(0);
const MAX_BYTES = 4096;
const NV_CHUNK_BYTES = 512;
const NONCE_BYTES = 16;
/** A TPM that is busy with its NV memory asks to send the command again. */
const MOST_RETRIES = 5;
const RETRY_CODES: readonly number[] = [TPM_RC.RETRY, TPM_RC.YIELDED, TPM_RC.NV_RATE, TPM_RC.TESTING];

/**
 * Typed commands over any TPM transport.
 *
 * Every method throws `TpmError` with the response code if the TPM refuses, and whatever the transport throws.
 */
export class TpmClient {
  readonly #transport: TpmTransport;

  constructor(transport: TpmTransport) {
    this.#transport = transport;
  }

  /** Starts the TPM after power on. @throws TpmError TPM_RC_INITIALIZE if it is started already */
  async startup(type: keyof typeof TPM_SU = 'CLEAR'): Promise<void> {
    await this.#run('Startup', [], (writer) => writer.u16(TPM_SU[type]));
  }

  /** Says that power will be lost. */
  async shutdown(type: keyof typeof TPM_SU = 'CLEAR'): Promise<void> {
    await this.#run('Shutdown', [], (writer) => writer.u16(TPM_SU[type]));
  }

  /** `length` random bytes; the TPM is asked as often as needed. */
  async getRandom(length: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    let missing = length;
    while (missing > 0) {
      const { parameters } = await this.#run('GetRandom', [], (writer) => writer.u16(Math.min(missing, 32)));
      const part = new TpmReader(parameters).sized(MAX_BYTES);
      if (part.length === 0) throw new TpmError(TPM_RC.FAILURE, 'TPM2_GetRandom');
      parts.push(part);
      missing -= part.length;
    }
    return Buffer.concat(parts, length);
  }

  /** Makes a primary object; flush it when done. */
  async createPrimary(
    hierarchy: HierarchyName,
    template: TpmtPublic,
    options: { readonly userAuth?: Buffer; readonly hierarchyAuth?: Buffer } = {},
  ): Promise<TpmKey> {
    const { handle = 0, parameters } = await this.#run(
      'CreatePrimary',
      [TPM_RH[hierarchy]],
      (writer) => {
        writeSensitiveCreate(writer, { userAuth: options.userAuth ?? NOTHING, data: NOTHING });
        writeCreationInput(writer, template);
      },
      [password(options.hierarchyAuth)],
    );
    const reader = new TpmReader(parameters);
    const publicArea = readTpm2bPublic(reader);
    reader.sized(MAX_BYTES);
    reader.sized(MAX_BYTES);
    readTicket(reader);
    return { handle, publicArea, name: reader.sized(MAX_NAME_BYTES) };
  }

  /** Makes the endorsement key from its standard template; flush it when done. */
  createPrimaryEk(algorithm: EkAlgorithm): Promise<TpmKey> {
    return this.createPrimary('ENDORSEMENT', ENDORSEMENT_KEYS[algorithm].template);
  }

  /** The endorsement key at its persistent handle, made there if it is missing. */
  async ensureEk(algorithm: EkAlgorithm): Promise<TpmKey> {
    const { handle } = ENDORSEMENT_KEYS[algorithm];
    try {
      const { publicArea, name } = await this.readPublic(handle);
      return { handle, publicArea, name };
    } catch (error) {
      if (!(error instanceof TpmError)) throw error;
    }
    const made = await this.createPrimaryEk(algorithm);
    await this.evictControl('OWNER', made.handle, handle);
    await this.flush(made.handle);
    return { ...made, handle };
  }

  /** The certificate of an endorsement key (DER) from NV memory; undefined if the TPM has none. */
  async ekCertificate(algorithm: EkAlgorithm): Promise<Buffer | undefined> {
    const index = ENDORSEMENT_KEYS[algorithm].certificateNvIndex;
    try {
      await this.nvReadPublic(index);
    } catch (error) {
      if (error instanceof TpmError && error.code === 'tpm_handle') return undefined;
      throw error;
    }
    return this.nvRead(index);
  }

  /**
   * Makes an attestation key: a primary object of the endorsement hierarchy, so that its quotes carry undisguised counters
   * and the same TPM makes the same key again after a reboot. Flush it when done.
   *
   * @param options.unique makes another key than the default one, at most 32 bytes
   * @param options.template instead of the standard one
   */
  createAk(
    options: {
      readonly algorithm?: AkAlgorithm;
      readonly unique?: Buffer;
      readonly template?: TpmtPublic;
    } = {},
  ): Promise<TpmKey> {
    const template = options.template ?? AK_TEMPLATES[options.algorithm ?? 'p256-ecdsa-sha256'];
    return this.createPrimary('ENDORSEMENT', withUnique(template, options.unique));
  }

  /** Makes an object under a storage key; both parts are returned and it must be loaded before use. */
  async create(
    parent: number,
    template: TpmtPublic,
    options: { readonly userAuth?: Buffer; readonly data?: Buffer; readonly parentAuth?: Buffer } = {},
  ): Promise<{ readonly privateBlob: Buffer; readonly publicArea: TpmtPublic }> {
    const { parameters } = await this.#run(
      'Create',
      [parent],
      (writer) => {
        writeSensitiveCreate(writer, {
          userAuth: options.userAuth ?? NOTHING,
          data: options.data ?? NOTHING,
        });
        writeCreationInput(writer, template);
      },
      [password(options.parentAuth)],
    );
    const reader = new TpmReader(parameters);
    return { privateBlob: reader.sized(MAX_BYTES), publicArea: readTpm2bPublic(reader) };
  }

  /** Loads an object that `create` made. */
  async load(
    parent: number,
    object: { readonly privateBlob: Buffer; readonly publicArea: TpmtPublic },
    parentAuth?: Buffer,
  ): Promise<TpmKey> {
    const { handle = 0, parameters } = await this.#run(
      'Load',
      [parent],
      (writer) => {
        writer.sized(object.privateBlob).sizedStructure((inner) => {
          writeTpmtPublic(inner, object.publicArea);
        });
      },
      [password(parentAuth)],
    );
    const name = new TpmReader(parameters).sized(MAX_NAME_BYTES);
    return { handle, publicArea: object.publicArea, name };
  }

  async readPublic(
    handle: number,
  ): Promise<{ readonly publicArea: TpmtPublic; readonly name: Buffer; readonly qualifiedName: Buffer }> {
    const { parameters } = await this.#run('ReadPublic', [handle]);
    const reader = new TpmReader(parameters);
    return {
      publicArea: readTpm2bPublic(reader),
      name: reader.sized(MAX_NAME_BYTES),
      qualifiedName: reader.sized(MAX_NAME_BYTES),
    };
  }

  /** Makes a transient object persistent, or (both handles equal) a persistent one go. */
  async evictControl(
    hierarchy: 'OWNER' | 'PLATFORM',
    handle: number,
    persistentHandle: number,
  ): Promise<void> {
    await this.#run('EvictControl', [TPM_RH[hierarchy], handle], (writer) => writer.u32(persistentHandle), [
      password(),
    ]);
  }

  /** Frees a transient object or a session. */
  async flush(handle: number): Promise<void> {
    await this.#run('FlushContext', [], (writer) => writer.u32(handle));
  }

  /** The values of the selected PCRs; the TPM gives eight at a time, and none of a bank that it does not have. */
  async pcrRead(selections: readonly PcrSelection[]): Promise<Map<HashAlgorithm, Map<number, Buffer>>> {
    const values = new Map<HashAlgorithm, Map<number, Buffer>>();
    for (const { hashAlg, pcrs } of selections) {
      const bank = values.get(hashAlg) ?? new Map<number, Buffer>();
      values.set(hashAlg, bank);
      for (let at = 0; at < pcrs.length;) {
        const wanted = [{ hashAlg, pcrs: pcrs.slice(at, at + 8) }];
        const { parameters } = await this.#run('PCR_Read', [], (writer) => {
          writePcrSelections(writer, wanted);
        });
        const reader = new TpmReader(parameters);
        reader.u32();
        const read = readPcrSelections(reader).flatMap((selection) => selection.pcrs);
        const digests = readDigests(reader);
        if (read.length === 0) break;
        read.forEach((pcr, index) => bank.set(pcr, digests[index] ?? NOTHING));
        at += read.length;
      }
    }
    return values;
  }

  /** Extends one PCR in every bank for which there is a digest. */
  async pcrExtend(pcr: number, digests: DigestValues): Promise<void> {
    const write = (writer: TpmWriter): void => {
      writeDigestValues(writer, digests);
    };
    await this.#run('PCR_Extend', [pcr], write, [password()]);
  }

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
    const { parameters } = await this.#run(name, handles, write, sessions);
    const reader = new TpmReader(parameters);
    return { attest: reader.sized(MAX_ATTEST_BYTES), signature: reader.rest() };
  }

  /** Hashes data in the TPM; the ticket lets a restricted key sign the digest. */
  async hash(
    data: Buffer,
    hashAlg: HashAlgorithm,
    hierarchy: HierarchyName = 'ENDORSEMENT',
  ): Promise<{ readonly digest: Buffer; readonly ticket: Ticket }> {
    const { parameters } = await this.#run('Hash', [], (writer) => {
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
    const { parameters } = await this.#run(
      'Sign',
      [key],
      (writer) => {
        writer.sized(digest);
        writeSigningScheme(writer, options.scheme);
        writeTicket(writer, options.ticket ?? { tag: 0x8024, hierarchy: TPM_RH.NULL, digest: NOTHING });
      },
      [password()],
    );
    return parameters;
  }

  /** Starts an unsalted, unbound policy session; flush it when done. */
  async startPolicySession(hashAlg: HashAlgorithm = 'SHA256'): Promise<number> {
    const { handle = 0 } = await this.#run('StartAuthSession', [TPM_RH.NULL, TPM_RH.NULL], (writer) => {
      writer.sized(randomBytes(NONCE_BYTES)).sized(NOTHING).u8(TPM_SE.POLICY);
      writeSymmetric(writer, undefined);
      writeHashAlgorithm(writer, hashAlg);
    });
    return handle;
  }

  /** Satisfies PolicySecret with the authorization value of a hierarchy. */
  async policySecret(session: number, hierarchy: HierarchyName, hierarchyAuth?: Buffer): Promise<void> {
    await this.#run(
      'PolicySecret',
      [TPM_RH[hierarchy], session],
      (writer) => writer.sized(NOTHING).sized(NOTHING).sized(NOTHING).u32(0),
      [password(hierarchyAuth)],
    );
  }

  /**
   * Opens a credential that was made for the endorsement key `ek` and the name of `ak`.
   *
   * @throws TpmError TPM_RC_INTEGRITY or TPM_RC_VALUE if it was made for others
   */
  async activateCredential(
    request: Credential & { readonly ak: number; readonly ek: number },
  ): Promise<Buffer> {
    const session = await this.startPolicySession();
    try {
      await this.policySecret(session, 'ENDORSEMENT');
      const byPolicy = { sessionHandle: session, nonce: NOTHING, attributes: 1, hmac: NOTHING };
      const { parameters } = await this.#run(
        'ActivateCredential',
        [request.ak, request.ek],
        (writer) => writer.sized(request.idObject).sized(request.encryptedSecret),
        [password(), byPolicy],
      );
      return new TpmReader(parameters).sized(MAX_DATA_BYTES);
    } finally {
      await this.flush(session);
    }
  }

  async nvReadPublic(index: number): Promise<NvPublic> {
    const { parameters } = await this.#run('NV_ReadPublic', [index]);
    return readNvPublic(new TpmReader(parameters));
  }

  /** The whole content of an NV index, read with the authorization of the index itself. */
  async nvRead(index: number): Promise<Buffer> {
    const { dataBytes } = await this.nvReadPublic(index);
    const parts: Buffer[] = [];
    for (let offset = 0; offset < dataBytes; offset += NV_CHUNK_BYTES) {
      const size = Math.min(NV_CHUNK_BYTES, dataBytes - offset);
      const { parameters } = await this.#run(
        'NV_Read',
        [index, index],
        (writer) => writer.u16(size).u16(offset),
        [password()],
      );
      parts.push(new TpmReader(parameters).sized(MAX_BYTES));
    }
    return Buffer.concat(parts);
  }

  /** Defines an NV index and writes it, both as `hierarchy`. */
  async nvStore(
    hierarchy: 'OWNER' | 'PLATFORM',
    index: number,
    attributes: number,
    data: Buffer,
  ): Promise<void> {
    const platform = hierarchy === 'PLATFORM' ? TPMA_NV.PLATFORMCREATE : 0;
    const publicArea: NvPublic = {
      nvIndex: index,
      nameAlg: 'SHA256',
      attributes: (attributes | platform) >>> 0,
      authPolicy: NOTHING,
      dataBytes: data.length,
    };
    await this.#run(
      'NV_DefineSpace',
      [TPM_RH[hierarchy]],
      (writer) => {
        writer.sized(NOTHING);
        writeNvPublic(writer, publicArea);
      },
      [password()],
    );
    for (let offset = 0; offset < data.length; offset += NV_CHUNK_BYTES) {
      const chunk = data.subarray(offset, offset + NV_CHUNK_BYTES);
      await this.#run('NV_Write', [TPM_RH[hierarchy], index], (writer) => writer.sized(chunk).u16(offset), [
        password(),
      ]);
    }
  }

  async nvUndefine(hierarchy: 'OWNER' | 'PLATFORM', index: number): Promise<void> {
    await this.#run('NV_UndefineSpace', [TPM_RH[hierarchy], index], undefined, [password()]);
  }

  /** Milliseconds since power on, and the clock. */
  async readClock(): Promise<{ readonly timeMs: bigint; readonly clockInfo: ClockInfo }> {
    const { parameters } = await this.#run('ReadClock', []);
    const reader = new TpmReader(parameters);
    return { timeMs: reader.u64(), clockInfo: readClockInfo(reader) };
  }

  /** PCR banks that the TPM has. */
  async pcrBanks(): Promise<HashAlgorithm[]> {
    const { parameters } = await this.#run('GetCapability', [], (writer) => writer.u32(5).u32(0).u32(1));
    const reader = new TpmReader(parameters);
    reader.yesNo();
    reader.u32();
    return readPcrSelections(reader)
      .filter(({ pcrs }) => pcrs.length > 0)
      .map(({ hashAlg }) => hashAlg);
  }

  /** Closes the transport. */
  close(): Promise<void> {
    return this.#transport.close();
  }

  async #run(
    name: CommandName,
    handles: readonly number[],
    write?: (writer: TpmWriter) => unknown,
    sessions: readonly AuthCommand[] = [],
  ): Promise<TpmResponseFrame> {
    const parameters = write === undefined ? NOTHING : encodeWhole(write);
    const command = encodeCommand({ name, handles, sessions, parameters });
    for (let attempt = 1; ; attempt += 1) {
      const response = decodeResponse(name, await this.#transport.transmit(command));
      if (response.rc === TPM_RC.SUCCESS) return response;
      if (attempt === MOST_RETRIES || !RETRY_CODES.includes(response.rc)) {
        throw new TpmError(response.rc, `TPM2_${name}`);
      }
    }
  }
}

/** A password authorization; the empty password without argument. */
function password(value: Buffer = NOTHING): AuthCommand {
  return { sessionHandle: TPM_RH.PW, nonce: NOTHING, attributes: 0, hmac: value };
}

function writeCreationInput(writer: TpmWriter, template: TpmtPublic): void {
  writer
    .sizedStructure((inner) => {
      writeTpmtPublic(inner, template);
    })
    .sized(NOTHING);
  writePcrSelections(writer, []);
}

function withUnique(template: TpmtPublic, unique: Buffer | undefined): TpmtPublic {
  if (unique === undefined) return template;
  if (unique.length > HASH_ALGORITHMS.SHA256.digestBytes) throw new TpmError(TPM_RC.SIZE, 'unique');
  return template.type === 'ECC'
    ? { ...template, unique: { x: unique, y: NOTHING } }
    : { ...template, unique };
}
