/**
 * Parses the HTTP/1.1 response (RFC 9112) that listeners for "upgrade" and "connect" write to their socket. Its head
 * accepts the tunnel or becomes the exchange's response, over every version; the bytes after it go into the tunnel or
 * become the content.
 */
import { contentLengthOf, type FieldLine, isHttp1Only } from "../../http/index.ts";
import type { ServerExchange } from "../http/exchange.ts";
import type { Tunnel } from "../http/tunnel.ts";
import { captureScope, within } from "../request-scope.ts";
import { connectionReset } from "./node-errors.ts";

const MAX_HEAD_BYTES = 64 * 1024;
const STATUS_LINE = /^HTTP\/1\.[01] ([1-9][0-9]{2})(?: ([^\r\n]*))?$/;
const END_OF_HEAD = "\r\n\r\n";

interface Host {
  /** Passes on bytes of the tunnel, or null at its end. Returns false if the reader has enough for now. */
  push(chunk: Uint8Array | null): boolean;
  fail(error: Error): void;
}

type Callback = (error?: Error | null) => void;
type Sink = Pick<Tunnel, "write" | "end" | "reset"> & { onDrain: (() => void) | undefined };

export class RawResponse {
  readonly #exchange: ServerExchange;
  readonly #host: Host;
  #head: Uint8Array = Buffer.alloc(0);
  /** Takes the bytes after the head. */
  #sink: Sink | undefined;
  #tunnel: Tunnel | undefined;
  #isEnded = false;
  /** Remaining bytes of the announced content. */
  #left = Number.POSITIVE_INFINITY;
  #onRoom: Callback | undefined;

  constructor(exchange: ServerExchange, host: Host) {
    this.#exchange = exchange;
    this.#host = host;
  }

  write(chunk: Uint8Array, callback: Callback): void {
    if (this.#sink !== undefined) {
      this.#pass(chunk, callback);
      return;
    }
    this.#head = Buffer.concat([this.#head, chunk]);
    try {
      while (this.#sink === undefined) {
        const end = Buffer.from(this.#head.buffer, this.#head.byteOffset, this.#head.byteLength).indexOf(END_OF_HEAD);
        if (end < 0) break;
        const text = Buffer.from(this.#head.subarray(0, end)).toString("latin1");
        this.#head = this.#head.subarray(end + END_OF_HEAD.length);
        this.#handleHead(text);
      }
      if (this.#sink === undefined && this.#head.byteLength > MAX_HEAD_BYTES) throw new Error("the head is too long");
    } catch (cause) {
      callback(new Error("the data written to the socket is not an HTTP/1.1 response", { cause }));
      return;
    }
    const rest = this.#head;
    if (this.#sink === undefined || rest.byteLength === 0) {
      callback();
      return;
    }
    this.#head = Buffer.alloc(0);
    this.#pass(rest, callback);
  }

  #pass(chunk: Uint8Array, callback: Callback): void {
    this.#left -= chunk.byteLength;
    // After the callback the caller may reuse the chunk, but the transport may have to retransmit it.
    const hasRoom = this.#sink!.write(new Uint8Array(chunk));
    if (this.#left <= 0) this.end();
    if (hasRoom || this.#isEnded) callback();
    else if (this.#isGone) callback(new Error("the client has disconnected"));
    else this.#onRoom = callback;
  }

  get #isGone(): boolean {
    return this.#exchange.aborted !== undefined || this.#tunnel?.aborted !== undefined;
  }

  #handleHead(text: string): void {
    const [first = "", ...lines] = text.split("\r\n");
    const match = STATUS_LINE.exec(first);
    if (match === null) throw new Error(`it starts with ${JSON.stringify(first.slice(0, 40))}`);
    const status = Number(match[1]);
    const fields: FieldLine[] = [];
    for (const line of lines) {
      const colon = line.indexOf(":");
      if (colon <= 0) throw new Error(`a field line without a name: ${JSON.stringify(line.slice(0, 40))}`);
      const name = line.slice(0, colon).toLowerCase();
      const value = line.slice(colon + 1).trim();
      if (!isHttp1Only(name, value)) fields.push([name, value]);
    }
    const exchange = this.#exchange;
    const offer = exchange.tunnelOffer;
    const isAcceptance = offer?.protocol === undefined ? status >= 200 && status < 300 : status === 101;
    if (offer !== undefined && isAcceptance) this.#accept(fields);
    else if (status < 200) exchange.inform(status, fields);
    else this.#refuse(status, fields, match[2]);
  }

  #accept(fields: FieldLine[]): void {
    // RFC 8441 §5: HTTP/2 and HTTP/3 have no Sec-WebSocket-Accept, since they have no key.
    const isHttp1 = this.#exchange.protocol === "http/1.1";
    const sent = isHttp1 ? fields : fields.filter(([name]) => name !== "sec-websocket-accept");
    const tunnel = this.#exchange.acceptTunnel(sent);
    this.#tunnel = tunnel;
    this.#sink = tunnel;
    const scope = captureScope();
    tunnel.onDrain = within(scope, this.#handleRoom);
    tunnel.body.onReadable = within(scope, () => this.read());
    tunnel.onAbort = within(scope, (reason) => this.#host.fail(connectionReset(reason)));
    this.read();
  }

  #refuse(status: number, fields: FieldLine[], reason: string | undefined): void {
    const exchange = this.#exchange;
    if (exchange.status !== undefined) throw new Error("the response has already begun");
    const length = contentLengthOf(fields);
    // RFC 9112 §6.3: a response without a length ends with its connection, and its reader may wait for that.
    if (length === undefined && exchange.protocol === "http/1.1") fields.push(["connection", "close"]);
    exchange.respond(status, fields, reason === undefined ? {} : { reason });
    exchange.onDrain = within(captureScope(), this.#handleRoom);
    this.#sink = exchange;
    if (typeof length === "number") this.#left = length;
    if (this.#left === 0) this.end();
  }

  readonly #handleRoom = (): void => {
    const callback = this.#onRoom;
    this.#onRoom = undefined;
    callback?.();
  };

  /** Passes on the tunnel's bytes until the reader has enough. */
  read(): void {
    const body = this.#tunnel?.body;
    if (body === undefined) return;
    for (let chunk = body.read(); chunk !== undefined; chunk = body.read()) {
      if (!this.#host.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))) return;
    }
    if (body.state === "ended") this.#host.push(null);
  }

  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    if (this.#sink === undefined) this.#exchange.reset(new Error("the socket ended without a response"));
    else this.#sink.end();
  }

  /** True once a complete response has been sent in place of an acceptance. */
  get isRefused(): boolean {
    return this.#isEnded && this.#tunnel === undefined;
  }

  destroy(error: Error | null): void {
    this.#onRoom?.(error ?? new Error("the socket was destroyed"));
    this.#onRoom = undefined;
    const isDone = this.#isEnded && (this.#tunnel === undefined || this.#tunnel.body.state !== "open");
    if (!isDone) (this.#sink ?? this.#exchange).reset(error ?? new Error("the socket was destroyed"));
  }
}
