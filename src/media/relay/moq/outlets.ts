/** What a viewer of MoQ Transport gets: a subscription's streams and datagrams, and the stream of a fetch. */

import type { Instant } from "../../../base/time.ts";
import { emitDatagram } from "../../moq/data/datagram.ts";
import type { Dialect } from "../../moq/fields.ts";
import type { Location, TrackName } from "../../moq/model.ts";
import type { FetchSender, MoqSession, SubgroupSender } from "../../moq/session/index.ts";
import type { DatagramObject, ObjectHead, Refusal, SubgroupStart, TrackEnd, TrackInfo } from "../model.ts";
import type { Fetching, FetchOutlet, RelayView, ViewerStream, ViewOutlet, ViewRank } from "../peer.ts";
import { RESETS, refusalMessage, statusOf } from "./codes.ts";
import type { RoomyCarrier } from "./options.ts";
import { sendOrderOf } from "./ranges.ts";

/** What an outlet needs of its session. */
export interface OutletSession {
  readonly session: MoqSession;
  readonly carrier: RoomyCarrier;
  readonly dialect: Dialect;
  /** Streams that are open, for `handleWritable` and for "stopped" events. */
  readonly streams: Map<number, Writable>;
}

/** What is told when a stream has room, or is not wanted. */
export interface Writable {
  handleRoom(now: Instant): void;
  handleStopped(now: Instant): void;
}

/** A subscription of the peer, or a track that it was offered and took. */
export class MoqOutlet implements ViewOutlet {
  readonly #parent: OutletSession;
  readonly requestId: number;
  readonly track: TrackName;
  readonly #alias: number;
  /** True if the peer was offered the track by PUBLISH: it knows everything then. */
  readonly #isOffered: boolean;
  view: RelayView | undefined;
  /** The newest object when it was accepted: a joining fetch ends there. */
  largest: Location | undefined;
  /** What SUBSCRIBE_OK waits for. */
  onAccepted: ((largest: Location | undefined, info: TrackInfo, now: Instant) => void) | undefined;

  constructor(parent: OutletSession, requestId: number, track: TrackName, alias: number, isOffered: boolean) {
    this.#parent = parent;
    this.requestId = requestId;
    this.track = track;
    this.#alias = alias;
    this.#isOffered = isOffered;
  }

  accept(info: TrackInfo, largest: Location | undefined, now: Instant): void {
    this.largest = largest;
    if (!this.#isOffered) {
      this.#parent.session.send(this.requestId, {
        type: "subscribe-ok",
        requestId: this.requestId,
        alias: this.#alias,
        parameters: largest === undefined ? {} : { largest },
        properties: info.properties,
      });
    }
    this.onAccepted?.(largest, info, now);
  }

  refuse(refusal: Refusal): void {
    if (this.#isOffered) this.end("track-ended");
    else this.#parent.session.send(this.requestId, refusalMessage(refusal), true);
  }

  open(start: SubgroupStart, rank: ViewRank): ViewerStream | undefined {
    const sender = this.#parent.session.openSubgroup(this.requestId, {
      group: start.group,
      subgroup: start.subgroup,
      priority: start.priority,
      hasProperties: start.hasProperties,
      endsGroup: start.endsGroup,
      startsSubgroup: start.isFromStart,
    });
    if (sender === undefined) return undefined;
    this.#parent.carrier.setOrder?.(sender.stream, { sendOrder: sendOrderOf(rank) });
    return new MoqStream(this.#parent, this, sender);
  }

  datagram(object: DatagramObject): void {
    const { carrier, dialect } = this.#parent;
    const { length: _, ...rest } = object;
    carrier.sendDatagram(emitDatagram({ ...rest, alias: this.#alias }, dialect).slice());
  }

  end(reason: TrackEnd): void {
    const { session } = this.#parent;
    const streamCount = session.streamCount(this.requestId);
    session.send(
      this.requestId,
      { type: "publish-done", requestId: this.requestId, status: statusOf(reason), streamCount, reason: reason },
      true,
    );
  }
}

/** One stream of a subscription. */
class MoqStream implements ViewerStream, Writable {
  readonly #parent: OutletSession;
  readonly #outlet: MoqOutlet;
  readonly #sender: SubgroupSender;

  constructor(parent: OutletSession, outlet: MoqOutlet, sender: SubgroupSender) {
    this.#parent = parent;
    this.#outlet = outlet;
    this.#sender = sender;
    parent.streams.set(sender.stream, this);
  }

  get hasRoom(): boolean {
    return this.#parent.carrier.hasRoom(this.#sender.stream);
  }

  object({ object, properties, length, status }: ObjectHead): void {
    this.#sender.object({ object, properties, status, payloadLength: length });
  }

  payload(bytes: Uint8Array): void {
    this.#sender.payload(bytes);
  }

  end(): void {
    this.#sender.end();
    this.#parent.streams.delete(this.#sender.stream);
  }

  reset(reason: "late" | "lost" | "cancelled"): void {
    this.#sender.reset(RESETS[reason]);
    this.#parent.streams.delete(this.#sender.stream);
  }

  handleRoom(now: Instant): void {
    this.#outlet.view?.handleRoom(now);
  }

  handleStopped(now: Instant): void {
    this.#outlet.view?.handleStopped(this, now);
    // Before the view knows of the stream.
    this.reset("cancelled");
  }
}

/** The stream of a fetch, or of what comes before a subscription (FILL_PARAMETERS). */
export class MoqFetchOutlet implements FetchOutlet, Writable {
  readonly #parent: OutletSession;
  readonly #requestId: number;
  readonly #isFill: boolean;
  #sender: FetchSender | undefined;
  fetching: Fetching | undefined;

  constructor(parent: OutletSession, requestId: number, isFill: boolean) {
    this.#parent = parent;
    this.#requestId = requestId;
    this.#isFill = isFill;
  }

  accept(info: TrackInfo, end: Location, endOfTrack: boolean): void {
    const { session, streams } = this.#parent;
    this.#sender = session.openFetch(this.#requestId);
    if (this.#sender === undefined) {
      this.refuse({ reason: "too-much-load", message: "no stream is left for the objects" });
      return;
    }
    streams.set(this.#sender.stream, this);
    if (this.#isFill) return;
    const requestId = this.#requestId;
    const { properties } = info;
    session.send(requestId, { type: "fetch-ok", requestId, endOfTrack, end, parameters: {}, properties }, true);
  }

  refuse(refusal: Refusal): void {
    // A fill is a courtesy: the subscription goes on without.
    if (!this.#isFill) this.#parent.session.send(this.#requestId, refusalMessage(refusal), true);
  }

  /** Without a stream there is nothing to wait for. */
  get hasRoom(): boolean {
    return this.#sender === undefined || this.#parent.carrier.hasRoom(this.#sender.stream);
  }

  object(
    { group, subgroup, priority }: { readonly group: number; readonly subgroup: number; readonly priority: number },
    { object, properties, length, status }: ObjectHead,
  ): void {
    this.#sender?.object({ group, object, subgroup, priority, properties, status, payloadLength: length });
  }

  payload(bytes: Uint8Array): void {
    this.#sender?.payload(bytes);
  }

  end(): void {
    this.#sender?.end();
    this.#forget();
  }

  reset(): void {
    this.#sender?.reset(RESETS.cancelled);
    this.#forget();
  }

  handleRoom(): void {
    this.fetching?.handleRoom();
  }

  handleStopped(): void {
    this.fetching?.cancel();
  }

  #forget(): void {
    if (this.#sender !== undefined) this.#parent.streams.delete(this.#sender.stream);
  }
}
