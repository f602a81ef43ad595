/**
 * A session of MoQ Transport as a machine over a carrier: setup, requests, GOAWAY, tokens, and streams of objects. It decides nothing
 * about tracks: requests of the peer are events, and the application answers. All drafts have the same events and commands: up to
 * draft 16 requests share a stream (`shared/`), later each has its own.
 */

import { ProtocolError } from "../../../base/errors.ts";
import { after, earliest, type Instant, millis } from "../../../base/time.ts";
import { emitDatagram, type ObjectDatagram } from "../data/datagram.ts";
import type { SubgroupHeader } from "../data/subgroup-header.ts";
import { type Draft, draftHas } from "../draft.ts";
import { moqError, SESSION_ERRORS, STREAM_ERRORS } from "../errors.ts";
import type { ControlMessage } from "../messages.ts";
import type { Parameters } from "../model.ts";
import type { StreamDirection, StreamId } from "./carrier.ts";
import type { ControlPlane } from "./control-plane.ts";
import { SessionCore } from "./core.ts";
import type { MoqEvent } from "./events.ts";
import type { MoqSessionOptions, NewRequest } from "./options.ts";
import { FetchSender, SubgroupSender } from "./outgoing-data.ts";
import { SharedControl } from "./shared/shared-control.ts";
import { StreamedControl } from "./streamed-control.ts";

/** Start it, hand it what the carrier brings, and poll events. */
export class MoqSession {
  readonly #core: SessionCore;
  readonly #plane: ControlPlane;
  #deadline: Instant | undefined;

  constructor(options: MoqSessionOptions) {
    this.#core = new SessionCore(options, (request) => this.#plane.handleFetchEnd(request));
    const isShared = draftHas(options.draft, "hasSharedControlStream");
    this.#plane = isShared ? new SharedControl(this.#core) : new StreamedControl(this.#core);
  }

  /** Sends SETUP; a server of drafts up to 16 waits for the client's. Requests may be made at once. */
  start(): void {
    this.#plane.start();
  }

  /** The draft that is spoken. */
  get draft(): Draft {
    return this.#core.codec.draft;
  }

  /** True after a "closed" event. */
  get isClosed(): boolean {
    return this.#core.isClosed;
  }

  /** Requests of both sides that have not ended. */
  get openRequests(): number {
    return this.#core.requests.size;
  }

  /** Bytes of data that wait for the alias of their track. */
  get held(): number {
    return this.#core.data.held;
  }

  /** The next event; undefined if there is none. */
  pollEvent(): MoqEvent | undefined {
    return this.#core.events.shift();
  }

  /** When to call `handleTimeout`. */
  nextTimeout(): Instant | undefined {
    return this.isClosed ? undefined : earliest(this.#core.nextTimeout(), this.#deadline);
  }

  /** A deadline passed. */
  handleTimeout(now: Instant): void {
    if (this.isClosed) return;
    this.#core.handleTimeout(now);
    if (this.#deadline === undefined || now < this.#deadline) return;
    this.#fail(moqError(SESSION_ERRORS.GOAWAY_TIMEOUT, "goaway", "the peer did not leave in time"));
  }

  // ── Commands ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Sends a request; returns its id. Undefined if there is no stream for it now, or the peer is going away. Up to draft 16 a request
   * waits for the peer's setup, and for as long as the peer allows no more.
   */
  request(message: NewRequest): number | undefined {
    return this.isClosed || this.#core.hasGoaway ? undefined : this.#plane.request(message);
  }

  /** Sends a message that belongs to a request: an answer, a namespace, the end. `fin` if it is the last one. */
  send(requestId: number, message: ControlMessage, fin = false): void {
    const request = this.#core.requests.get(requestId);
    if (request === undefined) return;
    if (message.type === "subscribe-ok") {
      request.largest = message.parameters.largest;
      this.#core.data.ourAlias(requestId, message.alias);
    }
    this.#plane.send(request, message, fin);
  }

  /** Changes a request; REQUEST_OK or REQUEST_ERROR follow as messages of the request. */
  update(requestId: number, parameters: Parameters): void {
    this.send(requestId, { type: "request-update", requestId, parameters });
  }

  /** Ends a request of either side at once. */
  cancel(requestId: number, code: number = STREAM_ERRORS.CANCELLED.code): void {
    const request = this.#core.requests.get(requestId);
    if (request !== undefined) this.#plane.cancel(request, code);
  }

  /** A stream for a subgroup of a track that the peer subscribed to, or accepted; undefined if there is none now. */
  openSubgroup(requestId: number, header: Omit<SubgroupHeader, "alias">): SubgroupSender | undefined {
    const { data, requests, carrier, codec } = this.#core;
    const alias = data.aliasOf(requestId);
    const request = requests.get(requestId);
    if (alias === undefined || request === undefined) throw new RangeError(`request ${requestId} has no alias`);
    const stream = carrier.openStream("uni");
    if (stream === undefined) return undefined;
    request.streams += 1;
    return new SubgroupSender(carrier, stream, { ...header, alias }, codec.dialect);
  }

  /** The stream for the objects of a fetch of the peer, or of the fill of its subscription. Open it before the request ends. */
  openFetch(requestId: number): FetchSender | undefined {
    const { requests, carrier, codec } = this.#core;
    const request = requests.get(requestId);
    if (request === undefined || request.isOurs) throw new RangeError(`request ${requestId} is no request of the peer`);
    const stream = carrier.openStream("uni");
    if (stream === undefined) return undefined;
    request.streams += 1;
    const order = request.parameters.groupOrder ?? "ascending";
    const ended = (): void => {
      if (request.type === "fetch") this.#plane.handleFetchSent(request);
    };
    return new FetchSender(carrier, stream, requestId, codec.dialect, order, ended);
  }

  /** Sends an object as a datagram, which may be lost, to a subscriber. */
  sendDatagram(requestId: number, datagram: Omit<ObjectDatagram, "alias">): void {
    const { data, carrier, codec } = this.#core;
    const alias = data.aliasOf(requestId);
    if (alias === undefined) throw new RangeError(`request ${requestId} has no alias`);
    carrier.sendDatagram(emitDatagram({ ...datagram, alias }, codec.dialect).slice());
  }

  /** Streams of objects that were opened for a request: what PUBLISH_DONE says. */
  streamCount(requestId: number): number {
    return this.#core.requests.get(requestId)?.streams ?? 0;
  }

  /** Asks the peer to leave, within `timeout` milliseconds if that is not 0. New requests are refused from now on. */
  goaway(uri: string, timeout: number, now: Instant): void {
    if (this.#core.isGoing || this.isClosed || !this.#plane.isReady) return;
    this.#core.isGoing = true;
    this.#plane.goaway(this.#core.options.role === "client" ? "" : uri, timeout);
    if (timeout > 0) this.#deadline = after(now, millis(timeout));
  }

  /** Ends the session. A "closed" event follows. */
  close(code: number = SESSION_ERRORS.NO_ERROR.code, reason = ""): void {
    if (this.isClosed) return;
    this.#core.carrier.close(code, reason);
    this.#end(code, reason, true);
  }

  // ── Events of the carrier ─────────────────────────────────────────────────────────────────────────────────────────

  /** The peer opened a stream. */
  handleStream(stream: StreamId, direction: StreamDirection): void {
    if (this.isClosed) return;
    if (direction === "bidi") this.#plane.handleStream(stream);
    else this.#core.data.open(stream);
  }

  /** Bytes of a stream that the peer opened, or that is one of ours in both directions; of streams that are over they are ignored. */
  handleData(stream: StreamId, direction: StreamDirection, bytes: Uint8Array, fin: boolean, now: Instant): void {
    this.#core.now = now;
    this.#guard(() => {
      if (direction === "bidi") this.#plane.handleBidi(stream, bytes, fin);
      else if (!this.#plane.handleUni(stream, bytes, fin)) this.#core.data.handle(stream, bytes, fin, now);
    });
  }

  /** The peer reset a stream. */
  handleReset(stream: StreamId, code: number): void {
    const meaning = this.#core.codes.fromWire(code);
    this.#guard(() => {
      if (!this.#plane.handleReset(stream, meaning)) this.#core.data.handleReset(stream, meaning);
    });
  }

  /** The peer does not want what we send on a stream. */
  handleStopped(stream: StreamId, code: number): void {
    const meaning = this.#core.codes.fromWire(code);
    this.#guard(() => {
      if (!this.#plane.handleStopped(stream, meaning)) this.#core.emit({ type: "stopped", stream, code: meaning });
    });
  }

  /** A datagram of the peer; one whose track is not known is dropped. */
  handleDatagram(bytes: Uint8Array): void {
    this.#guard(() => this.#core.data.handleDatagram(bytes));
  }

  /** The connection ended. */
  handleClosed(code: number, reason: string): void {
    if (!this.isClosed) this.#end(code, reason, false);
  }

  // ── Inside ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #guard(run: () => void): void {
    if (this.isClosed) return;
    try {
      run();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#fail(error);
    }
  }

  #fail(error: ProtocolError): void {
    this.close(error.code, error.message);
  }

  #end(code: number, reason: string, isOurs: boolean): void {
    const core = this.#core;
    core.isClosed = true;
    this.#deadline = undefined;
    for (const request of [...core.requests.values()]) core.forget(request, { type: "closed" });
    this.#plane.clear();
    core.data.clear();
    core.emit({ type: "closed", code, reason, isOurs });
  }
}
