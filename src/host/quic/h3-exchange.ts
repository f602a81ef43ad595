/** A ServerExchange on an HTTP/3 request stream (RFC 9114 §4.1). */

import { H3_ERRORS, MAX_JOINED_CONTENT, type RequestHead } from "../../h3/index.ts";
import { type FieldSection, fieldValue, withEmptyLength } from "../../http/index.ts";
import type { PartialPriority, Priority } from "../../http/priority/index.ts";
import { SendSource, type StreamId } from "../../quic/index.ts";
import { requestsSession, type SessionStreams } from "../../webtransport/h3/index.ts";
import { guard } from "../guard.ts";
import type {
  ClientIdentity,
  ConnectionInfo,
  PeerAddress,
  ReleaseChunk,
  RespondOptions,
  ServerExchange,
} from "../http/exchange.ts";
import { checkOffer, type Tunnel, type TunnelOffer } from "../http/tunnel.ts";
import { H3Body, type H3ExchangeHost, type H3StreamHandler } from "./h3-stream.ts";
import { H3Tunnel } from "./h3-tunnel.ts";
import { H3TunnelDatagrams } from "./h3-tunnel-datagrams.ts";

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
  onPriority: ((priority: Priority) => void) | undefined;
  preparedBytes = 0;

  readonly #host: H3ExchangeHost;
  readonly #id: StreamId;
  /** False if the handshake was complete when the request arrived. */
  readonly #cameEarly: boolean;
  readonly #datagrams: H3TunnelDatagrams | undefined;
  readonly #sessionStreams: SessionStreams | undefined;
  #isEnded = false;
  #isClosed = false;

  constructor(host: H3ExchangeHost, id: StreamId, head: RequestHead, fin: boolean) {
    this.#host = host;
    this.#id = id;
    this.#cameEarly = host.confirmation.isPending;
    this.method = head.method;
    this.authority = head.authority ?? "";
    this.path = head.path ?? "";
    this.fields = head.fields;
    this.body = new H3Body(host, id, fin);
    this.tunnelOffer = head.method === "CONNECT" ? { protocol: head.protocol } : undefined;
    if (head.protocol !== undefined) this.#datagrams = new H3TunnelDatagrams(host.h3, id);
    if (requestsSession(head.protocol)) this.#sessionStreams = host.webTransport?.add(id);
  }

  get remoteAddress(): PeerAddress {
    return this.#host.remoteAddress;
  }

  get localAddress(): PeerAddress {
    return this.#host.localAddress;
  }

  get firstAddress(): PeerAddress {
    return this.#host.firstAddress;
  }

  get connection(): ConnectionInfo {
    return this.#host.info;
  }

  get client(): ClientIdentity | undefined {
    return this.#host.client;
  }

  get earlyData(): boolean {
    return this.#cameEarly && this.#host.confirmation.isPending;
  }

  get confirmed(): Promise<void> {
    return this.#cameEarly ? this.#host.confirmation.promise : Promise.resolve();
  }

  get priority(): Priority {
    return this.#host.h3.priorities.get(this.#id);
  }

  prioritize(members: PartialPriority): void {
    this.#host.h3.priorities.prioritize(this.#id, members);
  }

  get awaitsBody(): boolean {
    return this.status === undefined && this.body.state === "open" && this.body.isAwaited;
  }

  inform(status: number, fields: FieldSection): void {
    if (this.#isFinished || this.status !== undefined) return;
    this.#host.h3.inform(this.#id, status, fields);
  }

  respond(status: number, fields: FieldSection, options?: RespondOptions): void {
    if (this.status !== undefined) throw new Error("the response has already begun");
    this.status = status;
    if (this.#isFinished) return;
    const isEnd = options?.endStream === true;
    const sent = isEnd ? withEmptyLength(this.method, status, fields) : fields;
    this.#host.h3.respond(this.#id, status, options?.sendDate === false ? sent : this.#dated(sent), isEnd);
    if (isEnd) this.#end();
  }

  /** RFC 9110 §6.6.1 */
  #dated(fields: FieldSection): FieldSection {
    return fieldValue(fields, "date") === undefined ? [...fields, ["date", this.#host.date()]] : fields;
  }

  respondWhole(status: number, fields: FieldSection, content: Uint8Array): void {
    if (content.length === 0 || content.length > MAX_JOINED_CONTENT) {
      this.respond(status, fields);
      this.end(content);
      return;
    }
    if (this.status !== undefined) throw new Error("the response has already begun");
    this.status = status;
    if (this.#isFinished) return;
    this.#host.h3.respondWhole(this.#id, status, this.#dated(fields), content);
    this.#end();
  }

  hasRoom(bytes = 0): boolean {
    return this.#isFinished || (this.#host.h3.hasRoom(this.#id) && this.#host.room.has(this, bytes));
  }

  write(chunk: Uint8Array, released?: ReleaseChunk): boolean {
    if (this.#isFinished) {
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

  /** Releases our reference to the source: only the stream holds it now, if it accepted it. */
  #writeSource(source: SendSource): boolean {
    const hasRoom = this.#write(source);
    source.release();
    return hasRoom;
  }

  end(last: Uint8Array = EMPTY, trailers: FieldSection = NO_FIELDS): void {
    if (this.#isFinished) return;
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
    const parts = { datagrams: this.#datagrams, sessionStreams: this.#sessionStreams };
    const tunnel = new H3Tunnel(this.#host, this.#id, this.body, offer, parts, (aborted) => {
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
    // RESET_STREAM discards unsent data (RFC 9000 §3.3), including a head written in this turn, so defer it.
    if (this.status === undefined) this.#host.h3.cancel(this.#id, code);
    else this.#host.cancelSoon(this.#id, code);
    this.#close();
  }

  get #isFinished(): boolean {
    return this.#isClosed || this.#isEnded || this.aborted !== undefined;
  }

  #end(): void {
    this.#isEnded = true;
    if (this.readsOn && this.body.state === "open") return;
    // RFC 9114 §4.1: after a complete response, ask the client to stop sending the rest of the request.
    if (this.body.state === "open") this.#host.h3.stopReading(this.#id, H3_ERRORS.H3_NO_ERROR.code);
    this.#close();
  }

  // ── Events of the connection ──────────────────────────────────────────────────────────────────────────────────────

  handleData(): void {
    this.body.onReadable?.();
  }

  handleWritable(): void {
    this.handleRoom();
  }

  handleRoom(): void {
    if (!this.#isFinished) this.onDrain?.();
  }

  handlePriority(priority: Priority): void {
    if (!this.#isFinished) this.onPriority?.(priority);
  }

  handleTrailers(fields: FieldSection): void {
    this.body.trailers = fields;
  }

  handleDatagram(payload: Uint8Array): void {
    this.#datagrams?.handle(payload);
  }

  handleFinished(): void {
    this.body.finish();
    if (this.#isEnded) this.#close();
  }

  abort(reason: Error): void {
    this.body.abort();
    if (this.#isClosed || this.aborted !== undefined) return;
    this.aborted = reason;
    this.onAbort?.(reason);
    // Reset both directions, so that the client can open another stream in its place.
    this.#host.h3.cancel(this.#id);
    this.#close();
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#host.room.settle(this);
    // Wake a reader of the request: no more content will arrive.
    this.body.abort();
    this.#sessionStreams?.close();
    this.#host.onExchangeClosed(this.#id);
    this.onClose?.();
  }
}
