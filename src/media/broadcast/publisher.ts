/** Publishes a live stream of fragmented MP4: a catalog, and a track for each of its tracks. It ends with `end`; a new one with the same namespace goes on. */

import type { Instant } from "../../base/time.ts";
import { concat, equalBytes, utf8 } from "../../wire/text.ts";
import { emitReferenceTime, type Track } from "../bmff/index.ts";
import { catalogTrackOf, emitHang, emitMsf, HANG_TRACK, MSF_TRACK } from "../catalog/index.ts";
import type { Namespace } from "../moq/model.ts";
import { type MediaObject, type Notice, Packager, type PackagerOptions } from "../packager/index.ts";
import { PLAIN_TRACK, type Refusal } from "../relay/model.ts";
import type { RelayPeer, SubgroupSink, TrackSink } from "../relay/peer.ts";

/** What is published, and to whom. */
export interface PublisherOptions extends Omit<PackagerOptions, "firstGroup"> {
  readonly peer: RelayPeer;
  readonly namespace: Namespace;
  /** Milliseconds since 1970. Groups count from it, so that a publisher that returns goes on with larger numbers. */
  readonly date: () => number;
  /** What people should know of the input. */
  readonly onNotice?: (notice: Notice) => void;
}

interface PublishedTrack {
  readonly track: Track;
  readonly name: string;
  readonly sink: TrackSink;
  run: SubgroupSink | undefined;
}

/** Subtitles and timed data have the priority of sound. */
const PRIORITIES = { audio: 64, other: 64, video: 128 } as const;
const CATALOG_PRIORITY = 0;

/** Push bytes as they come. */
export class BroadcastPublisher {
  readonly #options: PublisherOptions;
  readonly #packager: Packager;
  readonly #tracks = new Map<number, PublishedTrack>();
  /** MSF's and hang's: players look for one or the other. */
  readonly #msf: TrackSink;
  readonly #hang: TrackSink;
  #catalogGroup: number;
  #objects = 0;
  #bytes = 0;

  /** Throws an Error if the peer may not publish there. */
  constructor(options: PublisherOptions, now: Instant) {
    this.#options = options;
    const firstGroup = options.date();
    this.#packager = new Packager({ ...options, firstGroup });
    this.#catalogGroup = firstGroup;
    this.#msf = this.#publish(MSF_TRACK, CATALOG_PRIORITY, now);
    this.#hang = this.#publish(HANG_TRACK, CATALOG_PRIORITY, now);
  }

  /** Objects so far, and their bytes. */
  get stats(): { readonly objects: number; readonly bytes: number } {
    return { objects: this.#objects, bytes: this.#bytes };
  }

  /** Names of the tracks. */
  get tracks(): readonly string[] {
    return [...this.#tracks.values()].map(({ name }) => name);
  }

  /** The next bytes, cut anywhere. Throws a `BmffError`. */
  push(bytes: Uint8Array, now: Instant): void {
    try {
      this.#packager.push(bytes);
    } finally {
      this.#poll(now);
    }
  }

  /** The broadcast is over. */
  end(now: Instant): void {
    for (const { sink, run } of this.#tracks.values()) {
      run?.end(now);
      sink.end("track-ended", now);
    }
    this.#msf.end("track-ended", now);
    this.#hang.end("track-ended", now);
    this.#tracks.clear();
  }

  #publish(name: string, priority: number, now: Instant): TrackSink {
    const { peer, namespace } = this.#options;
    const sink = peer.publish({ namespace, name: utf8(name) }, { ...PLAIN_TRACK, priority }, now);
    if ("reason" in sink) throw new Error(`cannot publish ${name}: ${(sink as Refusal).message}`);
    return sink;
  }

  #poll(now: Instant): void {
    const packager = this.#packager;
    for (let event = packager.pollEvent(); event !== undefined; event = packager.pollEvent()) {
      if (event.type === "init") this.#replaceTracks(event.init.segment.tracks, now);
      else if (event.type === "object") this.#send(event.object, now);
      else this.#options.onNotice?.(event.notice);
    }
  }

  #replaceTracks(tracks: readonly Track[], now: Instant): void {
    for (const [id, published] of this.#tracks) {
      if (tracks.some((track) => track.id === id && equalBytes(track.init, published.track.init))) continue;
      published.run?.end(now);
      published.run = undefined;
      if (tracks.some((track) => track.id === id)) continue;
      published.sink.end("track-ended", now);
      this.#tracks.delete(id);
    }
    for (const track of tracks) {
      const known = this.#tracks.get(track.id);
      const name = known?.name ?? `${track.kind}${track.id}`;
      const sink = known?.sink ?? this.#publish(name, PRIORITIES[track.kind], now);
      this.#tracks.set(track.id, { track, name, sink, run: known?.run });
    }
    this.#sendCatalog(now);
  }

  #sendCatalog(now: Instant): void {
    const tracks = [...this.#tracks.values()].map(({ track, name }) => catalogTrackOf(track, { name }));
    const described = [...this.#tracks.values()].map(({ track, name }) => ({
      ...catalogTrackOf(track, { name }),
      // Readers of hang want it beside the CMAF header.
      description: track.codec.configuration,
    }));
    this.#sendWhole(this.#msf, emitMsf({ tracks, generatedAt: this.#options.date() }), now);
    this.#sendWhole(this.#hang, emitHang({ tracks: described }), now);
    this.#catalogGroup += 1;
  }

  /** A group of one object. */
  #sendWhole(sink: TrackSink, content: Uint8Array, now: Instant): void {
    const run = sink.open(startOf(this.#catalogGroup, CATALOG_PRIORITY), now);
    run?.object({ object: 0, properties: [], length: content.length, status: "normal" }, now);
    run?.payload(content, now);
    run?.end(now);
  }

  #send(object: MediaObject, now: Instant): void {
    const published = this.#tracks.get(object.track.id);
    if (published === undefined) return;
    if (object.object === 0) {
      published.run?.end(now);
      published.run = published.sink.open(startOf(object.group, PRIORITIES[object.track.kind]), now);
    }
    const bytes = this.#stamped(object);
    this.#objects += 1;
    this.#bytes += bytes.length;
    published.run?.object({ object: object.object, properties: [], length: bytes.length, status: "normal" }, now);
    published.run?.payload(bytes, now);
  }

  /** Each group of video says when it was made, unless the encoder did. */
  #stamped({ bytes, object, track, decodeTime, wallClock }: MediaObject): Uint8Array {
    if (object > 0 || wallClock !== undefined || track.kind !== "video") return bytes;
    const stamp = { trackId: track.id, wallClock: this.#options.date(), mediaTime: decodeTime };
    return concat(emitReferenceTime(stamp), bytes);
  }
}

const startOf = (group: number, priority: number) => ({
  group,
  subgroup: 0,
  priority,
  endsGroup: true,
  isFromStart: true,
  hasProperties: false,
});
