/** Streams that the peer opened, as a stream of streams for the application. */

import type { WebTransportError } from "./error.ts";

/** Fewer waiting streams than this are not worth a look. */
const LEAST_WAITING = 64;

/** The part of a stream, sending or receiving, that may have ended while nobody had taken it. */
export interface Half {
  readonly isOver: boolean;
}

interface Waiting<T> {
  readonly stream: T;
  readonly halves: readonly Half[];
}

/**
 * The peer's limit bounds the streams that are open. A stream that the peer has reset takes nothing of that limit any more,
 * so that those wait in bounds too: they give way when there are more of them than open ones.
 */
export class IncomingStreams<T> {
  readonly readable: ReadableStream<T>;
  #waiting: Waiting<T>[] = [];
  /** The number of waiting streams at which those that are over give way. */
  #lookAt = LEAST_WAITING;
  #controller!: ReadableStreamDefaultController<T>;
  /** True if a reader waits. */
  #isPulled = false;
  #isOver = false;
  /** Streams that were reset before the application took them, and dropped. */
  dropped = 0;

  constructor() {
    this.readable = new ReadableStream<T>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => {
          this.#isPulled = true;
          this.#advance();
        },
        cancel: () => {
          this.#isOver = true;
          this.#waiting = [];
        },
      },
      { highWaterMark: 0 },
    );
  }

  /** Streams that the application has not taken. */
  get waiting(): number {
    return this.#waiting.length;
  }

  push(stream: T, halves: readonly Half[]): void {
    if (this.#isOver) return;
    this.#waiting.push({ stream, halves });
    if (this.#waiting.length > this.#lookAt) this.#dropEnded();
    this.#advance();
  }

  end(error: WebTransportError | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#waiting = [];
    if (error === undefined) this.#controller.close();
    else this.#controller.error(error);
  }

  #dropEnded(): void {
    const open = this.#waiting.filter(({ halves }) => halves.some((half) => !half.isOver));
    this.dropped += this.#waiting.length - open.length;
    this.#waiting = open;
    // Twice as many: a look costs as much as there are.
    this.#lookAt = Math.max(LEAST_WAITING, 2 * open.length);
  }

  #advance(): void {
    if (!this.#isPulled || this.#isOver) return;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#isPulled = false;
    // Pulls again if another reader waits.
    this.#controller.enqueue(next.stream);
  }
}
