/** Three ways to carry the same media: Warp, MoQ Transport, and segments one after another on one stream, as over TCP. */

import { after, type Instant, millis } from "../../base/time.ts";
import { SegmentAssembly } from "../../media/assembly/index.ts";
import { MoqSession, STREAM_ERRORS, type SubgroupSender } from "../../media/moq/index.ts";
import { type MediaObject, Packager } from "../../media/packager/index.ts";
import { WarpSession } from "../../media/warp/index.ts";
import type { StreamId } from "../../quic/transport.ts";
import { fromUtf8, utf8 } from "../../wire/text.ts";
import type { CarriedSession, QuicCarrier } from "./carrier.ts";
import type { Arrival } from "./player.ts";

export const TRANSPORTS = {
  warp: "Warp",
  moq: "MoQ Transport (draft 20)",
  segments: "one stream",
} as const;
export type TransportName = keyof typeof TRANSPORTS;

/** One end of a transport. `handleTurn` is called every few milliseconds, and after what arrived. */
interface End {
  readonly session: CarriedSession;
  handleTurn(now: Instant): void;
}

export interface Sender extends End {
  publish(object: MediaObject, now: Instant): void;
}

type OnArrival = (arrival: Arrival) => void;

export const senders: Readonly<Record<TransportName, (carrier: QuicCarrier) => Sender>> = {
  warp: (carrier) => new WarpSender(carrier),
  moq: (carrier) => new MoqSender(carrier),
  segments: (carrier) => new StreamSender(carrier),
};

/** `init` is what a catalog would bring, or a playlist; Warp sends its own. */
export const receivers: Readonly<
  Record<TransportName, (carrier: QuicCarrier, init: Uint8Array, on: OnArrival) => End>
> = {
  warp: (carrier, _init, on) => new WarpReceiver(carrier, on),
  moq: (carrier, init, on) => new MoqReceiver(carrier, init, on),
  segments: (_carrier, init, on) => new StreamReceiver(init, on),
};

/** Milliseconds after which a group that is not delivered is given up, in Warp and MoQ alike. */
const MAX_AGE = 1_000;

class WarpSender implements Sender {
  readonly session: WarpSession;

  constructor(carrier: QuicCarrier) {
    this.session = new WarpSession({ carrier, maxAge: MAX_AGE });
  }

  publish(object: MediaObject, now: Instant): void {
    this.session.publish(object, now);
  }

  handleTurn(now: Instant): void {
    const next = this.session.nextTimeout();
    if (next !== undefined && next <= now) this.session.handleTimeout(now);
    while (this.session.pollEvent() !== undefined);
  }
}

class WarpReceiver implements End {
  readonly session: WarpSession;
  readonly #assembly = new SegmentAssembly();
  readonly #on: OnArrival;

  constructor(carrier: QuicCarrier, on: OnArrival) {
    this.session = new WarpSession({ carrier });
    this.#on = on;
  }

  handleTurn(now: Instant): void {
    for (let event = this.session.pollEvent(); event !== undefined; event = this.session.pollEvent()) {
      if (event.type === "segment" || event.type === "fragment" || event.type === "segment-end")
        this.#assembly.handle(event, now);
    }
    const next = this.#assembly.nextTimeout();
    if (next !== undefined && next <= now) this.#assembly.handleTimeout(now);
    for (let event = this.#assembly.pollEvent(); event !== undefined; event = this.#assembly.pollEvent()) {
      if (event.type !== "fragment") continue;
      const { track, time, duration } = event.fragment;
      this.#on({ kind: kindOf(track.kind), time, duration, at: now });
    }
  }
}

const kindOf = (kind: string): Arrival["kind"] => (kind === "video" ? "video" : "audio");

const NAMESPACE = [utf8("lab")];
const TRACKS = ["audio", "video"] as const;

/** Each group of a track is a subgroup; sound before pictures, and the newest group first. */
class MoqSender implements Sender {
  readonly session: MoqSession;
  readonly #carrier: QuicCarrier;
  readonly #requests = new Map<Arrival["kind"], number>();
  readonly #open = new Map<Arrival["kind"], { readonly group: number; readonly sender: SubgroupSender }>();
  #waiting: { readonly sender: SubgroupSender; readonly deadline: Instant }[] = [];

  constructor(carrier: QuicCarrier) {
    this.#carrier = carrier;
    this.session = new MoqSession({ draft: 20, role: "server", carrier });
    this.session.start();
  }

  publish({ track, group, object, bytes }: MediaObject, now: Instant): void {
    const kind = kindOf(track.kind);
    const requestId = this.#requests.get(kind);
    if (requestId === undefined) return;
    let open = this.#open.get(kind);
    if (open?.group !== group) {
      if (open !== undefined) {
        open.sender.end();
        this.#waiting.push({ sender: open.sender, deadline: after(now, millis(MAX_AGE)) });
      }
      const priority = kind === "audio" ? 1 : 2;
      const header = { group, subgroup: 0, priority, hasProperties: false, endsGroup: true, startsSubgroup: true };
      const sender = this.session.openSubgroup(requestId, header)!;
      this.#carrier.setOrder(sender.stream, { sendOrder: group + (kind === "audio" ? 2 ** 40 : 0) });
      open = { group, sender };
      this.#open.set(kind, open);
    }
    open.sender.object({ object, properties: [], status: "normal", payloadLength: bytes.length });
    open.sender.payload(bytes);
  }

  handleTurn(now: Instant): void {
    this.#waiting = this.#waiting.filter(({ sender, deadline }) => {
      if (deadline > now) return true;
      if (this.#carrier.written.get(sender.stream)?.isOver !== true) {
        this.#carrier.reset(sender.stream, STREAM_ERRORS.DELIVERY_TIMEOUT.code);
      }
      return false;
    });
    for (let event = this.session.pollEvent(); event !== undefined; event = this.session.pollEvent()) {
      if (event.type !== "request" || event.message.type !== "subscribe") continue;
      const { requestId, track } = event.message;
      this.#requests.set(kindOf(fromUtf8(track.name)), requestId);
      this.session.send(requestId, { type: "subscribe-ok", alias: requestId, parameters: {} });
    }
  }
}

class MoqReceiver implements End {
  readonly session: MoqSession;
  readonly #on: OnArrival;
  /** The bytes of each stream's objects: each object is a fragment. */
  readonly #streams = new Map<StreamId, FragmentReader>();
  readonly #init: Uint8Array;

  constructor(carrier: QuicCarrier, init: Uint8Array, on: OnArrival) {
    this.#init = init;
    this.#on = on;
    this.session = new MoqSession({ draft: 20, role: "client", carrier });
    this.session.start();
    for (const name of TRACKS) {
      const track = { namespace: NAMESPACE, name: utf8(name) };
      this.session.request({ type: "subscribe", track, parameters: { filter: { type: "next-group" } } });
    }
  }

  handleTurn(now: Instant): void {
    for (let event = this.session.pollEvent(); event !== undefined; event = this.session.pollEvent()) {
      if (event.type === "payload") this.#readerOf(event.stream).push(event.bytes, now);
      if (event.type === "stream-end") this.#streams.delete(event.stream);
    }
  }

  #readerOf(stream: StreamId): FragmentReader {
    let reader = this.#streams.get(stream);
    if (reader === undefined) {
      reader = new FragmentReader(this.#init, this.#on);
      this.#streams.set(stream, reader);
    }
    return reader;
  }
}

/** Fragments one after another, after an initialization segment. */
class FragmentReader {
  readonly #packager = new Packager();
  readonly #on: OnArrival;

  constructor(init: Uint8Array, on: OnArrival) {
    this.#packager.push(init);
    this.#on = on;
  }

  push(bytes: Uint8Array, now: Instant): void {
    this.#packager.push(bytes);
    for (let event = this.#packager.pollEvent(); event !== undefined; event = this.#packager.pollEvent()) {
      if (event.type !== "object") continue;
      const { track, decodeTime, duration } = event.object;
      const { timescale } = track;
      this.#on({ kind: kindOf(track.kind), time: decodeTime / timescale, duration: duration / timescale, at: now });
    }
  }
}

const nothing = (): void => {};

/** What TCP carries: everything in the order in which it was made, and nothing is given up. */
class StreamSender implements Sender {
  readonly session: CarriedSession = {
    handleStream: nothing,
    handleData: nothing,
    handleReset: nothing,
    handleStopped: nothing,
  };
  readonly #carrier: QuicCarrier;
  #stream: StreamId | undefined;

  constructor(carrier: QuicCarrier) {
    this.#carrier = carrier;
  }

  publish({ bytes }: MediaObject): void {
    this.#stream ??= this.#carrier.openStream("uni")!;
    this.#carrier.write(this.#stream, bytes, false);
  }

  handleTurn(): void {}
}

class StreamReceiver implements End {
  readonly session: CarriedSession;

  constructor(init: Uint8Array, on: OnArrival) {
    const reader = new FragmentReader(init, on);
    this.session = {
      handleStream: nothing,
      handleData: (_stream, _direction, bytes, _fin, now) => reader.push(bytes, now),
      handleReset: nothing,
      handleStopped: nothing,
    };
  }

  handleTurn(): void {}
}
