/** The socket of one client. Reads no more while the session has enough to do, or while the client does not read. */

import type { Socket } from "node:net";
import type { ClientSession } from "../../memcache/proxy/session.ts";
import type { HostClock } from "../clock.ts";
import { type Fault, guard } from "../guard.ts";
import { writeAll } from "./backend-socket.ts";

/** Bytes that a client may leave unread before its requests wait. */
const MAX_UNREAD = 1024 * 1024;

export interface ClientSocketOptions {
  readonly clock: HostClock;
  readonly onFault: (fault: Fault) => void;
  readonly onChange: () => void;
  readonly onBytes: (read: number, written: number) => void;
  readonly onClose: (client: ClientSocket) => void;
}

export class ClientSocket {
  readonly session: ClientSession;
  readonly #socket: Socket;
  readonly #options: ClientSocketOptions;
  #isPaused = false;

  constructor(socket: Socket, session: ClientSession, options: ClientSocketOptions) {
    this.session = session;
    this.#socket = socket;
    this.#options = options;
    const { clock, onFault, onChange, onBytes, onClose } = options;
    const fail = (fault: Fault): void => {
      onFault(fault);
      socket.destroy();
    };
    socket.setNoDelay(true);
    socket.on(
      "data",
      guard("memcache client data", fail, (chunk: Buffer) => {
        onBytes(chunk.length, 0);
        session.handleData(chunk, clock.now());
        onChange();
      }),
    );
    socket.on(
      "drain",
      guard("memcache client drain", fail, () => {
        this.flush();
        onChange();
      }),
    );
    // A client that has sent all its requests still receives its responses.
    socket.on(
      "end",
      guard("memcache client end", fail, () => {
        session.end();
        this.flush();
        onChange();
      }),
    );
    socket.on(
      "error",
      guard("memcache client error", fail, () => socket.destroy()),
    );
    socket.on(
      "close",
      guard("memcache client closed", onFault, () => onClose(this)),
    );
  }

  /** Writes what the session has for the client, as far as the client reads. */
  flush(): void {
    const socket = this.#socket;
    if (socket.writableLength < MAX_UNREAD) {
      const chunks = this.session.takeOutput(this.#options.clock.now());
      if (chunks.length > 0) {
        let written = 0;
        for (const chunk of chunks) written += chunk.length;
        this.#options.onBytes(0, written);
        writeAll(socket, chunks);
      }
    }
    const mustWait = this.session.isFull || socket.writableLength >= MAX_UNREAD;
    if (mustWait && !this.#isPaused) socket.pause();
    else if (!mustWait && this.#isPaused) socket.resume();
    this.#isPaused = mustWait;
    if (this.session.isFinished) socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
