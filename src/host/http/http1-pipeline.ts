/**
 * The requests of one HTTP/1.1 connection, begun one at a time (RFC 9112 §9.3.2). Node parses every request that one
 * read brings; begun together, a few kilobytes of requests would open a file and fill a buffer each. While any of them
 * waits, nothing more is read.
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
  #isOver = false;

  /** `isBusy` says whether an exchange is under way; when it has ended, `next` is to be called. */
  constructor(socket: Socket, isBusy: () => boolean, onFault: (fault: Fault) => void) {
    this.#socket = socket;
    this.#isBusy = isBusy;
    // Node resumes the socket when it has sent something, or when a body is read.
    const hold = guard("http1 resume", onFault, () => this.#hold());
    socket.on("resume", hold);
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Begins the request when its turn comes. */
  add(request: IncomingMessage, begin: () => void): void {
    if (this.#isOver) return;
    if (this.#waiting.length > 0 || this.#isBusy()) {
      this.#waiting.push({ request, begin });
      this.#hold();
    } else {
      begin();
    }
  }

  /** An exchange has ended. */
  next(): void {
    const socket = this.#socket;
    // An answer that said `Connection: close` was the last.
    if (socket.destroyed || socket.writableEnded) this.stop();
    if (this.#isBusy()) return;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    const { request } = next;
    const takesMore = request.complete || request.readableLength < request.readableHighWaterMark;
    if (this.#waiting.length === 0 && takesMore) socket.resume();
    next.begin();
  }

  /** Begins no more: the connection ends. */
  stop(): void {
    this.#isOver = true;
    this.#waiting = [];
  }

  #hold(): void {
    if (this.#waiting.length > 0) this.#socket.pause();
  }
}
