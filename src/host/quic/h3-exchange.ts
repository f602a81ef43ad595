/** A ServerExchange over a request stream of HTTP/3 (RFC 9114 §4.1). */

import { H3_ERRORS, type RequestHead } from "../../h3/index.ts";
import { type FieldSection, fieldValue, withEmptyLength } from "../../http/index.ts";
import { SendSource, type StreamId } from "../../quic/index.ts";
import { guard } from "../guard.ts";
import type { ConnectionInfo, PeerAddress, ReleaseChunk, RespondOptions, ServerExchange } from "../http/exchange.ts";
import { checkOffer, type Tunnel, type TunnelOffer } from "../http/tunnel.ts";
import { H3Body, type H3ExchangeHost, type H3StreamHandler } from "./h3-stream.ts";
import { H3Tunnel } from "./h3-tunnel.ts";

const EMPTY = new Uint8Array(0);
const NO_FIELDS: FieldSection = [];

export class H3ServerExchange implements ServerExchange, H3StreamHandler {
  readonly protocol = "h3";
  readonly scheme = "https";
  readonly method: string;
  readonly authority: string;
  readonly path: string;
  readonly fields: FieldSection;
  readonly body: H3Body;
  readonly tunnelOffer: TunnelOffer | undefined;
  readsOn = false;
  status: number | undefined;
  aborted: Error | undefined;
  onDrain: (() => void) | undefined;
  onAbort: ((reason: Error) => void) | undefined;
  onClose: (() => void) | undefined;
  heldAside = 0;

  readonly #host: H3ExchangeHost;
  readonly #id: StreamId;
  #isEnded = false;
  #isClosed = false;

  constructor(host: H3ExchangeHost, id: StreamId, head: RequestHead, fin: boolean) {
    this.#host = host;
    this.#id = id;
    this.method = head.method;
    this.authority = head.authority ?? "";
    this.path = head.path ?? "";
    this.fields = head.fields;
    this.body = new H3Body(host, id, fin);
    this.tunnelOffer = head.method === "CONNECT" ? { protocol: head.protocol } : undefined;
  }

  get remoteAddress(): PeerAddress {
    return this.#host.remoteAddress;
  }

  get localAddress(): PeerAddress {
    return this.#host.localAddress;
  }

  get connection(): ConnectionInfo {
    return this.#host.info;
  }

  get awaitsBody(): boolean {
    return this.status === undefined && this.body.state === "open" && this.body.isAwaited;
  }

  inform(status: number, fields: FieldSection): void {
    if (this.#isOver || this.status !== undefined) return;
    this.#host.h3.inform(this.#id, status, fields);
  }

  respond(status: number, fields: FieldSection, options?: RespondOptions): void {
    if (this.status !== undefined) throw new Error("the response has begun already");
    this.status = status;
    if (this.#isOver) return;
    const isEnd = options?.endStream === true;
    const sent = isEnd ? withEmptyLength(this.method, status, fields) : fields;
    const needsDate = options?.sendDate !== false && fieldValue(sent, "date") === undefined;
    const dated = needsDate ? [...sent, ["date", this.#host.date()] as const] : sent;
    this.#host.h3.respond(this.#id, status, dated, isEnd);
    if (isEnd) this.#end();
  }

  hasRoom(bytes = 0): boolean {
    return this.#isOver || (this.#host.h3.hasRoom(this.#id) && this.#host.room.has(this, bytes));
  }

  write(chunk: Uint8Array, released?: ReleaseChunk): boolean {
    if (this.#isOver) {
      released?.(chunk);
      return false;
    }
    if (released === undefined) return this.#write(chunk);
    const { handleFault } = this.#host;
    return this.#writeSource(new SendSource(chunk, guard("h3 released", handleFault, released)));
  }

  #write(content: Uint8Array | SendSource): boolean {
    const hasRoom = content.length === 0 || this.#host.h3.writeData(this.#id, content, false);
    this.#host.room.settle(this);
    return hasRoom;
  }

  /** From here on only the stream holds the source, if it took it at all. */
  #writeSource(source: SendSource): boolean {
    const hasRoom = this.#write(source);
    source.release();
    return hasRoom;
  }

  end(last: Uint8Array = EMPTY, trailers: FieldSection = NO_FIELDS): void {
    if (this.#isOver) return;
    if (trailers.length === 0) {
      this.#host.h3.writeData(this.#id, last, true);
    } else {
      this.#write(last);
      this.#host.h3.sendTrailers(this.#id, trailers);
    }
    this.#end();
  }

  acceptTunnel(fields: FieldSection): Tunnel {
    const offer = checkOffer(this.tunnelOffer, this.status);
    this.status = 200;
    const tunnel = new H3Tunnel(this.#host, this.#id, this.body, offer, (aborted) => {
      this.aborted ??= aborted;
      this.onClose?.();
    });
    if (this.aborted !== undefined) {
      tunnel.abort(this.aborted);
      return tunnel;
    }
    this.#isClosed = true;
    this.#host.onExchangeReplaced(this.#id, tunnel);
    this.#host.h3.respond(this.#id, 200, [...fields, ["date", this.#host.date()]], false);
    return tunnel;
  }

  reset(reason: Error): void {
    if (this.#isClosed) return;
    this.aborted ??= reason;
    const { code } = H3_ERRORS.H3_INTERNAL_ERROR;
    // RFC 9000 §3.3: RESET_STREAM takes back what has not left, and with it a head that was given in this turn.
    if (this.status === undefined) this.#host.h3.cancel(this.#id, code);
    else this.#host.cancelSoon(this.#id, code);
    this.#close();
  }

  get #isOver(): boolean {
    return this.#isClosed || this.#isEnded || this.aborted !== undefined;
  }

  #end(): void {
    this.#isEnded = true;
    if (this.readsOn && this.body.state === "open") return;
    // RFC 9114 §4.1: having answered in full, ask the client to stop sending what nobody will read.
    if (this.body.state === "open") this.#host.h3.stopReading(this.#id, H3_ERRORS.H3_NO_ERROR.code);
    this.#close();
  }

  // ── What the connection tells ─────────────────────────────────────────────────────────────────────────────────────

  handleData(): void {
    this.body.onReadable?.();
  }

  handleWritable(): void {
    this.handleRoom();
  }

  handleRoom(): void {
    if (!this.#isOver) this.onDrain?.();
  }

  handleTrailers(fields: FieldSection): void {
    this.body.trailers = fields;
  }

  handleFinished(): void {
    this.body.finish();
    if (this.#isEnded) this.#close();
  }

  /** The peer, or the connection, gave up. */
  abort(reason: Error): void {
    this.body.abort();
    if (this.#isClosed || this.aborted !== undefined) return;
    this.aborted = reason;
    this.onAbort?.(reason);
    // Nothing more comes of it: the stream's two halves are given up, and the client may have another for it.
    this.#host.h3.cancel(this.#id);
    this.#close();
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#host.room.settle(this);
    // Whoever still reads the request must not wait for what will not come.
    this.body.abort();
    this.#host.onExchangeClosed(this.#id);
    this.onClose?.();
  }
}
