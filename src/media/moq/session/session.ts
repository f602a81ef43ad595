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
import type { KeyValue, Location, Parameters, Token } from "../model.ts";
import { Selection } from "../selection.ts";
import type { StreamDirection, StreamId } from "./carrier.ts";
import type { ControlPlane } from "./control-plane.ts";
import { SessionCore } from "./core.ts";
import { deliveryOf, type Timeouts, timeoutsOf } from "./delivery.ts";
import type { MoqEvent, RequestMessage } from "./events.ts";
import type { MoqSessionOptions, NewRequest } from "./options.ts";
import { FetchSender, type SenderHooks, SubgroupSender } from "./outgoing-data.ts";
import { type FetchPlan, type FetchRange, planFetch, planFill } from "./ranges.ts";
import type { Request } from "./requests.ts";
import { SharedControl } from "./shared/shared-control.ts";
import { StreamedControl } from "./streamed-control.ts";
import type { ResolvedToken } from "./token-cache.ts";

const DEFAULT_PRIORITY = 128;

/** A request of ours. */
export interface OwnRequest {
  readonly message: RequestMessage;
  readonly parameters: Parameters;
  readonly newestGroup: number | undefined;
}

/** Start it, hand it what the carrier brings, and poll events. */
export class MoqSession {
  readonly #core: SessionCore;
  readonly #plane: ControlPlane;
  readonly #hooks: SenderHooks;
  #deadline: Instant | undefined;

  constructor(options: MoqSessionOptions) {
    this.#core = new SessionCore(options, (request) => this.#plane.handleFetchEnd(request));
    const isShared = draftHas(options.draft, "hasSharedControlStream");
    this.#plane = isShared ? new SharedControl(this.#core) : new StreamedControl(this.#core);
    const { outgoing, carrier, codec, requests } = this.#core;
    this.#hooks = {
      carrier,
      dialect: codec.dialect,
      now: () => this.#core.now,
      setDeadline: (sender, deadline) => outgoing.setDeadline(sender, deadline),
      ended: (sender) => {
        outgoing.handleEnded(sender);
        const request = requests.get(sender.requestId);
        if (request?.isOurs === false && request.type === "fetch") this.#plane.handleFetchSent(request);
      },
    };
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

  /** Our requests that have not ended, with all updates, and the newest group of which something came. */
  ownRequests(): OwnRequest[] {
    const { requests, data } = this.#core;
    return [...requests.values()].flatMap(({ id, isOurs, isDone, message, parameters }) =>
      isOurs && !isDone ? [{ message, parameters, newestGroup: data.streamsOf(id).newest }] : [],
    );
  }

  /** Streams of the peer's objects that are open, of a subscription. */
  openStreams(requestId: number): number {
    return this.#core.data.streamsOf(requestId).open;
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
      request.delivery = deliveryOf(message.properties, message.parameters);
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

  /** A stream for a subgroup of a track that the peer subscribed to, or accepted; undefined if there is none now, or the request is over. */
  openSubgroup(requestId: number, header: Omit<SubgroupHeader, "alias">): SubgroupSender | undefined {
    const { data, requests, carrier, outgoing } = this.#core;
    const alias = data.aliasOf(requestId);
    const request = requests.get(requestId);
    if (request === undefined) return undefined;
    if (alias === undefined) throw new RangeError(`request ${requestId} has no alias`);
    const stream = carrier.openStream("uni");
    if (stream === undefined) return undefined;
    request.streams += 1;
    request.firstGroup ??= header.group;
    const { delivery, firstGroup } = request;
    const timeouts = (first: readonly KeyValue[]): Timeouts => timeoutsOf(delivery, request.parameters, first);
    const sender = new SubgroupSender(
      this.#hooks,
      stream,
      requestId,
      { ...header, alias },
      {
        subscriber: request.parameters.priority ?? DEFAULT_PRIORITY,
        publisher: header.priority ?? delivery.priority,
        order: request.parameters.groupOrder ?? delivery.order,
        group: header.group - firstGroup,
        subgroup: header.subgroup === "first-object" ? 0 : header.subgroup,
      },
      timeouts,
    );
    outgoing.add(sender);
    return sender;
  }

  /** The stream for the objects of a fetch of the peer, or of the fill of its subscription. Open it before the request ends. */
  openFetch(requestId: number): FetchSender | undefined {
    const { carrier, outgoing } = this.#core;
    const request = this.#peerRequest(requestId);
    const stream = request === undefined ? undefined : carrier.openStream("uni");
    if (request === undefined || stream === undefined) return undefined;
    request.streams += 1;
    const { fill, groupOrder, priority } = request.parameters;
    const sender = new FetchSender(
      this.#hooks,
      stream,
      requestId,
      fill?.groupOrder ?? groupOrder ?? "ascending",
      fill?.priority ?? priority ?? DEFAULT_PRIORITY,
    );
    outgoing.add(sender);
    return sender;
  }

  /**
   * What a fetch of the peer asks for, or why it is to be refused; undefined if it is over. `largest` is the newest object of its track.
   */
  planFetch(requestId: number, largest?: Location): FetchPlan | undefined {
    const request = this.#peerRequest(requestId);
    return request && planFetch(request, largest, (id) => this.#core.requests.get(id));
  }

  /** What a subscription of the peer wants of the past, on a stream of `openFetch`; undefined if nothing. Ask after accepting it. */
  planFill(requestId: number): FetchRange | undefined {
    const request = this.#peerRequest(requestId);
    return request && planFill(request);
  }

  /** Which objects a subscriber wants, with all updates; undefined if the subscription is over. Ask after it was accepted. */
  selection(requestId: number): Selection | undefined {
    const request = this.#core.requests.get(requestId);
    return request && new Selection(request.parameters, request.largest);
  }

  /** Sends an object as a datagram, which may be lost, to a subscriber. */
  sendDatagram(requestId: number, datagram: Omit<ObjectDatagram, "alias">): void {
    const { data, requests, carrier, codec } = this.#core;
    if (!requests.has(requestId)) return;
    const alias = data.aliasOf(requestId);
    if (alias === undefined) throw new RangeError(`request ${requestId} has no alias`);
    carrier.sendDatagram(emitDatagram({ ...datagram, alias }, codec.dialect).slice());
  }

  /** How to say a token of ours in the next request: with an alias, if the peer keeps it. */
  sayToken(token: ResolvedToken): Token {
    return this.#core.registry.say(token);
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
      if (this.#plane.handleStopped(stream, meaning)) return;
      if (this.#core.outgoing.has(stream)) this.#core.emit({ type: "stopped", stream, code: meaning });
    });
  }

  /** The peer has everything of a stream of ours: timeouts of its subgroup are over. */
  handleDelivered(stream: StreamId): void {
    this.#core.outgoing.handleDelivered(stream);
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

  #peerRequest(requestId: number): Request | undefined {
    const request = this.#core.requests.get(requestId);
    if (request?.isOurs === true) throw new RangeError(`request ${requestId} is no request of the peer`);
    return request;
  }

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
    core.outgoing.clear();
    core.emit({ type: "closed", code, reason, isOurs });
  }
}
