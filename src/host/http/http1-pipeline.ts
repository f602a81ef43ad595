/**
 * Begins the requests of one HTTP/1.1 connection one at a time (RFC 9112 §9.3.2). Node parses all requests of one
 * read; if they began together, a few kilobytes could open hundreds of files and fill a buffer for each. While a
 * request waits, the socket is not read.
 */
import type { Socket } from "node:net";
import { type Fault, guard } from "../guard.ts";
import type { Http1Response } from "./http1-response.ts";

interface Connection {
  /** True while an exchange is in progress. */
  isBusy(): boolean;
  /** Called when the socket's buffer has room again. */
  handleDrain(): void;
}

export class Http1Pipeline {
  readonly #socket: Socket;
  readonly #connection: Connection;
  readonly #begin: (response: Http1Response) => void;
  #waiting: Http1Response[] = [];
  #isStopped = false;

  /** `begin` must not throw. Call `next` when an exchange has ended. */
  constructor(
    socket: Socket,
    connection: Connection,
    begin: (response: Http1Response) => void,
    onFault: (fault: Fault) => void,
  ) {
    this.#socket = socket;
    this.#connection = connection;
    this.#begin = begin;
    // Node resumes the socket after sending, and when a body is read.
    const hold = guard("http1 resume", onFault, () => this.#hold());
    socket.on("resume", hold);
    const end = (fault: Fault): void => {
      socket.destroy();
      onFault(fault);
    };
    socket.on(
      "drain",
      guard("http1 drain", end, () => connection.handleDrain()),
    );
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Begins the request of this response when its turn comes. */
  add(response: Http1Response): void {
    if (this.#isStopped) return;
    if (this.#waiting.length > 0 || this.#connection.isBusy()) {
      this.#waiting.push(response);
      this.#hold();
    } else {
      this.#begin(response);
    }
  }

  /** Call when an exchange has ended. */
  next(): void {
    const socket = this.#socket;
    // A response with `Connection: close` was the last.
    if (socket.destroyed || socket.writableEnded) this.stop();
    if (this.#connection.isBusy()) return;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    if (this.#waiting.length === 0 && next.req.takesMore) socket.resume();
    this.#begin(next);
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
