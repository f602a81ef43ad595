/** Publishers and viewers in memory, which speak no dialect. */

import { type Instant, instant, millis } from "../../../base/time.ts";
import { utf8 } from "../../../wire/text.ts";
import type { TrackName } from "../../moq/model.ts";
import {
  EVERYTHING,
  type ObjectHead,
  PLAIN_TRACK,
  type Refusal,
  Relay,
  type RelayOptions,
  type RelayPeer,
  type RelaySource,
  type RelayView,
  type SubgroupSink,
  type SubgroupStart,
  type TrackInfo,
  type TrackSink,
  type ViewerStream,
  type ViewOutlet,
  type ViewRequest,
} from "../index.ts";

export const at = (milliseconds: number): Instant => instant(millis(milliseconds));

export const track = (path: string): TrackName => {
  const fields = path.split("/");
  return { namespace: fields.slice(0, -1).map(utf8), name: utf8(fields.at(-1)!) };
};

export const start = (group: number, subgroup = 0): SubgroupStart => ({
  group,
  subgroup,
  priority: undefined,
  endsGroup: true,
  isFromStart: true,
  hasProperties: false,
});

export const head = (object: number, length: number): ObjectHead => ({
  object,
  properties: [],
  length,
  status: "normal",
});

/** A stream to a viewer: what it got, as texts. */
export class Received implements ViewerStream {
  readonly log: string[] = [];
  readonly pieces: Uint8Array[] = [];
  hasRoom: boolean;
  isOver = false;
  readonly start: SubgroupStart;

  constructor(begin: SubgroupStart, hasRoom: boolean) {
    this.start = begin;
    this.hasRoom = hasRoom;
  }

  object(object: ObjectHead): void {
    this.log.push(`object ${object.object}`);
  }

  payload(bytes: Uint8Array): void {
    this.pieces.push(bytes);
  }

  end(): void {
    this.isOver = true;
    this.log.push("end");
  }

  reset(reason: string): void {
    this.isOver = true;
    this.log.push(reason);
  }
}

/** A viewer of one track. */
export class Viewer implements ViewOutlet {
  readonly streams: Received[] = [];
  readonly answers: string[] = [];
  info: TrackInfo | undefined;
  reads = true;
  streamsLeft = Number.POSITIVE_INFINITY;
  view: RelayView | undefined;

  static of(peer: RelayPeer, path: string, request: Partial<ViewRequest> = {}, now = at(0), reads = true): Viewer {
    const viewer = new Viewer();
    viewer.reads = reads;
    viewer.view = peer.subscribe({ track: track(path), range: { start: "newest-group" }, ...request }, viewer, now);
    return viewer;
  }

  accept(info: TrackInfo, largest: { group: number; object: number } | undefined): void {
    this.info = info;
    this.answers.push(largest === undefined ? "accepted" : `accepted ${largest.group}.${largest.object}`);
  }

  refuse({ reason }: Refusal): void {
    this.answers.push(reason);
  }

  open(begin: SubgroupStart): ViewerStream | undefined {
    if (this.streamsLeft === 0) return undefined;
    this.streamsLeft -= 1;
    const stream = new Received(begin, this.reads);
    this.streams.push(stream);
    return stream;
  }

  datagram({ group, object }: { group: number; object: number }): void {
    this.answers.push(`datagram ${group}.${object}`);
  }

  end(reason: string): void {
    this.answers.push(reason);
  }

  /** "group: what came on its stream". */
  get seen(): string[] {
    return this.streams.map(({ start: { group }, log }) => `${group}: ${log.join(", ")}`);
  }
}

/** A publisher that is asked for tracks, and accepts all of them unless told otherwise. */
export class Asked implements RelaySource {
  readonly asked: string[] = [];
  readonly sinks: TrackSink[] = [];
  cancelled = 0;
  refuses: Refusal["reason"] | undefined;

  subscribe(name: TrackName, _wish: unknown, sink: TrackSink, now: Instant): { cancel(): void } {
    this.asked.push([...name.namespace, name.name].map((field) => new TextDecoder().decode(field)).join("/"));
    if (this.refuses !== undefined) sink.refuse({ reason: this.refuses, message: "no" }, now);
    else {
      this.sinks.push(sink);
      sink.accept(PLAIN_TRACK, now);
    }
    return {
      cancel: () => {
        this.cancelled += 1;
      },
    };
  }

  get sink(): TrackSink {
    return this.sinks.at(-1)!;
  }
}

/** Sends a whole group of objects of `length` bytes. */
export function sendGroup(sink: TrackSink, group: number, now: Instant, objects = 2, length = 100): void {
  const run = sink.open(start(group), now);
  for (let object = 0; object < objects; object += 1) sendObject(run, object, now, length);
  run?.end(now);
}

export function sendObject(run: SubgroupSink | undefined, object: number, now: Instant, length = 100): void {
  run?.object(head(object, length), now);
  if (length > 0) run?.payload(new Uint8Array(length), now);
}

export class World {
  readonly relay: Relay;
  #peers = 0;

  constructor(options: RelayOptions = {}) {
    this.relay = new Relay(options);
  }

  peer(options: Partial<Parameters<Relay["addPeer"]>[0]> = {}): RelayPeer {
    this.#peers += 1;
    return this.relay.addPeer({ label: `peer ${this.#peers}`, grant: EVERYTHING, ...options });
  }

  /** A peer that announced a namespace, or pushes a track. */
  announcing(namespace: string, now = at(0)): { readonly peer: RelayPeer; readonly source: Asked } {
    const source = new Asked();
    const peer = this.peer({ source });
    peer.announce(track(`${namespace}/x`).namespace, now);
    return { peer, source };
  }

  pushing(path: string, now = at(0)): { readonly peer: RelayPeer; readonly sink: TrackSink } {
    const peer = this.peer();
    return { peer, sink: accepted(peer.publish(track(path), PLAIN_TRACK, now)) };
  }
}

export function accepted<T extends object>(answer: T | Refusal): T {
  if ("reason" in answer) throw new Error(answer.message);
  return answer as T;
}
