/** What sessions of all drafts share: requests by their id, tokens, events, and streams of objects. */

import type { ErrorEntry } from "../../../base/errors.ts";
import { Fifo } from "../../../base/fifo.ts";
import { after, earliest, type Instant, instant, seconds } from "../../../base/time.ts";
import { ControlCodec } from "../codec.ts";
import { type CodeSpace, streamCodes } from "../codes.ts";
import { REQUEST_ERRORS, violation } from "../errors.ts";
import type { ControlMessage, GoawayMessage } from "../messages.ts";
import { mergeParameters, type Parameters, type SetupOptions } from "../model.ts";
import type { MoqCarrier, StreamId } from "./carrier.ts";
import { CodedCarrier } from "./coded-carrier.ts";
import type { EndReason, MoqEvent, RequestMessage } from "./events.ts";
import { IncomingData } from "./incoming-data.ts";
import type { MoqSessionOptions } from "./options.ts";
import { OutgoingSet } from "./outgoing-set.ts";
import { RequestIds } from "./request-ids.ts";
import type { Request } from "./requests.ts";
import { TokenCache } from "./token-cache.ts";
import { TokenRegistry } from "./token-registry.ts";

const DEFAULT_MAX_REQUESTS = 1_000;
/** Streams that PUBLISH_DONE counted, and that do not come: reset before their header, or never opened. */
const PATIENCE = seconds(2);

interface Lingering {
  readonly streamCount: number;
  /** Undefined once it passed. */
  deadline: Instant | undefined;
  readonly finish: () => void;
}

/** The state that a session and its control plane work on. */
export class SessionCore {
  readonly options: MoqSessionOptions;
  readonly carrier: MoqCarrier;
  readonly codec: ControlCodec;
  readonly codes: CodeSpace;
  readonly ids: RequestIds;
  readonly tokens: TokenCache;
  /** Our tokens at the peer. */
  readonly registry: TokenRegistry;
  readonly outgoing = new OutgoingSet();
  readonly data: IncomingData;
  readonly events = new Fifo<MoqEvent>();
  readonly requests = new Map<number, Request>();
  /** True once the peer's setup came. */
  hasSetup = false;
  /** True once the peer sent GOAWAY. */
  hasGoaway = false;
  /** True once we did. */
  isGoing = false;
  isClosed = false;
  /** The time of the last event of the carrier. */
  now: Instant = instant(0);
  /** Subscriptions that are done while streams may still come. */
  readonly #lingering = new Map<number, Lingering>();

  constructor(options: MoqSessionOptions, fetchEnded: (request: Request) => void) {
    this.options = options;
    this.codec = new ControlCodec(options.draft);
    this.codes = streamCodes(this.codec.dialect);
    this.carrier = new CodedCarrier(options.carrier, this.codes);
    this.ids = new RequestIds(options.role);
    this.tokens = new TokenCache(options.setup?.maxTokenCache ?? 0);
    // Requests on streams of their own may overtake the one that registers a token.
    this.registry = new TokenRegistry(this.codec.dialect.has("hasSharedControlStream"));
    this.data = new IncomingData(this.codec.dialect, (event) => this.emit(event), {
      ours: (id) => (this.requests.get(id)?.isOurs === true ? this.requests.get(id)!.message : undefined),
      stop: (stream, code) => this.carrier.stopSending(stream, code),
      fetchEnded: (id) => {
        const request = this.requests.get(id);
        // The fill of a subscription is one of its streams.
        if (request?.isOurs === true && request.type === "fetch") fetchEnded(request);
      },
      subgroupEnded: (id) => this.#checkLingering(id),
    });
  }

  get maxRequests(): number {
    return this.options.maxRequests ?? DEFAULT_MAX_REQUESTS;
  }

  emit(event: MoqEvent): void {
    this.events.push(event);
  }

  write(stream: StreamId, message: ControlMessage, fin = false): void {
    this.carrier.write(stream, this.codec.emit(message).slice(), fin);
  }

  /** Why a new request of the peer is refused; undefined if it is not. */
  refusal(): ErrorEntry | undefined {
    if (this.isGoing) return REQUEST_ERRORS.GOING_AWAY;
    return this.requests.size >= this.maxRequests ? REQUEST_ERRORS.EXCESSIVE_LOAD : undefined;
  }

  add(request: Request): void {
    this.requests.set(request.id, request);
    if (request.isOurs && request.message.type === "publish") this.data.ourAlias(request.id, request.message.alias);
  }

  /** An update of a request, of its subscriber. */
  update(request: Request, update: Parameters): void {
    request.parameters = mergeParameters(request.parameters, update);
    if (update.priority === undefined) return;
    for (const sender of this.outgoing.of(request.id)) sender.setPriority(update.priority);
  }

  /** A request of the peer that is not refused. */
  accept(request: Request, message: RequestMessage, tokens: ReturnType<TokenCache["resolve"]>): void {
    if (message.type === "publish") this.data.theirAlias(message.requestId, message.alias);
    this.add(request);
    this.emit({ type: "request", message, tokens });
    this.data.release(request.id);
  }

  /** Tells of a message on a request, of the peer. */
  tell(request: Request, message: ControlMessage): void {
    if (message.type === "subscribe-ok") {
      request.largest = message.parameters.largest;
      this.data.theirAlias(request.id, message.alias);
    }
    this.registry.confirm(request.isOurs ? request.message.parameters.tokens : undefined);
    this.emit({ type: "message", requestId: request.id, message });
    if (message.type === "subscribe-ok") this.data.release(request.id);
  }

  forget(request: Request, reason: EndReason | undefined): void {
    if (!this.requests.delete(request.id)) return;
    this.data.forget(request.id);
    this.#lingering.delete(request.id);
    if (reason !== undefined) this.emit({ type: "end", requestId: request.id, reason });
  }

  /** PUBLISH_DONE may overtake streams: calls `finish` once all of them ended, or if some do not come in time. */
  waitForStreams(request: Request, streamCount: number | undefined, finish: () => void): void {
    request.isDone = true;
    const deadline = after(this.now, PATIENCE);
    this.#lingering.set(request.id, { streamCount: streamCount ?? Number.POSITIVE_INFINITY, deadline, finish });
    this.#checkLingering(request.id);
  }

  #checkLingering(id: number): void {
    const lingering = this.#lingering.get(id);
    if (lingering === undefined) return;
    const { begun, open } = this.data.streamsOf(id);
    const isComplete = lingering.deadline === undefined || begun >= lingering.streamCount;
    if (!isComplete || open > 0) return;
    this.#lingering.delete(id);
    lingering.finish();
  }

  nextTimeout(): Instant | undefined {
    let next = earliest(this.data.nextTimeout(), this.outgoing.nextTimeout());
    for (const { deadline } of this.#lingering.values()) next = earliest(next, deadline);
    return next;
  }

  handleTimeout(now: Instant): void {
    this.now = now;
    this.data.handleTimeout(now);
    for (const { stream, requestId } of this.outgoing.handleTimeout(now))
      this.emit({ type: "expired", stream, requestId });
    for (const [id, lingering] of [...this.#lingering]) {
      if (lingering.deadline === undefined || lingering.deadline > now) continue;
      lingering.deadline = undefined;
      this.#checkLingering(id);
    }
  }

  handleSetup(options: SetupOptions): void {
    this.hasSetup = true;
    this.tokens.resolve(options.tokens);
    this.registry.handleSetup(options.maxTokenCache ?? 0);
    this.emit({ type: "setup", options });
  }

  handleGoaway({ uri, timeout = 0 }: GoawayMessage): void {
    if (this.hasGoaway) throw violation("goaway", "a second time");
    if (this.options.role === "server" && uri !== "") throw violation("goaway", "a URI from a client");
    this.hasGoaway = true;
    this.emit({ type: "goaway", uri, timeout });
  }
}
