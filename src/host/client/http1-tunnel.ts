// A connection that became a tunnel after 101 (Switching Protocols) or CONNECT (RFC 9110 §7.8, §9.3.6).
import type { Duplex } from "node:stream";
import { detach, type Fault, guard } from "../guard.ts";
import { cutOff } from "./cut-off.ts";
import { asClientError, ClientError } from "./errors.ts";
import type { RequestContent } from "./session.ts";

interface TunnelEvents {
  data(chunk: Uint8Array): void;
  end(): void;
  error(error: Error): void;
}

export class Http1Tunnel {
  readonly #socket: Duplex;
  readonly #events: TunnelEvents;

  /** Paused until `resume`. */
  constructor(socket: Duplex, content: RequestContent | undefined, isHalfOpen: boolean, events: TunnelEvents) {
    this.#socket = socket;
    if (isHalfOpen) socket.allowHalfOpen = true;
    this.#events = events;
    socket.on(
      "data",
      guard("client h1 tunnel data", this.#handleFault, (chunk: Buffer) => events.data(chunk)),
    );
    socket.pause();
    socket.on(
      "end",
      guard("client h1 tunnel end", this.#handleFault, () => events.end()),
    );
    socket.on(
      "error",
      guard("client h1 tunnel error", this.#handleFault, (error: Error) => this.#fail(error)),
    );
    socket.on(
      "close",
      guard("client h1 tunnel close", this.#handleFault, () => this.#fail(undefined)),
    );
    if (content !== undefined) detach("client h1 tunnel content", this.#handleFault, this.#send(content));
  }

  readonly #handleFault = ({ error }: Fault): void => {
    this.#socket.destroy();
    this.#events.error(error);
  };

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Resets the tunnel. */
  destroy(): void {
    cutOff(this.#socket);
  }

  /** Has no effect after an orderly end. */
  #fail(cause: Error | undefined): void {
    this.#events.error(new ClientError("CONNECTION_LOST", "the connection of the tunnel was lost", { cause }));
  }

  async #send(content: RequestContent): Promise<void> {
    const socket = this.#socket;
    try {
      for await (const chunk of content.chunks) {
        if (socket.destroyed) return;
        if (!socket.write(chunk)) await roomToWrite(socket);
      }
    } catch (error) {
      socket.destroy();
      this.#events.error(asClientError(error, "REQUEST_BODY_FAILED", "reading the content of the tunnel failed"));
      return;
    }
    socket.end();
  }
}

function roomToWrite(socket: Duplex): Promise<void> {
  return new Promise((resolve) => {
    const done = guard(
      "client h1 tunnel room",
      () => resolve(),
      () => {
        socket.off("drain", done).off("close", done);
        resolve();
      },
    );
    socket.on("drain", done).on("close", done);
    if (socket.destroyed) done();
  });
}
