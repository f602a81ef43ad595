/**
 * A peer that speaks MoQ Transport: its session's requests as calls of the relay, and what the relay wants as requests of the session.
 * The host hands it what the carrier brings.
 */

import type { Instant } from "../../../base/time.ts";
import { REQUEST_ERRORS, SESSION_ERRORS, STREAM_ERRORS } from "../../moq/errors.ts";
import { Dialect } from "../../moq/fields.ts";
import type { FetchMessage, PublishMessage, SubscribeMessage } from "../../moq/messages.ts";
import type { Namespace, Parameters, TrackName } from "../../moq/model.ts";
import {
  type MoqEvent,
  MoqSession,
  type RequestMessage,
  type ResolvedToken,
  type StreamDirection,
  type StreamId,
} from "../../moq/session/index.ts";
import { PLAIN_TRACK, type Refusal, type TrackInfo } from "../model.ts";
import type { Registration, RelayPeer, ViewRequest } from "../peer.ts";
import { Asking } from "./asking.ts";
import { endOf, refusalMessage, refusalOf } from "./codes.ts";
import { IncomingObjects } from "./incoming.ts";
import type { MoqPeerOptions } from "./options.ts";
import { MoqFetchOutlet, MoqOutlet, type OutletSession } from "./outlets.ts";
import { fetchRange, rangeOf, viewRequest } from "./ranges.ts";
import { PeerWatches } from "./watches.ts";

/** What our side wants of a peer that it connected to; all are namespaces, or prefixes of them. */
export interface JoinWishes {
  readonly announce?: readonly Namespace[];
  readonly push?: readonly Namespace[];
  readonly watch?: readonly Namespace[];
  readonly ask?: readonly Namespace[];
}

/** One session of MoQ Transport with the relay. */
export class MoqPeer {
  readonly #options: MoqPeerOptions;
  readonly #session: MoqSession;
  readonly #peer: RelayPeer;
  readonly #parent: OutletSession;
  readonly #incoming: IncomingObjects;
  /** Subscriptions of the peer, and tracks that it was offered, by request. */
  readonly #outlets = new Map<number, MoqOutlet>();
  /** Tracks that were offered, and not taken yet. */
  readonly #offers = new Map<number, { readonly track: TrackName; readonly alias: number }>();
  readonly #fetches = new Map<number, MoqFetchOutlet>();
  /** Announcements and watches of the peer. */
  readonly #registrations = new Map<number, Registration>();
  /** What it watches. */
  readonly #watches: PeerWatches;
  readonly #asking: Asking;
  #nextAlias = 0;
  /** True while tokens are judged: events wait. */
  #isJudging = false;
  #isClosed = false;

  constructor(options: MoqPeerOptions) {
    const { relay, draft, role, carrier, label, grant, setup, maxRequests } = options;
    this.#options = options;
    this.#session = new MoqSession({
      draft,
      role,
      carrier,
      ...(setup === undefined ? {} : { setup }),
      ...(maxRequests === undefined ? {} : { maxRequests }),
    });
    this.#parent = { session: this.#session, carrier, dialect: new Dialect(draft), streams: new Map() };
    this.#incoming = new IncomingObjects((stream) => {
      carrier.stopSending(stream, STREAM_ERRORS.CANCELLED.code);
      // Nothing more comes of it.
      this.#session.handleReset(stream, STREAM_ERRORS.CANCELLED.code);
    });
    this.#asking = new Asking(this.#parent, this.#incoming, () => this.#peer);
    this.#watches = new PeerWatches(
      this.#parent,
      () => this.#peer,
      (track, info) => this.#offer(track, info),
    );
    this.#peer = relay.addPeer({
      label,
      grant,
      source: this.#asking,
      onExpired: () => this.#session.close(SESSION_ERRORS.EXPIRED_AUTH_TOKEN.code, "the token expired"),
    });
  }

  /** Sends SETUP. */
  start(now: Instant): void {
    this.#session.start();
    this.#options.onStarted?.();
    this.#poll(now);
  }

  /**
   * What our side wants of a peer that it connected to: to announce namespaces, to push all tracks below prefixes, to hear of
   * namespaces, or to ask it for tracks although it announced nothing.
   */
  join({ announce = [], push = [], watch = [], ask = [] }: JoinWishes, now: Instant): void {
    const parameters: Parameters = {};
    for (const namespace of announce) this.#session.request({ type: "publish-namespace", namespace, parameters });
    for (const prefix of push) {
      this.#peer.watchTracks(prefix, { published: (track, info) => this.#offer(track, info) }, now);
    }
    for (const prefix of watch) this.#asking.watch(prefix);
    for (const namespace of ask) this.#peer.announce(namespace, now);
  }

  /** Asks the peer to leave, and refuses what is new. Milliseconds; 0 for no limit. */
  goaway(uri: string, timeout: number, now: Instant): void {
    this.#session.goaway(uri, timeout, now);
  }

  /** Ends the session. */
  close(code: number, reason: string, now: Instant): void {
    this.#session.close(code, reason);
    this.#poll(now);
  }

  // ── What the carrier brings ───────────────────────────────────────────────────────────────────────────────────────

  /** The peer opened a stream. */
  handleStream(stream: StreamId, direction: StreamDirection): void {
    this.#session.handleStream(stream, direction);
  }

  /** Bytes of a stream, and its end with `fin`. */
  handleData(stream: StreamId, direction: StreamDirection, bytes: Uint8Array, fin: boolean, now: Instant): void {
    this.#session.handleData(stream, direction, bytes, fin, now);
    this.#poll(now);
  }

  /** The peer abandoned a stream. */
  handleReset(stream: StreamId, code: number, now: Instant): void {
    this.#session.handleReset(stream, code);
    this.#poll(now);
  }

  /** The peer does not want a stream of ours. */
  handleStopped(stream: StreamId, code: number, now: Instant): void {
    this.#session.handleStopped(stream, code);
    this.#poll(now);
  }

  /** A stream has room again. */
  handleWritable(stream: StreamId, now: Instant): void {
    this.#parent.streams.get(stream)?.handleRoom(now);
  }

  /** The peer allows more streams. */
  handleStreamsAvailable(now: Instant): void {
    for (const { view } of [...this.#outlets.values()]) view?.handleRoom(now);
  }

  /** A datagram of the peer. */
  handleDatagram(bytes: Uint8Array, now: Instant): void {
    this.#session.handleDatagram(bytes);
    this.#poll(now);
  }

  /** The connection ended. */
  handleClosed(code: number, reason: string, now: Instant): void {
    this.#session.handleClosed(code, reason);
    this.#poll(now);
  }

  /** When to call `handleTimeout`. */
  nextTimeout(): Instant | undefined {
    return this.#session.nextTimeout();
  }

  /** A deadline passed. */
  handleTimeout(now: Instant): void {
    this.#session.handleTimeout(now);
    this.#poll(now);
  }

  // ── Events ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #poll(now: Instant): void {
    while (!this.#isJudging) {
      const event = this.#session.pollEvent();
      if (event === undefined) return;
      this.#handle(event, now);
    }
  }

  #handle(event: MoqEvent, now: Instant): void {
    const incoming = this.#incoming;
    switch (event.type) {
      case "setup": {
        const tokens = (event.options.tokens ?? []).flatMap((each) =>
          each.action === "use-value" || each.action === "register" ? [{ type: each.type, value: each.value }] : [],
        );
        this.#judge(
          tokens,
          (refusal) => this.#session.close(SESSION_ERRORS.UNAUTHORIZED.code, refusal.message),
          () => {},
          now,
        );
        break;
      }
      case "request": {
        const { message, tokens } = event;
        const refuse = (refusal: Refusal): void => this.#refuse(message.requestId, refusal);
        this.#judge(tokens, refuse, (at) => this.#handleRequest(message, at), now);
        break;
      }
      case "message":
        this.#handleMessage(event.requestId, event.message, now);
        break;
      case "end":
        this.#handleEnd(event.requestId, event.reason.type === "finished", now);
        break;
      case "subgroup":
        incoming.handleSubgroup(event.stream, event.requestId, event.header);
        break;
      case "object":
        incoming.handleObject(event.stream, event.object, now);
        break;
      case "payload":
        incoming.handlePayload(event.stream, event.bytes, now);
        break;
      case "stream-end":
        incoming.handleEnd(event.stream, event.code, now);
        break;
      case "datagram":
        incoming.handleDatagram(event.requestId, event.datagram, now);
        break;
      case "stopped":
        this.#parent.streams.get(event.stream)?.handleStopped(now);
        break;
      case "goaway":
        this.#options.onGoaway?.(event.uri, event.timeout);
        break;
      case "closed":
        this.#handleClose(event.code, event.reason, now);
        break;
    }
  }

  /** Goes on when it is known what the tokens allow; events wait meanwhile. */
  #judge(
    tokens: readonly ResolvedToken[],
    refuse: (refusal: Refusal) => void,
    proceed: (now: Instant) => void,
    now: Instant,
  ): void {
    const { authorize } = this.#options;
    if (authorize === undefined || tokens.length === 0) {
      proceed(now);
      return;
    }
    let isNow = true;
    this.#isJudging = true;
    authorize(tokens, (answer) => {
      this.#isJudging = false;
      const at = isNow ? now : this.#options.now();
      if (this.#isClosed) return;
      if ("reason" in answer) refuse(answer);
      else {
        this.#peer.grant(answer, at);
        proceed(at);
      }
      if (!isNow) this.#poll(at);
    });
    isNow = false;
  }

  #refuse(requestId: number, refusal: Refusal): void {
    this.#session.send(requestId, { ...refusalMessage(refusal), requestId }, true);
  }

  // ── Requests of the peer ──────────────────────────────────────────────────────────────────────────────────────────

  #handleRequest(message: RequestMessage, now: Instant): void {
    switch (message.type) {
      case "subscribe":
        this.#handleSubscribe(message, now);
        break;
      case "track-status":
        this.#handleStatus(message);
        break;
      case "publish":
        this.#handlePublish(message, now);
        break;
      case "fetch":
        this.#handleFetch(message, now);
        break;
      case "publish-namespace":
        this.#register(message.requestId, this.#peer.announce(message.namespace, now));
        break;
      case "subscribe-namespace":
      case "subscribe-tracks":
        this.#register(message.requestId, this.#watches.open(message, now));
        break;
    }
  }

  #handleSubscribe({ requestId, track, parameters }: SubscribeMessage, now: Instant): void {
    const outlet = new MoqOutlet(this.#parent, requestId, track, this.#takeAlias(), false);
    const { fill } = parameters;
    if (fill !== undefined) {
      outlet.onAccepted = (largest, _info, at) => {
        const filter = fill.filter ?? parameters.filter;
        if (largest === undefined || filter?.type === "next-object" || filter?.type === "next-group") return;
        const fetch = new MoqFetchOutlet(this.#parent, requestId, true);
        const order = fill.groupOrder ?? "ascending";
        fetch.fetching = this.#peer.fetch({ track, ...fetchRange(filter, largest), order }, fetch, at);
      };
    }
    this.#view(outlet, viewRequest(track, parameters), now);
  }

  #view(outlet: MoqOutlet, request: ViewRequest, now: Instant): void {
    this.#outlets.set(outlet.requestId, outlet);
    outlet.view = this.#peer.subscribe(request, outlet, now);
    // What waited for the view while it was made.
    if (outlet.view === undefined) this.#outlets.delete(outlet.requestId);
    else outlet.view.handleRoom(now);
  }

  #handleStatus({ requestId, track }: SubscribeMessage): void {
    const status = this.#peer.status(track);
    if ("reason" in status) {
      this.#refuse(requestId, status);
      return;
    }
    const { info, largest } = status;
    const parameters = largest === undefined ? {} : { largest };
    const answer = {
      type: "request-ok",
      requestId,
      of: "track-status",
      parameters,
      properties: info.properties,
    } as const;
    this.#session.send(requestId, answer, true);
  }

  #handlePublish({ requestId, track, properties }: PublishMessage, now: Instant): void {
    const sink = this.#peer.publish(track, { ...PLAIN_TRACK, properties: properties ?? [] }, now);
    if ("reason" in sink) {
      this.#refuse(requestId, sink);
      return;
    }
    this.#incoming.add(requestId, sink);
    const parameters: Parameters = { forward: true };
    const isOld = this.#parent.dialect.has("hasPublishOk");
    if (isOld) this.#session.send(requestId, { type: "publish-ok", requestId, parameters });
    else this.#session.send(requestId, { type: "request-ok", requestId, of: "publish", parameters: {} });
  }

  #handleFetch({ requestId, track, joins, parameters }: FetchMessage, now: Instant): void {
    const order = parameters.groupOrder ?? "ascending";
    const outlet = new MoqFetchOutlet(this.#parent, requestId, false);
    const joined = joins === undefined ? undefined : this.#outlets.get(joins.requestId);
    if (joins !== undefined && joined?.view === undefined) {
      const { code } = REQUEST_ERRORS.INVALID_JOINING_REQUEST_ID;
      this.#session.send(requestId, { type: "request-error", requestId, code, reason: "no such subscription" }, true);
      return;
    }
    if (joins !== undefined && joined?.largest === undefined) {
      this.#refuse(requestId, { reason: "invalid-range", message: "nothing was published before the subscription" });
      return;
    }
    const range =
      joins === undefined
        ? fetchRange(parameters.filter, undefined)
        : {
            start: {
              group: joins.isRelative ? Math.max(0, joined!.largest!.group - joins.start) : joins.start,
              object: 0,
            },
            end: joined!.largest!,
          };
    this.#fetches.set(requestId, outlet);
    outlet.fetching = this.#peer.fetch({ track: track ?? joined!.track, ...range, order }, outlet, now);
    if (outlet.fetching === undefined) this.#fetches.delete(requestId);
  }

  #register(requestId: number, answer: Registration | Refusal): void {
    if ("reason" in answer) {
      this.#refuse(requestId, answer);
      return;
    }
    this.#registrations.set(requestId, answer);
    this.#session.send(requestId, { type: "request-ok", requestId, parameters: {} });
    this.#watches.begin(requestId);
  }

  /** PUBLISH, to a peer that asked for all tracks below a prefix. */
  #offer(track: TrackName, info: TrackInfo): void {
    const alias = this.#takeAlias();
    const { properties } = info;
    const id = this.#session.request({ type: "publish", track, alias, parameters: { forward: true }, properties });
    if (id !== undefined) this.#offers.set(id, { track, alias });
  }

  // ── What the relay wants of the peer ──────────────────────────────────────────────────────────────────────────────

  #handleMessage(requestId: number, message: Extract<MoqEvent, { type: "message" }>["message"], now: Instant): void {
    switch (message.type) {
      case "subscribe-ok":
        this.#incoming.sinks.get(requestId)?.accept({ ...PLAIN_TRACK, properties: message.properties ?? [] }, now);
        break;
      case "request-error":
        this.#offers.delete(requestId);
        this.#incoming.remove(requestId)?.refuse(refusalOf(message), now);
        break;
      case "publish-done":
        this.#incoming.remove(requestId)?.end(endOf(message.status), now);
        break;
      case "request-ok":
      case "publish-ok":
        this.#handleTaken(requestId, message.parameters, now);
        break;
      case "request-update":
        this.#handleUpdate(requestId, message.parameters, now);
        break;
      case "namespace":
      case "namespace-done":
        this.#asking.handleNamespace(requestId, message.suffix, message.type === "namespace", now);
        break;
      default:
        break;
    }
  }

  /** The peer takes a track that it was offered. */
  #handleTaken(requestId: number, parameters: Parameters, now: Instant): void {
    const offer = this.#offers.get(requestId);
    if (offer === undefined) return;
    this.#offers.delete(requestId);
    const outlet = new MoqOutlet(this.#parent, requestId, offer.track, offer.alias, true);
    this.#view(outlet, viewRequest(offer.track, parameters), now);
  }

  #handleUpdate(requestId: number, parameters: Parameters, now: Instant): void {
    const { filter, priority, forward } = parameters;
    this.#outlets.get(requestId)?.view?.update(
      {
        ...(filter === undefined ? {} : { range: rangeOf(filter) }),
        ...(priority === undefined ? {} : { priority }),
        ...(forward === undefined ? {} : { forward }),
      },
      now,
    );
    if (!this.#parent.dialect.has("hasInlineParameters"))
      this.#session.send(requestId, { type: "request-ok", requestId, parameters: {} });
  }

  // ── Ends ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  #handleEnd(requestId: number, isFinished: boolean, now: Instant): void {
    const outlet = this.#outlets.get(requestId);
    this.#outlets.delete(requestId);
    outlet?.view?.cancel(now);
    // The request of a fetch may be over before its objects are.
    if (!isFinished) this.#fetches.get(requestId)?.handleStopped();
    this.#fetches.delete(requestId);
    this.#offers.delete(requestId);
    this.#registrations.get(requestId)?.withdraw(now);
    this.#registrations.delete(requestId);
    // A publisher that ended without a word may return.
    this.#incoming.remove(requestId)?.end("lost", now);
  }

  #handleClose(code: number, reason: string, now: Instant): void {
    this.#isClosed = true;
    this.#incoming.clear(now);
    this.#peer.close(now);
    this.#options.onClosed?.(code, reason);
  }

  #takeAlias(): number {
    this.#nextAlias += 1;
    return this.#nextAlias;
  }
}
