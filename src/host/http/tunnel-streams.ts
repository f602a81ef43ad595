/** The WHATWG face of a tunnel: a readable and a writable of bytes, with backpressure both ways. */
import { type FieldLine, isConnectionSpecific } from "../../http/index.ts";
import type { ServerExchange } from "./exchange.ts";
import type { Tunnel } from "./tunnel.ts";

export interface TunnelStreams {
  /** What the client sends; cancelling it drops the rest. */
  readonly readable: ReadableStream<Uint8Array>;
  /** What it gets; closing ends this direction alone, aborting cuts off both. */
  readonly writable: WritableStream<Uint8Array>;
}

/** `context.tunnel`, where the client asks for one. */
export interface TunnelRequest {
  /** What the client wants to speak ("websocket", "connect-udp"); undefined with a plain CONNECT. */
  readonly protocol: string | undefined;
  /**
   * Accepts. The answer leaves at once, with these fields; return `response` from the handler, which stands for it.
   * A handler that does not accept refuses by the response that it returns.
   */
  accept(headers?: HeadersInit): TunnelStreams & { readonly response: Response };
}

/** What `new Headers()` takes. */
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
    this.#tunnel = this.#exchange.acceptTunnel(lines.filter(([name]) => isAllowed(name)));
    const { onAbort } = this.#exchange;
    return { ...tunnelStreams(this.#tunnel, onAbort), response: new Response(null) };
  }

  /** The answer has left. */
  get isAccepted(): boolean {
    return this.#tunnel !== undefined;
  }

  reset(reason: Error): void {
    this.#tunnel?.reset(reason);
  }
}

/** RFC 9110 §8.6, §9.3.6: there is no content that could have a length; fields of the connection are the transport's. */
const isAllowed = (name: string): boolean => name !== "content-length" && !isConnectionSpecific(name);

function tunnelStreams(tunnel: Tunnel, onAbort: ((reason: Error) => void) | undefined): TunnelStreams {
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
            // "aborted" has made an error of the stream already.
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
    // Nothing is read before somebody wants it.
    { highWaterMark: 0 },
  );
  const writable = new WritableStream<Uint8Array>({
    start: (controller) => {
      writing = controller;
    },
    write: (chunk) => {
      if (!(chunk instanceof Uint8Array)) throw new TypeError("a tunnel takes chunks of Uint8Array");
      if (tunnel.write(chunk) || tunnel.aborted !== undefined) return undefined;
      return new Promise<void>((resolve) => {
        resume = resolve;
      });
    },
    close: () => tunnel.end(),
    abort: (reason) => {
      const error = reason instanceof Error ? reason : new Error("the tunnel was given up", { cause: reason });
      tunnel.reset(error);
      reading?.error(error);
    },
  });
  return { readable, writable };
}
