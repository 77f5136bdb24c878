/** A run of bytes. */
export interface ByteRange {
  offsetBytes: number;
  lengthBytes: number;
}

/** Which units of a disk or memory were written since they were last taken. */
export class DirtyBitmap {
  readonly #sizeBytes: number;
  readonly #unitBytes: number;
  readonly #dirty: Uint8Array;
  #dirtyUnits = 0;

  /** @param unitBytes what is tracked as one: a write of one byte makes its whole unit dirty */
  constructor(sizeBytes: number, unitBytes: number) {
    this.#sizeBytes = sizeBytes;
    this.#unitBytes = unitBytes;
    this.#dirty = new Uint8Array(Math.ceil(sizeBytes / unitBytes));
  }

  /** Bytes in dirty units. */
  get dirtyBytes(): number {
    return Math.min(this.#dirtyUnits * this.#unitBytes, this.#sizeBytes);
  }

  /** Marks what a write has changed. */
  mark({ offsetBytes, lengthBytes }: ByteRange): void {
    const end = Math.ceil((offsetBytes + lengthBytes) / this.#unitBytes);
    for (let unit = Math.floor(offsetBytes / this.#unitBytes); unit < end; unit += 1) {
      if (this.#dirty[unit] !== 0) continue;
      this.#dirty[unit] = 1;
      this.#dirtyUnits += 1;
    }
  }

  /**
   * The next dirty run from `fromBytes` on, now clean again; undefined when there is none to the end. Whoever takes
   * a run reads it afterwards: a write that lands while he reads marks it again.
   */
  take(fromBytes: number, maxBytes: number): ByteRange | undefined {
    const from = Math.floor(fromBytes / this.#unitBytes);
    const start = this.#dirtyUnits === 0 ? -1 : this.#dirty.indexOf(1, from);
    if (start < 0) return undefined;
    const limit = start + Math.max(1, Math.floor(maxBytes / this.#unitBytes));
    let end = start;
    while (end < limit && this.#dirty[end] === 1) end += 1;
    this.#dirty.fill(0, start, end);
    this.#dirtyUnits -= end - start;
    const offsetBytes = start * this.#unitBytes;
    return { offsetBytes, lengthBytes: Math.min(end * this.#unitBytes, this.#sizeBytes) - offsetBytes };
  }
}
