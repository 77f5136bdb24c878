import { randomKeyBytes } from '../../core/secret.js';
import {
  AK_TEMPLATES,
  ENDORSEMENT_KEYS,
  HASH_ALGORITHMS,
  MAX_DATA_BYTES,
  MAX_NAME_BYTES,
  TPM_RC,
  TPM_RH,
  TPM_SE,
  TpmError,
  TpmReader,
  readTicket,
  readTpm2bPublic,
  writeHashAlgorithm,
  writePcrSelections,
  writeSensitiveCreate,
  writeSymmetric,
  writeTpmtPublic,
} from '../../wire/tpm2/index.js';
import type {
  AkAlgorithm,
  Credential,
  EkAlgorithm,
  HashAlgorithm,
  TpmWriter,
  TpmtPublic,
} from '../../wire/tpm2/index.js';
import { password } from './tpm-platform-client.js';
import { TpmSigningClient } from './tpm-signing-client.js';
import type { HierarchyName } from './tpm-signing-client.js';

export type { HierarchyName, SignedAttest } from './tpm-signing-client.js';

/** A key or data object in the TPM: its handle, its public area, its name. */
export interface TpmKey {
  readonly handle: number;
  readonly publicArea: TpmtPublic;
  readonly name: Buffer;
}

const NOTHING = Buffer.alloc(0);
const MAX_BYTES = 4096;
const NONCE_BYTES = 16;

/**
 * Typed commands over any TPM transport.
 *
 * Every method throws `TpmError` with the response code if the TPM refuses, and whatever the transport throws.
 */
export class TpmClient extends TpmSigningClient {
  /** Makes a primary object; flush it when done. */
  async createPrimary(
    hierarchy: HierarchyName,
    template: TpmtPublic,
    options: { readonly userAuth?: Buffer; readonly hierarchyAuth?: Buffer } = {},
  ): Promise<TpmKey> {
    const { handle = 0, parameters } = await this.run(
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
    let dataBytes: number;
    try {
      ({ dataBytes } = await this.nvReadPublic(index));
    } catch (error) {
      if (error instanceof TpmError && error.code === 'tpm_handle') return undefined;
      throw error;
    }
    return this.nvReadBytes(index, dataBytes);
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
    const { parameters } = await this.run(
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
    const { handle = 0, parameters } = await this.run(
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
    const { parameters } = await this.run('ReadPublic', [handle]);
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
    await this.run('EvictControl', [TPM_RH[hierarchy], handle], (writer) => writer.u32(persistentHandle), [
      password(),
    ]);
  }

  /** Frees a transient object or a session. */
  async flush(handle: number): Promise<void> {
    await this.run('FlushContext', [], (writer) => writer.u32(handle));
  }

  /** Starts an unsalted, unbound policy session; flush it when done. */
  async startPolicySession(hashAlg: HashAlgorithm = 'SHA256'): Promise<number> {
    const { handle = 0 } = await this.run('StartAuthSession', [TPM_RH.NULL, TPM_RH.NULL], (writer) => {
      writer.sized(randomKeyBytes(NONCE_BYTES)).sized(NOTHING).u8(TPM_SE.POLICY);
      writeSymmetric(writer, undefined);
      writeHashAlgorithm(writer, hashAlg);
    });
    return handle;
  }

  /** Satisfies PolicySecret with the authorization value of a hierarchy. */
  async policySecret(session: number, hierarchy: HierarchyName, hierarchyAuth?: Buffer): Promise<void> {
    await this.run(
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
      const { parameters } = await this.run(
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
