/**
 * A session of MoQ Transport from draft 18 on, as a machine over a carrier: setup, requests with a stream each, GOAWAY, tokens,
 * and streams of objects. It decides nothing about tracks: requests of the peer are events, and the application answers.
 */

import { ProtocolError } from "../../../base/errors.ts";
import { Fifo } from "../../../base/fifo.ts";
import { after, earliest, type Instant, millis } from "../../../base/time.ts";
import { ControlCodec } from "../codec.ts";
import { ControlReader } from "../control-reader.ts";
import type { SubgroupHeader } from "../data/subgroup-header.ts";
import { type Draft, draftHas } from "../draft.ts";
import { moqError, REQUEST_ERRORS, SESSION_ERRORS, STREAM_ERRORS, violation } from "../errors.ts";
import type { ControlMessage, GoawayMessage } from "../messages.ts";
import type { SetupOptions } from "../model.ts";
import type { MoqCarrier, StreamDirection, StreamId } from "./carrier.ts";
import type { EndReason, MoqEvent, RequestMessage } from "./events.ts";
import { IncomingData } from "./incoming-data.ts";
import { FetchSender, SubgroupSender } from "./outgoing-data.ts";
import { RequestIds } from "./request-ids.ts";
import { checkFollowing, isRequest, newRequest, type Request } from "./requests.ts";
import { TokenCache } from "./token-cache.ts";

/** What a session is made with. */
export interface MoqSessionOptions {
  readonly draft: Draft;
  readonly role: "client" | "server";
  readonly carrier: MoqCarrier;
  /** What our SETUP says. */
  readonly setup?: SetupOptions;
  /** Requests of the peer at a time; 1,000 by default, and more are refused. */
  readonly maxRequests?: number;
}

/** A request's message without its id, which the session gives it. */
export type NewRequest = RequestMessage extends infer M
  ? M extends RequestMessage
    ? Omit<M, "requestId">
    : never
  : never;

const DEFAULT_MAX_REQUESTS = 1_000;

/** Start it, hand it what the carrier brings, and poll events. */
export class MoqSession {
  readonly #codec: ControlCodec;
  readonly #options: MoqSessionOptions;
  readonly #carrier: MoqCarrier;
  readonly #ids: RequestIds;
  readonly #tokens: TokenCache;
  readonly #events = new Fifo<MoqEvent>();
  readonly #requests = new Map<number, Request>();
  readonly #byStream = new Map<StreamId, Request>();
  /** Bidirectional streams of the peer without a message yet. */
  readonly #opening = new Map<StreamId, ControlReader>();
  readonly #data: IncomingData;
  #control: StreamId | undefined;
  #peerControl: { readonly stream: StreamId; readonly reader: ControlReader } | undefined;
  #hasSetup = false;
  #hasGoaway = false;
  #isGoing = false;
  #isClosed = false;
  #deadline: Instant | undefined;

  constructor(options: MoqSessionOptions) {
    if (draftHas(options.draft, "hasSharedControlStream")) {
      throw new RangeError(`sessions of draft ${options.draft} are not supported; from 18 on they are`);
    }
    this.#options = options;
    this.#carrier = options.carrier;
    this.#codec = new ControlCodec(options.draft);
    this.#ids = new RequestIds(options.role);
    this.#tokens = new TokenCache(options.setup?.maxTokenCache ?? 0);
    this.#data = new IncomingData(this.#codec.dialect, (event) => this.#events.push(event), {
      ours: (id) => (this.#requests.get(id)?.isOurs === true ? this.#requests.get(id)!.message : undefined),
      stop: (stream, code) => this.#carrier.stopSending(stream, code),
      fetchEnded: (id) => this.#handleFetchEnd(id),
    });
  }

  /** Opens the control stream and sends SETUP. Nothing has to wait for the peer's. */
  start(): void {
    this.#control = this.#carrier.openStream("uni");
    if (this.#control === undefined)
      throw new RangeError("no stream for SETUP: open the session when one is available");
    this.#send(this.#control, { type: "setup", options: this.#options.setup ?? {} });
  }

  /** True after a "closed" event. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Requests of both sides that have not ended. */
  get openRequests(): number {
    return this.#requests.size;
  }

  /** Bytes of data that wait for the alias of their track. */
  get held(): number {
    return this.#data.held;
  }

  /** The next event; undefined if there is none. */
  pollEvent(): MoqEvent | undefined {
    return this.#events.shift();
  }

  /** When to call `handleTimeout`. */
  nextTimeout(): Instant | undefined {
    return earliest(this.#data.nextTimeout(), this.#deadline);
  }

  /** A deadline passed. */
  handleTimeout(now: Instant): void {
    if (this.#isClosed) return;
    this.#data.handleTimeout(now);
    if (this.#deadline === undefined || now < this.#deadline) return;
    this.#fail(moqError(SESSION_ERRORS.GOAWAY_TIMEOUT, "goaway", "the peer did not leave in time"));
  }

  // ── Commands ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Sends a request; returns its id. Undefined if there is no stream for it now, or the peer is going away. */
  request(message: NewRequest): number | undefined {
    if (this.#isClosed || this.#hasGoaway) return undefined;
    const stream = this.#carrier.openStream("bidi");
    if (stream === undefined) return undefined;
    const whole = { ...message, requestId: this.#ids.take() } as RequestMessage;
    this.#add(newRequest(whole, stream, true, new ControlReader(this.#codec)));
    if (whole.type === "publish") this.#data.ourAlias(whole.requestId, whole.alias);
    this.#send(stream, whole);
    return whole.requestId;
  }

  /** Sends a message on a request's stream: an answer, an update, a namespace, the end. `fin` ends our side. */
  send(requestId: number, message: ControlMessage, fin = false): void {
    const request = this.#requests.get(requestId);
    if (request === undefined || request.isOurEndDone) return;
    if (checkFollowing(request, message, request.isOurs)) request.isAnswered = true;
    if (message.type === "subscribe-ok") this.#data.ourAlias(requestId, message.alias);
    const isOver = fin || message.type === "publish-done" || (message.type === "request-error" && !request.isOurs);
    this.#send(request.stream, message, isOver);
    if (isOver) this.#finishOurEnd(request);
  }

  /** Ends a request of either side at once. */
  cancel(requestId: number, code: number = STREAM_ERRORS.CANCELLED.code): void {
    const request = this.#requests.get(requestId);
    if (request === undefined) return;
    if (!request.isOurEndDone) this.#carrier.reset(request.stream, code);
    if (!request.isTheirEndDone) this.#carrier.stopSending(request.stream, code);
    this.#forget(request, undefined);
  }

  /** A stream for a subgroup of a track that the peer subscribed to, or accepted; undefined if there is none now. */
  openSubgroup(requestId: number, header: Omit<SubgroupHeader, "alias">): SubgroupSender | undefined {
    const alias = this.#data.aliasOf(requestId);
    const request = this.#requests.get(requestId);
    if (alias === undefined || request === undefined) throw new RangeError(`request ${requestId} has no alias`);
    const stream = this.#carrier.openStream("uni");
    if (stream === undefined) return undefined;
    request.streams += 1;
    return new SubgroupSender(this.#carrier, stream, { ...header, alias }, this.#codec.dialect);
  }

  /** The stream for the objects of a fetch of the peer, or of the fill of its subscription. Open it before the request ends. */
  openFetch(requestId: number): FetchSender | undefined {
    const request = this.#requests.get(requestId);
    if (request === undefined || request.isOurs) throw new RangeError(`request ${requestId} is no request of the peer`);
    const stream = this.#carrier.openStream("uni");
    if (stream === undefined) return undefined;
    request.streams += 1;
    const order = request.message.parameters.groupOrder ?? "ascending";
    return new FetchSender(this.#carrier, stream, requestId, this.#codec.dialect, order);
  }

  /** Streams of objects that were opened for a request: what PUBLISH_DONE says. */
  streamCount(requestId: number): number {
    return this.#requests.get(requestId)?.streams ?? 0;
  }

  /** Asks the peer to leave, within `timeout` milliseconds if that is not 0. New requests are refused from now on. */
  goaway(uri: string, timeout: number, now: Instant): void {
    if (this.#isGoing || this.#isClosed || this.#control === undefined) return;
    this.#isGoing = true;
    this.#send(this.#control, { type: "goaway", uri: this.#options.role === "client" ? "" : uri, timeout });
    if (timeout > 0) this.#deadline = after(now, millis(timeout));
  }

  /** Ends the session. A "closed" event follows. */
  close(code: number = SESSION_ERRORS.NO_ERROR.code, reason = ""): void {
    if (this.#isClosed) return;
    this.#carrier.close(code, reason);
    this.#end(code, reason, true);
  }

  // ── Events of the carrier ─────────────────────────────────────────────────────────────────────────────────────────

  /** The peer opened a stream. */
  handleStream(stream: StreamId, direction: StreamDirection): void {
    if (this.#isClosed) return;
    if (direction === "bidi") this.#opening.set(stream, new ControlReader(this.#codec));
    else this.#data.open(stream);
  }

  /** Bytes of a stream that the peer opened, or that is a request of ours; of streams that are over they are ignored. */
  handleData(stream: StreamId, direction: StreamDirection, bytes: Uint8Array, fin: boolean, now: Instant): void {
    this.#guard(() => {
      if (direction === "bidi") this.#handleRequestData(stream, bytes, fin);
      else if (this.#peerControl?.stream === stream) this.#handleControl(bytes, fin);
      else if (this.#isControl(stream, bytes)) this.#handleControl(this.#data.takeHead(stream, bytes), fin);
      else this.#data.handle(stream, bytes, fin, now);
    });
  }

  /** The peer reset a stream. */
  handleReset(stream: StreamId, code: number): void {
    this.#guard(() => {
      if (this.#peerControl?.stream === stream) throw violation("control stream", "it was reset");
      this.#opening.delete(stream);
      const request = this.#byStream.get(stream);
      if (request === undefined) this.#data.handleReset(stream, code);
      else {
        if (!request.isOurEndDone) this.#carrier.reset(stream, STREAM_ERRORS.CANCELLED.code);
        this.#forget(request, { type: "cancelled", code });
      }
    });
  }

  /** The peer does not want what we send on a stream. */
  handleStopped(stream: StreamId, code: number): void {
    if (this.#isClosed) return;
    if (this.#control === stream) {
      this.#fail(violation("control stream", "the peer stopped it"));
      return;
    }
    const request = this.#byStream.get(stream);
    if (request === undefined) {
      this.#events.push({ type: "stopped", stream, code });
      return;
    }
    if (!request.isOurEndDone) this.#carrier.reset(stream, STREAM_ERRORS.CANCELLED.code);
    this.#forget(request, { type: "cancelled", code });
  }

  /** A datagram of the peer; one whose track is not known is dropped. */
  handleDatagram(bytes: Uint8Array): void {
    this.#guard(() => this.#data.handleDatagram(bytes));
  }

  /** The connection ended. */
  handleClosed(code: number, reason: string): void {
    if (!this.#isClosed) this.#end(code, reason, false);
  }

  // ── Inside ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #guard(run: () => void): void {
    if (this.#isClosed) return;
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
    this.#isClosed = true;
    this.#deadline = undefined;
    for (const request of [...this.#requests.values()]) this.#forget(request, { type: "closed" });
    this.#opening.clear();
    this.#data.clear();
    this.#events.push({ type: "closed", code, reason, isOurs });
  }

  #send(stream: StreamId, message: ControlMessage, fin = false): void {
    this.#carrier.write(stream, this.#codec.emit(message).slice(), fin);
  }

  /** True if a new stream of the peer is its control stream; short beginnings wait. */
  #isControl(stream: StreamId, bytes: Uint8Array): boolean {
    if (!this.#data.beginsWithSetup(stream, bytes)) return false;
    if (this.#peerControl !== undefined) throw violation("control stream", "a second one");
    this.#peerControl = { stream, reader: new ControlReader(this.#codec) };
    return true;
  }

  #handleControl(bytes: Uint8Array, fin: boolean): void {
    const { reader } = this.#peerControl!;
    reader.push(bytes);
    for (let message = reader.poll(); message !== undefined; message = reader.poll())
      this.#handleControlMessage(message);
    if (fin) throw violation("control stream", "it was closed");
  }

  #handleControlMessage(message: ControlMessage): void {
    if (message.type === "goaway" && this.#hasSetup) {
      this.#handleGoaway(message);
      return;
    }
    if (message.type !== "setup" || this.#hasSetup) throw violation("control stream", `an unexpected ${message.type}`);
    this.#hasSetup = true;
    this.#tokens.resolve(message.options.tokens);
    this.#events.push({ type: "setup", options: message.options });
  }

  #handleGoaway({ uri, timeout = 0 }: GoawayMessage): void {
    if (this.#hasGoaway) throw violation("goaway", "a second time");
    if (this.#options.role === "server" && uri !== "") throw violation("goaway", "a URI from a client");
    this.#hasGoaway = true;
    this.#events.push({ type: "goaway", uri, timeout });
  }

  #handleRequestData(stream: StreamId, bytes: Uint8Array, fin: boolean): void {
    let request = this.#byStream.get(stream);
    const reader = request?.reader ?? this.#opening.get(stream);
    if (reader === undefined) return;
    reader.push(bytes);
    for (let message = reader.poll(); message !== undefined; message = reader.poll()) {
      if (request === undefined) {
        request = this.#handleRequest(stream, message, reader);
        if (request === undefined) return;
      } else {
        this.#handleFollowing(request, message);
      }
    }
    if (!fin) return;
    reader.end();
    if (request === undefined) throw violation("request stream", "it ended without a request");
    this.#finishTheirEnd(request);
  }

  /** Undefined if it was refused. */
  #handleRequest(stream: StreamId, message: ControlMessage, reader: ControlReader): Request | undefined {
    if (!isRequest(message)) throw violation("request stream", `it begins with ${message.type}`);
    this.#opening.delete(stream);
    this.#ids.accept(message.requestId);
    // Before anything else: registered tokens stay, even if the request is refused.
    const tokens = this.#tokens.resolve(message.parameters.tokens);
    const refusal = this.#isGoing
      ? REQUEST_ERRORS.GOING_AWAY
      : this.#requests.size >= (this.#options.maxRequests ?? DEFAULT_MAX_REQUESTS)
        ? REQUEST_ERRORS.EXCESSIVE_LOAD
        : undefined;
    if (refusal !== undefined) {
      this.#send(stream, { type: "request-error", code: refusal.code, reason: refusal.sentence }, true);
      this.#carrier.stopSending(stream, STREAM_ERRORS.CANCELLED.code);
      return undefined;
    }
    if (message.type === "publish") this.#data.theirAlias(message.requestId, message.alias);
    const request = newRequest(message, stream, false, reader);
    this.#add(request);
    this.#events.push({ type: "request", message, tokens });
    return request;
  }

  #handleFollowing(request: Request, message: ControlMessage): void {
    if (message.type === "request-update") {
      this.#ids.accept(message.requestId);
      this.#tokens.resolve(message.parameters.tokens);
    }
    if (checkFollowing(request, message, !request.isOurs)) {
      request.isAnswered = true;
      request.isAccepted = message.type !== "request-error";
    }
    if (message.type === "subscribe-ok") this.#data.theirAlias(request.id, message.alias);
    this.#events.push({ type: "message", requestId: request.id, message });
  }

  #add(request: Request): void {
    this.#requests.set(request.id, request);
    this.#byStream.set(request.stream, request);
  }

  #finishOurEnd(request: Request): void {
    request.isOurEndDone = true;
    if (request.isTheirEndDone) this.#forget(request, { type: "finished" });
  }

  #finishTheirEnd(request: Request): void {
    request.isTheirEndDone = true;
    // Up to draft 18, FIN of the side that asked cancels.
    const cancels = !request.isOurs && draftHas(this.#codec.draft, "cancelsByFin");
    if (cancels && !request.isOurEndDone) {
      this.#carrier.reset(request.stream, STREAM_ERRORS.CANCELLED.code);
      this.#forget(request, { type: "cancelled", code: STREAM_ERRORS.CANCELLED.code });
    } else if (request.isOurEndDone) {
      this.#forget(request, { type: "finished" });
    } else if (request.isOurs) {
      this.#finishAnswered(request);
    }
  }

  /** The peer said all it had to say; of a fetch, objects may still come. */
  #finishAnswered(request: Request): void {
    const isWaiting = request.message.type === "fetch" && request.isAccepted && !request.isDataDone;
    if (isWaiting || !request.isTheirEndDone || request.isOurEndDone) return;
    this.#carrier.write(request.stream, new Uint8Array(0), true);
    this.#forget(request, { type: "finished" });
  }

  #handleFetchEnd(requestId: number): void {
    const request = this.#requests.get(requestId);
    if (request?.isOurs !== true) return;
    request.isDataDone = true;
    this.#finishAnswered(request);
  }

  #forget(request: Request, reason: EndReason | undefined): void {
    this.#requests.delete(request.id);
    this.#byStream.delete(request.stream);
    this.#data.forget(request.id);
    if (reason !== undefined) this.#events.push({ type: "end", requestId: request.id, reason });
  }
}
