/**
 * A run of bytes to send that lives outside the connection. Whoever may still have to send it holds a reference: a
 * stream until the bytes are acknowledged; later several streams of several connections at once.
 */

export class SendSource {
  readonly bytes: Uint8Array;
  readonly #onReleased: (() => void) | undefined;
  #references = 0;

  /** `onReleased` is called when nobody needs the bytes any more, for owners that use the memory again. */
  constructor(bytes: Uint8Array, onReleased?: () => void) {
    this.bytes = bytes;
    this.#onReleased = onReleased;
  }

  get references(): number {
    return this.#references;
  }

  retain(): void {
    this.#references += 1;
  }

  release(): void {
    if (this.#references === 0) throw new RangeError("a send source was released more often than retained");
    this.#references -= 1;
    if (this.#references === 0) this.#onReleased?.();
  }
}
