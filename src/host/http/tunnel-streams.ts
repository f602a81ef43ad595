/** A tunnel as web streams: a readable and a writable byte stream, with backpressure in both directions. */
import { type FieldLine, isHttp1Only } from "../../http/index.ts";
import type { ExchangeClient, ServerExchange } from "./exchange.ts";
import type { Tunnel } from "./tunnel.ts";

/** Both directions of a tunnel. */
export interface TunnelStreams {
  /** Bytes from the client. Cancelling drops the rest. */
  readonly readable: ReadableStream<Uint8Array>;
  /** Bytes to the client. Closing ends only this direction; aborting resets both. */
  readonly writable: WritableStream<Uint8Array>;
}

/** `context.tunnel`, if the client requests one. */
export interface TunnelRequest {
  /** The requested protocol ("websocket", "connect-udp"); undefined for a plain CONNECT. */
  readonly protocol: string | undefined;
  /**
   * Accepts the tunnel. The response is sent immediately, with these fields; return the placeholder `response` from the
   * handler. To refuse a tunnel, return any other response without calling this.
   */
  accept(headers?: HeadersInit): TunnelStreams & { readonly response: Response };
}

/** The argument of `new Headers()`. */
export type HeadersInit = ConstructorParameters<typeof Headers>[0];

export class ContextTunnel implements TunnelRequest {
  readonly protocol: string | undefined;
  readonly #exchange: ServerExchange;
  #tunnel: Tunnel | undefined;

  constructor(exchange: ServerExchange, protocol: string | undefined) {
    this.#exchange = exchange;
    this.protocol = protocol;
  }

  accept(headers?: HeadersInit): TunnelStreams & { readonly response: Response } {
    const lines = [...(new Headers(headers) as unknown as Iterable<FieldLine>)];
    const tunnel = this.acceptRaw(lines.filter((line) => isAllowed(...line)));
    const { onAbort } = this.#exchange;
    return { ...tunnelStreams(tunnel, onAbort), response: new Response(null) };
  }

  /** The same for protocols of our own, which need no streams. */
  acceptRaw(fields: readonly FieldLine[]): Tunnel {
    this.#tunnel = this.#exchange.acceptTunnel(fields);
    return this.#tunnel;
  }

  /** Who requests it, for products that trust proxies in front of the server. */
  get client(): ExchangeClient {
    return this.#exchange;
  }

  get isAccepted(): boolean {
    return this.#tunnel !== undefined;
  }

  reset(reason: Error): void {
    this.#tunnel?.reset(reason);
  }
}

/**
 * No content-length, because there is no content (RFC 9110 §8.6, §9.3.6), and no fields that belong to the transport.
 */
const isAllowed = (name: string, value: string): boolean => name !== "content-length" && !isHttp1Only(name, value);

/** `onAbort` is called first if the peer resets the tunnel. */
export function tunnelStreams(tunnel: Tunnel, onAbort: ((reason: Error) => void) | undefined): TunnelStreams {
  const { body } = tunnel;
  let reading: ReadableStreamDefaultController<Uint8Array> | undefined;
  let writing: WritableStreamDefaultController | undefined;
  let resume: (() => void) | undefined;
  const settle = (): void => {
    const waiting = resume;
    resume = undefined;
    waiting?.();
  };
  tunnel.onDrain = settle;
  tunnel.onAbort = (reason) => {
    onAbort?.(reason);
    reading?.error(reason);
    writing?.error(reason);
    settle();
  };
  const readable = new ReadableStream<Uint8Array>(
    {
      start: (controller) => {
        reading = controller;
      },
      pull: (controller) =>
        new Promise<void>((resolve) => {
          const advance = (): void => {
            const chunk = body.read();
            if (chunk !== undefined) controller.enqueue(chunk);
            else if (body.state === "ended") controller.close();
            // In state "aborted", onAbort has already errored the stream.
            else if (body.state === "open") return;
            body.onReadable = undefined;
            resolve();
          };
          body.onReadable = advance;
          advance();
        }),
      cancel: () => {
        body.onReadable = undefined;
        tunnel.stopReading();
      },
    },
    // Do not read ahead.
    { highWaterMark: 0 },
  );
  const writable = new WritableStream<Uint8Array>({
    start: (controller) => {
      writing = controller;
    },
    write: (chunk) => {
      if (!(chunk instanceof Uint8Array)) throw new TypeError("a tunnel only accepts Uint8Array chunks");
      if (tunnel.write(chunk) || tunnel.aborted !== undefined) return undefined;
      return new Promise<void>((resolve) => {
        resume = resolve;
      });
    },
    close: () => tunnel.end(),
    abort: (reason) => {
      const error = reason instanceof Error ? reason : new Error("the tunnel was aborted", { cause: reason });
      tunnel.reset(error);
      reading?.error(error);
    },
  });
  if (tunnel.aborted !== undefined) tunnel.onAbort(tunnel.aborted);
  return { readable, writable };
}
