import { createCipheriv, createDecipheriv } from 'node:crypto';
import { VmotionError } from './errors.js';

/** First bytes of a migration stream. */
export const STREAM_MAGIC = Buffer.from('KPVM', 'latin1');

/** Version of the stream. */
export const STREAM_VERSION = 1;

/** Bytes of a stream header: magic, u16 version, u16 flags, 16 bytes migration id. All numbers are big-endian. */
export const STREAM_HEADER_BYTES = 24;

/** Bytes of a frame header: u32 length of payload, u32 counter, u8 section type, u8 flags, u16 section index, u64 offset. */
export const FRAME_HEADER_BYTES = 20;

/** Bytes of the GCM tag after the payload of an encrypted frame. */
export const FRAME_TAG_BYTES = 16;

/** Largest payload, in bytes. */
export const FRAME_MAX_PAYLOAD_BYTES = 1024 * 1024;

/** Bytes of a one-time key and of the nonce that goes with it. */
export const ONE_TIME_KEY_BYTES = 32;
/** Bytes of the nonce in a migration spec; with the 32-bit counter it makes the 96-bit IV of a frame. */
export const NONCE_BYTES = 8;

const STREAM_FLAG_ENCRYPTED = 1;
const CIPHER = 'aes-256-gcm';

/** What a frame carries. Sections below 0x80 go from source to destination, the others back. */
export const SECTION_TYPES = {
  /** JSON: what the stream is going to carry. */
  manifest: 0x01,
  /** The `.vmx` file. */
  config: 0x02,
  /** The `.nvram` file as it is at rest. */
  nvram: 0x03,
  /** The file of a suspended VM's state as it is at rest. */
  suspendState: 0x04,
  /** Descriptor of disk n. */
  diskDescriptor: 0x05,
  /** Data of disk n as it is at rest. */
  diskData: 0x06,
  /** Guest memory. */
  memory: 0x07,
  /** SHA-256 (32 bytes) over header and plaintext of every frame before. */
  final: 0x7f,
  /** Everything has arrived and is durable: the digest again. */
  received: 0x81,
  /** JSON {code, message}: the destination gives up. */
  failed: 0x82,
} as const satisfies Record<string, number>;

/** Name of a section type. */
export type SectionType = keyof typeof SECTION_TYPES;

/** Flag bits of a frame. */
export const FRAME_FLAGS = {
  /** The payload is a u64: that many zero bytes stand at the offset. */
  zeros: 0x01,
} as const;

/** Direction of a stream; each has its own half of the counter's range, so that no IV is used twice. */
export type Direction = 'toDestination' | 'toSource';

const FIRST_COUNTER = { toDestination: 0, toSource: 0x8000_0000 } as const satisfies Record<
  Direction,
  number
>;
const COUNTERS_PER_DIRECTION = 0x8000_0000;

const NAME_OF_TYPE = new Map<number, SectionType>(
  Object.entries(SECTION_TYPES).map(([name, value]) => [value, name as SectionType]),
);

/** Start of a stream: which migration it is, and whether its frames are encrypted. */
export interface StreamHeader {
  /** UUID. */
  migrationId: string;
  encrypted: boolean;
}

/** Key and nonce of one migration, both thrown away at its end. */
export interface OneTimeKey {
  /** 32 bytes. */
  key: Buffer;
  /** 8 bytes. */
  nonce: Buffer;
}

/** A frame without its payload. */
export interface FrameHeader {
  payloadBytes: number;
  counter: number;
  type: SectionType;
  flags: number;
  /** Number of the disk, else 0. */
  index: number;
  /** Where the payload belongs in its section, in bytes. */
  offsetBytes: number;
}

/** Writes a stream header. */
export function encodeStreamHeader({ migrationId, encrypted }: StreamHeader): Buffer {
  const header = Buffer.alloc(STREAM_HEADER_BYTES);
  STREAM_MAGIC.copy(header);
  header.writeUInt16BE(STREAM_VERSION, 4);
  header.writeUInt16BE(encrypted ? STREAM_FLAG_ENCRYPTED : 0, 6);
  header.write(migrationId.replaceAll('-', ''), 8, 16, 'hex');
  return header;
}

/** Reads a stream header. @throws {VmotionError} `stream_invalid` */
export function decodeStreamHeader(bytes: Buffer): StreamHeader {
  if (bytes.length !== STREAM_HEADER_BYTES || !bytes.subarray(0, 4).equals(STREAM_MAGIC)) {
    throw new VmotionError('stream_invalid', 'this is not a migration stream');
  }
  const [version, flags] = [bytes.readUInt16BE(4), bytes.readUInt16BE(6)];
  if (version !== STREAM_VERSION || (flags & ~STREAM_FLAG_ENCRYPTED) !== 0) {
    throw new VmotionError('stream_invalid', `version ${version} of the migration stream is not known`);
  }
  const hex = bytes.toString('hex', 8);
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)];
  return { migrationId: parts.join('-'), encrypted: flags === STREAM_FLAG_ENCRYPTED };
}

/** Reads a frame header. @throws {VmotionError} `stream_invalid` for unknown sections and lengths out of bounds */
export function decodeFrameHeader(bytes: Buffer): FrameHeader {
  const payloadBytes = bytes.readUInt32BE(0);
  if (payloadBytes > FRAME_MAX_PAYLOAD_BYTES) {
    throw new VmotionError('stream_invalid', `a frame carries at most ${FRAME_MAX_PAYLOAD_BYTES} bytes`);
  }
  const type = NAME_OF_TYPE.get(bytes.readUInt8(8));
  const flags = bytes.readUInt8(9);
  const offsetBytes = bytes.readBigUInt64BE(12);
  if (
    type === undefined ||
    (flags & ~FRAME_FLAGS.zeros) !== 0 ||
    offsetBytes > BigInt(Number.MAX_SAFE_INTEGER)
  ) {
    throw new VmotionError(
      'stream_invalid',
      'a frame has an unknown section, flag or an offset out of range',
    );
  }
  return {
    payloadBytes,
    counter: bytes.readUInt32BE(4),
    type,
    flags,
    index: bytes.readUInt16BE(10),
    offsetBytes: Number(offsetBytes),
  };
}

/** What a frame is, as its sender says it; length and counter are the sealer's to know. */
export type FrameContent = Pick<FrameHeader, 'type'> &
  Partial<Pick<FrameHeader, 'flags' | 'index' | 'offsetBytes'>>;

/** Pieces of one frame in the order in which they go out. */
export interface SealedFrame {
  header: Buffer;
  payload: Buffer;
  /** Empty in a plain stream. */
  tag: Buffer;
}

/**
 * Makes the frames of one direction of one stream. IV = nonce ‖ counter; additional data = stream header ‖ frame
 * header. Without a key the frames are plain.
 */
export class FrameSealer {
  readonly #streamHeader: Buffer;
  readonly #secret: OneTimeKey | undefined;
  readonly #first: number;
  #sent = 0;

  constructor(streamHeader: StreamHeader, secret: OneTimeKey | undefined, direction: Direction) {
    this.#streamHeader = encodeStreamHeader(streamHeader);
    this.#secret = requireSecret(streamHeader, secret);
    this.#first = FIRST_COUNTER[direction];
  }

  /**
   * Seals one frame. The payload of a plain frame is not copied: it must not change until it has gone out.
   * @throws {VmotionError} `stream_invalid` if the payload is too long or the counter is used up
   */
  seal({ type, flags = 0, index = 0, offsetBytes = 0 }: FrameContent, payload: Buffer): SealedFrame {
    if (payload.length > FRAME_MAX_PAYLOAD_BYTES || this.#sent >= COUNTERS_PER_DIRECTION) {
      throw new VmotionError('stream_invalid', 'frame too long, or more frames than one key may protect');
    }
    const header = Buffer.alloc(FRAME_HEADER_BYTES);
    const counter = this.#first + this.#sent;
    this.#sent += 1;
    header.writeUInt32BE(payload.length, 0);
    header.writeUInt32BE(counter, 4);
    header.writeUInt8(SECTION_TYPES[type], 8);
    header.writeUInt8(flags, 9);
    header.writeUInt16BE(index, 10);
    header.writeBigUInt64BE(BigInt(offsetBytes), 12);
    if (!this.#secret) return { header, payload, tag: Buffer.alloc(0) };
    const cipher = createCipheriv(CIPHER, this.#secret.key, ivOf(this.#secret, counter));
    cipher.setAAD(Buffer.concat([this.#streamHeader, header]));
    const sealed = cipher.update(payload);
    cipher.final();
    return { header, payload: sealed, tag: cipher.getAuthTag() };
  }
}

/** Opens the frames of one direction of one stream, each counter once and in order. */
export class FrameOpener {
  readonly #streamHeader: Buffer;
  readonly #secret: OneTimeKey | undefined;
  #next: number;

  constructor(streamHeader: StreamHeader, secret: OneTimeKey | undefined, direction: Direction) {
    this.#streamHeader = encodeStreamHeader(streamHeader);
    this.#secret = requireSecret(streamHeader, secret);
    this.#next = FIRST_COUNTER[direction];
  }

  /** Bytes that follow a payload. */
  get tagBytes(): number {
    return this.#secret ? FRAME_TAG_BYTES : 0;
  }

  /**
   * Opens one frame.
   * @param header its 20 bytes
   * @param sealed payload ‖ tag
   * @returns what it carries; in a plain stream a view of `sealed`
   * @throws {VmotionError} `frame_out_of_order`, `frame_forged`, `stream_invalid`
   */
  open(header: Buffer, sealed: Buffer): { header: FrameHeader; payload: Buffer } {
    const decoded = decodeFrameHeader(header);
    if (sealed.length !== decoded.payloadBytes + this.tagBytes) {
      throw new VmotionError('stream_invalid', 'a frame has not the length that its header says');
    }
    if (decoded.counter !== this.#next) {
      throw new VmotionError(
        'frame_out_of_order',
        `frame ${decoded.counter} came where frame ${this.#next} must come: a frame was repeated, lost or moved`,
      );
    }
    const payload = this.#secret ? this.#decrypt(this.#secret, decoded, header, sealed) : sealed;
    this.#next += 1;
    return { header: decoded, payload };
  }

  #decrypt(
    secret: OneTimeKey,
    { counter, payloadBytes }: FrameHeader,
    header: Buffer,
    sealed: Buffer,
  ): Buffer {
    const decipher = createDecipheriv(CIPHER, secret.key, ivOf(secret, counter));
    decipher.setAAD(Buffer.concat([this.#streamHeader, header]));
    decipher.setAuthTag(sealed.subarray(payloadBytes));
    const payload = decipher.update(sealed.subarray(0, payloadBytes));
    try {
      decipher.final();
    } catch (cause) {
      payload.fill(0);
      throw new VmotionError(
        'frame_forged',
        `frame ${counter} does not authenticate: wrong key, or changed on its way`,
        {
          cause,
        },
      );
    }
    return payload;
  }
}

function ivOf({ nonce }: OneTimeKey, counter: number): Buffer {
  const iv = Buffer.alloc(NONCE_BYTES + 4);
  nonce.copy(iv);
  iv.writeUInt32BE(counter, NONCE_BYTES);
  return iv;
}

function requireSecret({ encrypted }: StreamHeader, secret: OneTimeKey | undefined): OneTimeKey | undefined {
  if (!encrypted) return undefined;
  if (secret?.key.length === ONE_TIME_KEY_BYTES && secret.nonce.length === NONCE_BYTES) return secret;
  throw new VmotionError(
    'spec_invalid',
    'an encrypted migration needs a key of 32 bytes and a nonce of 8 bytes',
  );
}
