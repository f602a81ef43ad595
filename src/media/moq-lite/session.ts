/**
 * A session of moq-lite-05 as a machine over a carrier: a stream for each request, streams of groups, datagrams. Nothing waits for the
 * peer's setup. It decides nothing about tracks: the application answers requests.
 */

import { ProtocolError } from "../../base/errors.ts";
import { Fifo } from "../../base/fifo.ts";
import { Reader } from "../../wire/reader.ts";
import type { VarInt } from "../../wire/varint.ts";
import { QUIC_INTEGERS, readCode } from "../moq/integers.ts";
import { Pending } from "../moq/pending.ts";
import type { MoqCarrier, StreamDirection, StreamId } from "../moq/session/carrier.ts";
import { CONTROL_ORDER, REQUEST_ORDER, sendOrderOf } from "../moq/session/send-order.ts";
import { LITE_ERRORS, liteError, readLite } from "./errors.ts";
import type { LiteEvent } from "./events.ts";
import { LiteGroupReader, LiteGroupSender } from "./group.ts";
import {
  emitLiteDatagram,
  emitLiteMessage,
  emitSubscribeAnswer,
  LITE,
  LITE_DATA,
  LITE_STREAMS,
  type LiteAnnouncement,
  type LiteDatagram,
  type LiteDelivery,
  type LiteField,
  type LiteSetup,
  type LiteSubscribeAnswer,
  type LiteTrackInfo,
  MAX_LITE_DATAGRAM,
  readLiteDatagram,
  readLiteMessage,
  readSubscribeAnswer,
} from "./messages.ts";
import { type Incoming, type Kind, newRequest, type Request } from "./streams.ts";

/** What a session is made with. */
export interface LiteSessionOptions {
  readonly carrier: MoqCarrier;
  readonly setup?: LiteSetup;
  /** Requests of the peer at a time; 1,000 by default, and more are reset. */
  readonly maxRequests?: number;
}

const DEFAULT_MAX_REQUESTS = 1_000;
const MAX_ENDED = 64;

/** A session: start it, hand it what the carrier brings, and poll events. */
export class LiteSession {
  readonly #options: LiteSessionOptions;
  readonly #carrier: MoqCarrier;
  readonly #events = new Fifo<LiteEvent>();
  readonly #requests = new Map<StreamId, Request>();
  /** Subscriptions of ours by their id. */
  readonly #subscriptions = new Map<number, StreamId>();
  readonly #incoming = new Map<StreamId, Incoming>();
  /** Groups that we send. */
  readonly #groups = new Set<StreamId>();
  /** Ids of subscriptions that ended well: groups of theirs may still come. */
  readonly #ended: number[] = [];
  #nextId = 0;
  #hasSetup = false;
  #isClosed = false;
  #isGoing = false;

  constructor(options: LiteSessionOptions) {
    this.#options = options;
    this.#carrier = options.carrier;
  }

  /** Sends SETUP. */
  start(): void {
    const stream = this.#carrier.openStream("uni");
    if (stream === undefined) throw new RangeError("no stream for SETUP: open the session when one is available");
    this.#carrier.setOrder?.(stream, CONTROL_ORDER);
    this.#carrier.write(stream, emitLiteMessage(LITE.setup, this.#options.setup ?? {}, LITE_DATA.setup), true);
  }

  /** True after a "closed" event. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Requests of both sides that have not ended. */
  get openRequests(): number {
    return this.#requests.size;
  }

  /** The next event; undefined if there is none. */
  pollEvent(): LiteEvent | undefined {
    return this.#events.shift();
  }

  // ── Requests of ours: each returns its stream, undefined if there is none now ──────────────────────────────────────

  /** Asks for broadcasts under a prefix; those that came through `exclude` are left out. */
  requestAnnouncements(prefix: string, exclude: VarInt = 0): StreamId | undefined {
    return this.#request("announce", LITE.announceRequest, { prefix, exclude }, false);
  }

  /** Asks what a track is. */
  requestTrack(broadcast: string, track: string): StreamId | undefined {
    return this.#request("track", LITE.track, { broadcast, track }, true);
  }

  /** Subscribes to a track. */
  subscribe(broadcast: string, track: string, delivery: LiteDelivery): StreamId | undefined {
    const subscribe = { id: this.#nextId, broadcast, track, delivery };
    const stream = this.#request("subscribe", LITE.subscribe, subscribe, false);
    if (stream === undefined) return undefined;
    this.#nextId += 1;
    this.#subscriptions.set(subscribe.id, stream);
    this.#requests.get(stream)!.subscribe = subscribe;
    return stream;
  }

  /** Changes a subscription. */
  update(stream: StreamId, delivery: LiteDelivery): void {
    const request = this.#requests.get(stream);
    if (request?.isOurs === true && request.kind === "subscribe")
      this.#write(request, emitLiteMessage(LITE.delivery, delivery));
  }

  /** Ends a request of either side at once: a subscriber leaves, or a publisher refuses. */
  cancel(stream: StreamId, code: number = LITE_ERRORS.CANCELLED.code): void {
    const request = this.#requests.get(stream);
    if (request === undefined) return;
    if (!request.isOurEndDone) this.#carrier.reset(stream, code);
    if (!request.isTheirEndDone) this.#carrier.stopSending(stream, code);
    this.#forget(request);
  }

  /** Asks the peer to leave. */
  goaway(uri: string): void {
    if (!this.#isGoing) this.#request("goaway", LITE.goaway, { uri }, false);
    this.#isGoing = true;
  }

  // ── Answers to the peer ───────────────────────────────────────────────────────────────────────────────────────────

  /** Accepts a request for announcements: our id, and how many broadcasts follow at once. */
  acceptAnnounce(stream: StreamId, origin: VarInt, active: number): void {
    this.#answer(stream, "announce", emitLiteMessage(LITE.announceOk, { origin, active }));
  }

  /** A broadcast appears or goes away. */
  announce(stream: StreamId, announcement: LiteAnnouncement): void {
    this.#answer(stream, "announce", emitLiteMessage(LITE.announcement, announcement));
  }

  /** What a track is. */
  sendTrackInfo(stream: StreamId, info: LiteTrackInfo): void {
    this.#answer(stream, "track", emitLiteMessage(LITE.trackInfo, info), true);
  }

  /** Says where a subscription begins or ends, or which groups do not come. `fin` after all groups are accounted for. */
  answer(stream: StreamId, answer: LiteSubscribeAnswer, fin = false): void {
    this.#answer(stream, "subscribe", emitSubscribeAnswer(answer), fin);
  }

  /** A stream for a group of a subscription of the peer; undefined if there is none now, or the subscription is over. */
  openGroup(stream: StreamId, sequence: number, publisherPriority = 0): LiteGroupSender | undefined {
    const request = this.#requests.get(stream);
    if (request?.subscribe === undefined || request.isOurs) return undefined;
    const group = this.#carrier.openStream("uni");
    if (group === undefined) return undefined;
    const { id, delivery } = request.subscribe;
    request.firstGroup ??= sequence;
    // Here the highest priority goes first.
    const order = sendOrderOf({
      subscriber: 255 - delivery.priority,
      publisher: 255 - publisherPriority,
      order: delivery.isOrdered ? "ascending" : "descending",
      group: sequence - request.firstGroup,
      subgroup: 0,
    });
    this.#carrier.setOrder?.(group, order);
    this.#groups.add(group);
    return new LiteGroupSender(this.#carrier, group, id, sequence, () => this.#groups.delete(group));
  }

  /** Sends a group of one frame as a datagram. Returns false if it is too large for one. */
  sendDatagram(stream: StreamId, datagram: Omit<LiteDatagram, "subscription">): boolean {
    const subscription = this.#requests.get(stream)?.subscribe?.id;
    if (subscription === undefined) return true;
    const bytes = emitLiteDatagram({ ...datagram, subscription });
    if (bytes !== undefined) this.#carrier.sendDatagram(bytes);
    return bytes !== undefined;
  }

  /** Ends the session. A "closed" event follows. */
  close(code: number = LITE_ERRORS.CANCELLED.code, reason = ""): void {
    if (this.#isClosed) return;
    this.#carrier.close(code, reason);
    this.#end(code, reason, true);
  }

  // ── Events of the carrier ─────────────────────────────────────────────────────────────────────────────────────────

  /** The peer opened a stream. */
  handleStream(stream: StreamId, direction: StreamDirection): void {
    if (this.#isClosed) return;
    if (direction === "uni") {
      this.#incoming.set(stream, {
        type: "unknown",
        pending: new Pending(),
        reader: new LiteGroupReader(),
        request: undefined,
      });
      return;
    }
    const request = newRequest(stream, false, undefined);
    this.#requests.set(stream, request);
    if (this.#requests.size > (this.#options.maxRequests ?? DEFAULT_MAX_REQUESTS)) this.cancel(stream);
  }

  /** Bytes of a stream that the peer opened, or that is a request of ours. */
  handleData(stream: StreamId, direction: StreamDirection, bytes: Uint8Array, fin: boolean): void {
    if (this.#isClosed) return;
    try {
      readLite("stream", () => {
        if (direction === "uni") this.#handleUni(stream, bytes, fin);
        else this.#handleBidi(stream, bytes, fin);
      });
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.close(error.code, error.message);
    }
  }

  /** The peer reset a stream. */
  handleReset(stream: StreamId, code: number): void {
    const incoming = this.#incoming.get(stream);
    if (this.#incoming.delete(stream)) {
      if (incoming?.request !== undefined) this.#events.push({ type: "group-end", stream, code });
      return;
    }
    this.#abandon(stream, code);
  }

  /** The peer does not want what we send on a stream. */
  handleStopped(stream: StreamId, code: number): void {
    if (this.#isClosed) return;
    if (this.#requests.has(stream)) this.#abandon(stream, code);
    else if (this.#groups.has(stream)) this.#events.push({ type: "stopped", stream, code });
  }

  /** A datagram of the peer; one of an unknown subscription is dropped. */
  handleDatagram(bytes: Uint8Array): void {
    if (this.#isClosed || bytes.length > MAX_LITE_DATAGRAM) return;
    try {
      const datagram = readLite("datagram", () => readLiteDatagram(new Reader(bytes)));
      const request = this.#subscriptions.get(datagram.subscription);
      if (request !== undefined) this.#events.push({ type: "datagram", request, datagram });
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.close(error.code, error.message);
    }
  }

  /** The connection ended. */
  handleClosed(code: number, reason: string): void {
    if (!this.#isClosed) this.#end(code, reason, false);
  }

  // ── Inside ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #request<T>(kind: Kind, field: LiteField<T>, value: T, fin: boolean): StreamId | undefined {
    if (this.#isClosed) return undefined;
    const stream = this.#carrier.openStream("bidi");
    if (stream === undefined) return undefined;
    const request = newRequest(stream, true, kind);
    this.#requests.set(stream, request);
    this.#carrier.setOrder?.(stream, REQUEST_ORDER);
    this.#write(request, emitLiteMessage(field, value, LITE_STREAMS[kind]), fin);
    return stream;
  }

  #write(request: Request, bytes: Uint8Array, fin = false): void {
    if (request.isOurEndDone) return;
    this.#carrier.write(request.stream, bytes, fin);
    if (!fin) return;
    request.isOurEndDone = true;
    if (request.isTheirEndDone) this.#forget(request);
  }

  #answer(stream: StreamId, kind: Kind, bytes: Uint8Array, fin = false): void {
    const request = this.#requests.get(stream);
    if (request !== undefined && !request.isOurs && request.kind === kind) this.#write(request, bytes, fin);
  }

  #handleUni(stream: StreamId, bytes: Uint8Array, fin: boolean): void {
    const incoming = this.#incoming.get(stream);
    if (incoming === undefined) return;
    if (incoming.type === "group") {
      incoming.reader.push(bytes);
    } else {
      incoming.pending.push(bytes);
      this.#begin(stream, incoming);
    }
    if (incoming.type === "setup") this.#readSetup(incoming.pending);
    else if (incoming.type === "group" && this.#incoming.has(stream)) this.#readGroup(stream, incoming);
    if (!fin || !this.#incoming.delete(stream) || incoming.type !== "group") return;
    incoming.reader.end();
    if (incoming.request !== undefined) this.#events.push({ type: "group-end", stream, code: undefined });
  }

  /** What kind of stream it is. */
  #begin(stream: StreamId, incoming: Incoming): void {
    if (incoming.type !== "unknown") return;
    const type = incoming.pending.take((reader) => readCode(QUIC_INTEGERS, reader));
    if (type === LITE_DATA.group) {
      incoming.type = "group";
      incoming.reader.push(incoming.pending.takeBytes(incoming.pending.length));
    } else if (type === LITE_DATA.setup) {
      if (this.#hasSetup) throw liteError("setup", "a second one");
      this.#hasSetup = true;
      incoming.type = "setup";
    } else if (type !== undefined) {
      // An extension: not fatal.
      this.#stop(stream, LITE_ERRORS.UNEXPECTED_STREAM.code);
    }
  }

  #stop(stream: StreamId, code: number): void {
    this.#incoming.delete(stream);
    this.#carrier.stopSending(stream, code);
  }

  #readSetup(pending: Pending): void {
    const setup = pending.take((reader) => readLiteMessage(reader, LITE.setup, "setup"));
    if (setup !== undefined) this.#events.push({ type: "setup", setup });
  }

  #readGroup(stream: StreamId, incoming: Incoming): void {
    for (let event = incoming.reader.poll(); event !== undefined; event = incoming.reader.poll()) {
      if (event.type === "group") {
        // Streams may come after their subscription was cancelled.
        incoming.request = this.#subscriptions.get(event.subscription);
        if (incoming.request === undefined) {
          this.#stop(stream, LITE_ERRORS.CANCELLED.code);
          return;
        }
        this.#events.push({ type: "group", stream, request: incoming.request, sequence: event.sequence });
      } else if (event.type === "payload") {
        this.#events.push({ ...event, stream, bytes: event.bytes.slice() });
      } else {
        this.#events.push({ ...event, stream });
      }
    }
  }

  #handleBidi(stream: StreamId, bytes: Uint8Array, fin: boolean): void {
    const request = this.#requests.get(stream);
    if (request === undefined || request.isTheirEndDone) return;
    request.pending.push(bytes);
    if (request.kind === undefined && !this.#readKind(request)) return;
    while (this.#requests.has(stream) && this.#readMessage(request));
    if (!fin || !this.#requests.has(stream)) return;
    if (request.pending.length > 0) throw liteError("request", "it ended in the middle of a message");
    request.isTheirEndDone = true;
    // Who asks for a track has nothing more to say.
    if (request.isOurs || request.kind !== "track") this.#events.push({ type: "end", stream, code: undefined });
    // What the subscriber or the requester ends, is over; a publisher may still finish what it owes.
    if (!request.isOurEndDone && (request.isOurs || request.kind === "announce" || request.kind === "goaway"))
      this.#write(request, new Uint8Array(0), true);
    else if (request.isOurEndDone) this.#forget(request);
  }

  /** False if it is not known yet, or not spoken. */
  #readKind(request: Request): boolean {
    const type = request.pending.take((reader) => readCode(QUIC_INTEGERS, reader));
    if (type === undefined) return false;
    const kind = (Object.keys(LITE_STREAMS) as Kind[]).find((each) => LITE_STREAMS[each] === type);
    if (kind === undefined || kind === "fetch" || kind === "probe") {
      this.cancel(
        request.stream,
        kind === undefined ? LITE_ERRORS.UNEXPECTED_STREAM.code : LITE_ERRORS.UNSUPPORTED.code,
      );
      return false;
    }
    request.kind = kind;
    return true;
  }

  /** Returns false if no message is complete. */
  #readMessage(request: Request): boolean {
    const { pending, stream, isOurs, kind } = request;
    const take = <T>(field: LiteField<T>): T | undefined =>
      pending.take((reader) => readLiteMessage(reader, field, kind ?? "request"));
    const isFirst = !request.hasFirst;
    let event: LiteEvent | undefined;
    if (isOurs) {
      if (kind === "subscribe") {
        const answer = pending.take(readSubscribeAnswer);
        event = answer && { type: "answer", stream, answer };
      } else if (kind === "announce") {
        const ok = isFirst ? take(LITE.announceOk) : undefined;
        const announcement = isFirst ? undefined : take(LITE.announcement);
        event = ok
          ? { type: "announce-ok", stream, ...ok }
          : announcement && { type: "announcement", stream, announcement };
      } else if (kind === "track" && isFirst) {
        const info = take(LITE.trackInfo);
        event = info && { type: "track-info", stream, info };
      }
    } else if (isFirst) {
      event = this.#readRequest(request, take);
    } else if (kind === "subscribe") {
      const delivery = take(LITE.delivery);
      if (delivery !== undefined) request.subscribe = { ...request.subscribe!, delivery };
      event = delivery && { type: "update", stream, delivery };
    }
    if (event === undefined) {
      const isExpected = isFirst || kind === "subscribe" || (isOurs && kind === "announce");
      if (!isExpected && pending.length > 0) throw liteError(kind ?? "request", "a message that may not be there");
      return false;
    }
    request.hasFirst = true;
    this.#events.push(event);
    return true;
  }

  #readRequest(request: Request, take: <T>(field: LiteField<T>) => T | undefined): LiteEvent | undefined {
    const { stream } = request;
    switch (request.kind) {
      case "announce": {
        const asked = take(LITE.announceRequest);
        return asked && { type: "announce-request", stream, ...asked };
      }
      case "track": {
        const asked = take(LITE.track);
        return asked && { type: "track", stream, ...asked };
      }
      case "subscribe": {
        const subscribe = take(LITE.subscribe);
        request.subscribe = subscribe;
        return subscribe && { type: "subscribe", stream, subscribe };
      }
      default: {
        const goaway = take(LITE.goaway);
        return goaway && { type: "goaway", ...goaway };
      }
    }
  }

  #abandon(stream: StreamId, code: number): void {
    const request = this.#requests.get(stream);
    if (request === undefined) return;
    if (!request.isOurEndDone) this.#carrier.reset(stream, LITE_ERRORS.CANCELLED.code);
    this.#forget(request);
    this.#events.push({ type: "end", stream, code });
  }

  #forget({ stream, isOurs, isTheirEndDone, subscribe }: Request): void {
    this.#requests.delete(stream);
    if (!isOurs || subscribe === undefined) return;
    if (!isTheirEndDone) {
      this.#subscriptions.delete(subscribe.id);
      return;
    }
    this.#ended.push(subscribe.id);
    if (this.#ended.length > MAX_ENDED) this.#subscriptions.delete(this.#ended.shift()!);
  }

  #end(code: number, reason: string, isOurs: boolean): void {
    this.#isClosed = true;
    this.#requests.clear();
    this.#subscriptions.clear();
    this.#incoming.clear();
    this.#groups.clear();
    this.#events.push({ type: "closed", code, reason, isOurs });
  }
}
