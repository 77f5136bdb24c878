import {
  TPMA_NV,
  TPM_RC,
  TPM_RH,
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
  writeDigestValues,
  writeNvPublic,
  writePcrSelections,
} from '../../wire/tpm2/index.js';
import type {
  AuthCommand,
  ClockInfo,
  CommandName,
  DigestValues,
  HashAlgorithm,
  NvPublic,
  PcrSelection,
  TpmResponseFrame,
  TpmWriter,
} from '../../wire/tpm2/index.js';
import type { TpmTransport } from './transport.js';

const NOTHING = Buffer.alloc(0);
const MAX_BYTES = 4096;
const NV_CHUNK_BYTES = 512;
/** A TPM that is busy with its NV memory asks to send the command again. */
const MOST_RETRIES = 5;
const RETRY_CODES: readonly number[] = [TPM_RC.RETRY, TPM_RC.YIELDED, TPM_RC.NV_RATE, TPM_RC.TESTING];

/** Commands of a TPM that do not use its keys: starting, PCRs, NV memory, clock. */
export class TpmPlatformClient {
  readonly #transport: TpmTransport;

  constructor(transport: TpmTransport) {
    this.#transport = transport;
  }

  /** Starts the TPM after power on. @throws TpmError TPM_RC_INITIALIZE if it is started already */
  async startup(type: keyof typeof TPM_SU = 'CLEAR'): Promise<void> {
    await this.run('Startup', [], (writer) => writer.u16(TPM_SU[type]));
  }

  /** Says that power will be lost. */
  async shutdown(type: keyof typeof TPM_SU = 'CLEAR'): Promise<void> {
    await this.run('Shutdown', [], (writer) => writer.u16(TPM_SU[type]));
  }

  /** `length` random bytes; the TPM is asked as often as needed. */
  async getRandom(length: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    let missing = length;
    while (missing > 0) {
      const { parameters } = await this.run('GetRandom', [], (writer) => writer.u16(Math.min(missing, 32)));
      const part = new TpmReader(parameters).sized(MAX_BYTES);
      if (part.length === 0) throw new TpmError(TPM_RC.FAILURE, 'TPM2_GetRandom');
      parts.push(part);
      missing -= part.length;
    }
    return Buffer.concat(parts, length);
  }

  /** The values of the selected PCRs; the TPM gives eight at a time, and none of a bank that it does not have. */
  async pcrRead(selections: readonly PcrSelection[]): Promise<Map<HashAlgorithm, Map<number, Buffer>>> {
    const values = new Map<HashAlgorithm, Map<number, Buffer>>();
    for (const { hashAlg, pcrs } of selections) {
      const bank = values.get(hashAlg) ?? new Map<number, Buffer>();
      values.set(hashAlg, bank);
      for (let at = 0; at < pcrs.length;) {
        const wanted = [{ hashAlg, pcrs: pcrs.slice(at, at + 8) }];
        const { parameters } = await this.run('PCR_Read', [], (writer) => {
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
    await this.run('PCR_Extend', [pcr], write, [password()]);
  }

  async nvReadPublic(index: number): Promise<NvPublic> {
    const { parameters } = await this.run('NV_ReadPublic', [index]);
    return readNvPublic(new TpmReader(parameters));
  }

  /** The whole content of an NV index, read with the authorization of the index itself. */
  async nvRead(index: number): Promise<Buffer> {
    const { dataBytes } = await this.nvReadPublic(index);
    return this.nvReadBytes(index, dataBytes);
  }

  /** The first bytes of an NV index, read with the authorization of the index itself. */
  protected async nvReadBytes(index: number, dataBytes: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let offset = 0; offset < dataBytes; offset += NV_CHUNK_BYTES) {
      const size = Math.min(NV_CHUNK_BYTES, dataBytes - offset);
      const { parameters } = await this.run(
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
    await this.run(
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
      await this.run('NV_Write', [TPM_RH[hierarchy], index], (writer) => writer.sized(chunk).u16(offset), [
        password(),
      ]);
    }
  }

  async nvUndefine(hierarchy: 'OWNER' | 'PLATFORM', index: number): Promise<void> {
    await this.run('NV_UndefineSpace', [TPM_RH[hierarchy], index], undefined, [password()]);
  }

  /** Milliseconds since power on, and the clock. */
  async readClock(): Promise<{ readonly timeMs: bigint; readonly clockInfo: ClockInfo }> {
    const { parameters } = await this.run('ReadClock', []);
    const reader = new TpmReader(parameters);
    return { timeMs: reader.u64(), clockInfo: readClockInfo(reader) };
  }

  /** PCR banks that the TPM has. */
  async pcrBanks(): Promise<HashAlgorithm[]> {
    const { parameters } = await this.run('GetCapability', [], (writer) => writer.u32(5).u32(0).u32(1));
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

  protected async run(
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
export function password(value: Buffer = NOTHING): AuthCommand {
  return { sessionHandle: TPM_RH.PW, nonce: NOTHING, attributes: 0, hmac: value };
}
