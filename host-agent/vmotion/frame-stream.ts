import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import type { Socket } from 'node:net';
import {
  decodeFrameHeader,
  decodeStreamHeader,
  encodeStreamHeader,
  FRAME_HEADER_BYTES,
  FrameOpener,
  FrameSealer,
  STREAM_HEADER_BYTES,
  VmotionError,
} from '../../wire/vmotion/index.js';
import type {
  Direction,
  FrameContent,
  FrameHeader,
  OneTimeKey,
  StreamHeader,
} from '../../wire/vmotion/index.js';

/** Guards a socket of a migration: silence and failures end it, with an error that says which it was. */
export function guardSocket(socket: Socket, idleTimeoutMs: number): void {
  socket.setNoDelay(true);
  socket.setTimeout(idleTimeoutMs, () => {
    socket.destroy(new VmotionError('peer_unreachable', `the other host was silent for ${idleTimeoutMs} ms`));
  });
  // Reads and writes under way report the failure; without a listener it would end the process.
  socket.on('error', () => undefined);
}

/** Writes the frames of one direction to a socket, and sums up what it wrote. */
export class FrameWriter {
  readonly #socket: Socket;
  readonly #sealer: FrameSealer;
  readonly #hash: Hash = createHash('sha256');
  #bytes = 0;

  constructor(socket: Socket, header: StreamHeader, secret: OneTimeKey | undefined, direction: Direction) {
    this.#socket = socket;
    this.#sealer = new FrameSealer(header, secret, direction);
  }

  /** Bytes written so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Writes the stream header, which comes before all frames of its sender. */
  writeStreamHeader(header: StreamHeader): Promise<void> {
    return this.#write(encodeStreamHeader(header));
  }

  /**
   * Sends one frame. Its payload must not change until the promise resolves, which is when the operating system has
   * taken it: that is the backpressure.
   */
  send(content: FrameContent, payload: Buffer): Promise<void> {
    const frame = this.#sealer.seal(content, payload);
    this.#hash.update(frame.header).update(payload);
    return this.#write(frame.header, frame.payload, frame.tag);
  }

  /** SHA-256 over header and plaintext of every frame so far. */
  digest(): Buffer {
    return this.#hash.copy().digest();
  }

  #write(...pieces: Buffer[]): Promise<void> {
    const socket = this.#socket;
    return new Promise((resolve, reject) => {
      socket.cork();
      for (const [index, piece] of pieces.entries()) {
        this.#bytes += piece.length;
        if (index < pieces.length - 1) socket.write(piece);
        else
          socket.write(piece, (error) => (error ? reject(unreachable(socket.errored ?? error)) : resolve()));
      }
      socket.uncork();
    });
  }
}

/** A frame that was read and authenticated. */
export interface ReadFrame {
  header: FrameHeader;
  payload: Buffer;
  /** Of a `final` frame: SHA-256 over header and plaintext of every frame before it. */
  digestBefore: Buffer | undefined;
}

/** Reads the frames of one direction from a socket; at most one frame is held at a time. */
export class FrameReader {
  readonly #socket: Socket;
  readonly #hash: Hash = createHash('sha256');
  #opener: FrameOpener | undefined;
  #wake: (() => void) | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    // One listener for good: adding one while bytes wait would call it at once, again and again, until the rest arrives.
    const wake = (): void => this.#wake?.();
    socket.on('readable', wake).on('end', wake).on('close', wake);
  }

  /** Reads the stream header. @throws {VmotionError} `stream_invalid`, `stream_truncated` */
  async readStreamHeader(): Promise<StreamHeader> {
    return decodeStreamHeader(await this.#read(STREAM_HEADER_BYTES));
  }

  /** Says what the frames that follow are protected with. */
  expect(header: StreamHeader, secret: OneTimeKey | undefined, direction: Direction): void {
    this.#opener = new FrameOpener(header, secret, direction);
  }

  /**
   * The next frame.
   * @throws {VmotionError} `stream_truncated`, `stream_invalid`, `frame_forged`, `frame_out_of_order`
   */
  async read(): Promise<ReadFrame> {
    if (!this.#opener) throw new VmotionError('stream_invalid', 'the stream has no header');
    const headerBytes = await this.#read(FRAME_HEADER_BYTES);
    const { payloadBytes, type } = decodeFrameHeader(headerBytes);
    const sealedBytes = payloadBytes + this.#opener.tagBytes;
    const sealed = sealedBytes === 0 ? Buffer.alloc(0) : await this.#read(sealedBytes);
    const frame = this.#opener.open(headerBytes, sealed);
    const digestBefore = type === 'final' ? this.#hash.copy().digest() : undefined;
    this.#hash.update(headerBytes).update(frame.payload);
    return { ...frame, digestBefore };
  }

  async #read(bytes: number): Promise<Buffer> {
    for (;;) {
      const chunk = this.#socket.read(bytes) as Buffer | null;
      if (chunk?.length === bytes) return chunk;
      if (chunk !== null || this.#socket.readableEnded || this.#socket.destroyed) {
        throw this.#socket.errored instanceof VmotionError
          ? this.#socket.errored
          : new VmotionError('stream_truncated', 'the stream ended before its final frame', {
              cause: this.#socket.errored ?? undefined,
            });
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

function unreachable(cause: Error): VmotionError {
  if (cause instanceof VmotionError) return cause;
  return new VmotionError('peer_unreachable', 'the connection to the other host failed', { cause });
}
