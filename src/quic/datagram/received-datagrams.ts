/**
 * Datagrams that wait for the application. RFC 9221 §5.3: there is no flow control, so a peer may send more than the
 * application reads. The oldest are dropped first, because datagrams lose their value with age.
 */

import { DATAGRAM_OVERHEAD } from "./limits.ts";

export class ReceivedDatagrams {
  readonly #capacity: number;
  readonly #waiting: Uint8Array[] = [];
  #first = 0;
  #bytes = 0;
  /** Dropped because the application did not read them in time. */
  dropped = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Bytes of memory that the waiting datagrams take. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes a copy. Returns true if nothing waited before. */
  add(data: Uint8Array): boolean {
    const wasEmpty = this.#bytes === 0;
    // A copy, because a view would keep the whole receive buffer alive.
    this.#waiting.push(data.slice());
    this.#bytes += data.length + DATAGRAM_OVERHEAD;
    while (this.#bytes > this.#capacity && this.#waiting.length - this.#first > 1) {
      this.#take();
      this.dropped += 1;
    }
    return wasEmpty;
  }

  read(): Uint8Array | undefined {
    return this.#bytes === 0 ? undefined : this.#take();
  }

  clear(): void {
    this.#waiting.length = 0;
    this.#first = 0;
    this.#bytes = 0;
  }

  #take(): Uint8Array {
    const data = this.#waiting[this.#first]!;
    this.#waiting[this.#first] = NOTHING;
    this.#first += 1;
    this.#bytes -= data.length + DATAGRAM_OVERHEAD;
    if (this.#bytes === 0) this.clear();
    else if (this.#first > this.#waiting.length / 2) this.#waiting.splice(0, this.#first).length = this.#first = 0;
    return data;
  }
}

const NOTHING = new Uint8Array(0);
