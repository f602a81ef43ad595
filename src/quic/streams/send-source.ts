/**
 * A run of bytes to send, held outside the connection. The reference count covers everyone who may still send it: the
 * owner from the start, and each stream that it was written to, until the bytes are acknowledged or abandoned. So one
 * source can be written to any number of streams and connections, and a stream that drops it notifies no one.
 */

export class SendSource {
  readonly bytes: Uint8Array;
  readonly #onReleased: ((bytes: Uint8Array) => void) | undefined;
  #references = 1;

  /**
   * The caller holds the first reference, and calls `release` after it has written the source to all streams.
   * `onReleased` is called once, when the last reference is gone and the memory may be reused. It must not throw, and
   * must not write to the stream that releases it.
   */
  constructor(bytes: Uint8Array, onReleased?: (bytes: Uint8Array) => void) {
    this.bytes = bytes;
    this.#onReleased = onReleased;
  }

  get length(): number {
    return this.bytes.length;
  }

  get references(): number {
    return this.#references;
  }

  /** Adds a reference. Throws a RangeError once the source is released. */
  retain(): void {
    if (this.#references === 0) throw new RangeError("the send source was already released");
    this.#references += 1;
  }

  /** Drops a reference; the last one frees the bytes. Throws a RangeError if there is none. */
  release(): void {
    if (this.#references === 0) throw new RangeError("the send source was released more often than it was retained");
    this.#references -= 1;
    if (this.#references === 0) this.#onReleased?.(this.bytes);
  }
}
