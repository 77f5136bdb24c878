/** Size of the buffers that messages are begun in; most messages fit. */
const BUFFER_BYTES = 1024;
/** Cleared buffers kept for the next messages, at most: more than are under way at one time on a busy server. */
const KEPT_BUFFERS = 64;

const cleared: ArrayBuffer[] = [];

/** A buffer of zeros. @param length {@link BUFFER_BYTES} if not given */
export function takeBuffer(length = BUFFER_BYTES): Buffer {
  if (length > BUFFER_BYTES) return Buffer.alloc(length);
  return Buffer.from(cleared.pop() ?? new ArrayBuffer(BUFFER_BYTES), 0, length);
}

/**
 * Clears an encoded message that is of no use any more, with the keys it may hold, and keeps its memory for another:
 * new memory for every message costs more time than all else about writing it. Whoever calls this must be the last to
 * have the bytes.
 */
export function recycleMessage(message: Buffer): void {
  message.fill(0);
  const { buffer } = message;
  if (buffer.byteLength !== BUFFER_BYTES || cleared.length === KEPT_BUFFERS) return;
  cleared.push(buffer as ArrayBuffer);
}
