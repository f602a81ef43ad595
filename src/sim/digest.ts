/**
 * A fingerprint of a run: every datagram with its time. Equal digests mean identical runs. Two lanes of FNV-1a: for
 * comparing runs, not for security.
 */

const FNV_PRIME = 0x01000193;

export class TraceDigest {
  #a = 0x811c9dc5;
  #b = 0x050c5d1f;

  /** Adds an event: its time and its bytes. */
  add(time: number, bytes: Uint8Array): void {
    this.#word(time >>> 0);
    this.#word(Math.floor(time / 0x1_0000_0000));
    this.#word(bytes.length);
    let a = this.#a;
    let b = this.#b;
    const { length } = bytes;
    let i = 0;
    // Four bytes at a time: the digest must cost less than what it observes.
    for (; i + 4 <= length; i += 4) {
      const word = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
      a = Math.imul(a ^ word, FNV_PRIME);
      a ^= a >>> 15;
      b = Math.imul((b << 5) | (b >>> 27), FNV_PRIME) ^ word;
    }
    for (; i < length; i += 1) {
      a = Math.imul(a ^ bytes[i]!, FNV_PRIME);
      b = Math.imul((b << 5) | (b >>> 27), FNV_PRIME) ^ bytes[i]!;
    }
    this.#a = a;
    this.#b = b;
  }

  #word(value: number): void {
    this.#a = Math.imul(this.#a ^ value, FNV_PRIME);
    this.#b = Math.imul((this.#b << 5) | (this.#b >>> 27), FNV_PRIME) ^ value;
  }

  /** Sixteen hexadecimal digits. */
  toString(): string {
    const hex = (lane: number): string => (lane >>> 0).toString(16).padStart(8, "0");
    return hex(this.#a) + hex(this.#b);
  }
}
