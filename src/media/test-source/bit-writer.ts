/** Writes bits, most significant first, into bytes that grow. */

export class BitWriter {
  #bytes = new Uint8Array(256);
  #length = 0;
  /** Bits of the last byte that are written; 0 to 7. */
  #bits = 0;

  /** At most 32 bits. */
  write(value: number, count: number): void {
    for (let bit = count - 1; bit >= 0; bit -= 1) {
      if (this.#bits === 0) this.#append(0);
      this.#bytes[this.#length - 1]! |= ((value >>> bit) & 1) << (7 - this.#bits);
      this.#bits = (this.#bits + 1) & 7;
    }
  }

  /** Exp-Golomb (H.264 §9.1). */
  ue(value: number): void {
    const length = 32 - Math.clz32(value + 1);
    this.write(0, length - 1);
    this.write(value + 1, length);
  }

  /** Fills the byte with zeros. */
  align(): void {
    this.#bits = 0;
  }

  /** After `align`. */
  append(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #append(byte: number): void {
    this.#reserve(1);
    this.#bytes[this.#length] = byte;
    this.#length += 1;
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#length + count, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}
