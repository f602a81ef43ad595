/**
 * Begins the requests of one HTTP/1.1 connection one at a time (RFC 9112 §9.3.2). Node parses all requests of one
 * read; if they began together, a few kilobytes could open hundreds of files and fill a buffer for each. While a
 * request waits, the socket is not read.
 */
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { type Fault, guard } from "../guard.ts";

interface Waiting {
  readonly request: IncomingMessage;
  readonly begin: () => void;
}

export class Http1Pipeline {
  readonly #socket: Socket;
  readonly #isBusy: () => boolean;
  #waiting: Waiting[] = [];
  #isStopped = false;

  /** `isBusy` returns true while an exchange is in progress. Call `next` when one has ended. */
  constructor(socket: Socket, isBusy: () => boolean, onFault: (fault: Fault) => void) {
    this.#socket = socket;
    this.#isBusy = isBusy;
    // Node resumes the socket after sending, and when a body is read.
    const hold = guard("http1 resume", onFault, () => this.#hold());
    socket.on("resume", hold);
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Begins the request when its turn comes. */
  add(request: IncomingMessage, begin: () => void): void {
    if (this.#isStopped) return;
    if (this.#waiting.length > 0 || this.#isBusy()) {
      this.#waiting.push({ request, begin });
      this.#hold();
    } else {
      begin();
    }
  }

  /** Call when an exchange has ended. */
  next(): void {
    const socket = this.#socket;
    // A response with `Connection: close` was the last.
    if (socket.destroyed || socket.writableEnded) this.stop();
    if (this.#isBusy()) return;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    const { request } = next;
    const takesMore = request.complete || request.readableLength < request.readableHighWaterMark;
    if (this.#waiting.length === 0 && takesMore) socket.resume();
    next.begin();
  }

  /** Begins no more requests, because the connection ends. */
  stop(): void {
    this.#isStopped = true;
    this.#waiting = [];
  }

  #hold(): void {
    if (this.#waiting.length > 0) this.#socket.pause();
  }
}
