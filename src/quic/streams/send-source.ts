/**
 * A run of bytes to send that lives outside the connection. A reference count says who may still send it: the
 * owner from the start, and each stream that it was written to, until the bytes are acknowledged or given up. So one source
 * can be written to any number of streams and connections; a stream that drops it has nobody to tell.
 */

export class SendSource {
  readonly bytes: Uint8Array;
  readonly #onReleased: ((bytes: Uint8Array) => void) | undefined;
  #references = 1;

  /**
   * The caller holds the first reference, and gives it up with `release` when it has written the source wherever it
   * should go. `onReleased` is called once, when the last reference is gone: the memory may then be used again. It must not
   * throw, and must not write to the stream that lets go.
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

  retain(): void {
    if (this.#references === 0) throw new RangeError("a send source was used after its release");
    this.#references += 1;
  }

  release(): void {
    if (this.#references === 0) throw new RangeError("a send source was released more often than retained");
    this.#references -= 1;
    if (this.#references === 0) this.#onReleased?.(this.bytes);
  }
}
