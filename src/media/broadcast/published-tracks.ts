/** The tracks of a broadcast as a relay gets them: each with its name and priority, beside two catalogs that name them all. */

import type { Instant } from "../../base/time.ts";
import { utf8 } from "../../wire/text.ts";
import type { Track } from "../bmff/index.ts";
import { catalogTrackOf, emitHang, emitMsf, HANG_TRACK, MSF_TRACK } from "../catalog/index.ts";
import type { Namespace } from "../moq/model.ts";
import { PLAIN_TRACK, type Refusal, type SubgroupStart } from "../relay/model.ts";
import type { RelayPeer, SubgroupSink, TrackSink } from "../relay/peer.ts";

/** Where a broadcast goes. */
export interface PublishedTracksOptions {
  readonly peer: RelayPeer;
  readonly namespace: Namespace;
  /** Milliseconds since 1970. Groups count from it, so that a publisher that returns goes on with larger numbers. */
  readonly date: () => number;
}

/** The relay does not take a track. */
export class PublishRefusedError extends Error {
  override readonly name = "PublishRefusedError";
}

/** The name of a track, by its kind and id. */
export const trackNameOf = ({ kind, id }: Track): string => `${kind}${id}`;

/** Subtitles and timed data have the priority of sound. */
const PRIORITIES = { audio: 64, other: 64, video: 128 } as const;
const CATALOG_PRIORITY = 0;

/** One track that is published. */
export class PublishedTrack {
  readonly track: Track;
  readonly sink: TrackSink;
  /** The group that is open, where one follows another. */
  run: SubgroupSink | undefined;

  constructor(track: Track, sink: TrackSink) {
    this.track = track;
    this.sink = sink;
  }

  /** Begins a group. Undefined if it is of no use. */
  open(group: number, now: Instant): SubgroupSink | undefined {
    return this.sink.open(startOf(group, PRIORITIES[this.track.kind]), now);
  }
}

/** All tracks of one broadcast. After changes call `sendCatalog`. */
export class PublishedTracks {
  readonly #options: PublishedTracksOptions;
  readonly #tracks = new Map<string, PublishedTrack>();
  /** MSF's and hang's: players look for one or the other. */
  readonly #msf: TrackSink;
  readonly #hang: TrackSink;
  #catalogGroup: number;

  /** Throws a `PublishRefusedError`. */
  constructor(options: PublishedTracksOptions, now: Instant) {
    this.#options = options;
    this.#catalogGroup = options.date();
    this.#msf = this.#publish(MSF_TRACK, CATALOG_PRIORITY, now);
    this.#hang = this.#publish(HANG_TRACK, CATALOG_PRIORITY, now);
  }

  get names(): readonly string[] {
    return [...this.#tracks.keys()];
  }

  get(name: string): PublishedTrack | undefined {
    return this.#tracks.get(name);
  }

  /** Adds a track, or puts it in the place of the one of its name. Throws a `PublishRefusedError`. */
  set(track: Track, now: Instant): PublishedTrack {
    const name = trackNameOf(track);
    const sink = this.#tracks.get(name)?.sink ?? this.#publish(name, PRIORITIES[track.kind], now);
    const published = new PublishedTrack(track, sink);
    this.#tracks.set(name, published);
    return published;
  }

  /** Ends a track. */
  remove(name: string, now: Instant): void {
    const published = this.#tracks.get(name);
    published?.run?.end(now);
    published?.sink.end("track-ended", now);
    this.#tracks.delete(name);
  }

  /** Says which tracks there are. */
  sendCatalog(now: Instant): void {
    const tracks = [...this.#tracks].map(([name, { track }]) => catalogTrackOf(track, { name }));
    const described = [...this.#tracks].map(([name, { track }]) => ({
      ...catalogTrackOf(track, { name }),
      // Readers of hang want it beside the CMAF header.
      description: track.codec.configuration,
    }));
    this.#sendWhole(this.#msf, emitMsf({ tracks, generatedAt: this.#options.date() }), now);
    this.#sendWhole(this.#hang, emitHang({ tracks: described }), now);
    this.#catalogGroup += 1;
  }

  /** The broadcast is over. */
  end(now: Instant): void {
    for (const name of this.names) this.remove(name, now);
    this.#msf.end("track-ended", now);
    this.#hang.end("track-ended", now);
  }

  #publish(name: string, priority: number, now: Instant): TrackSink {
    const { peer, namespace } = this.#options;
    const sink = peer.publish({ namespace, name: utf8(name) }, { ...PLAIN_TRACK, priority }, now);
    if ("reason" in sink) throw new PublishRefusedError(`cannot publish ${name}: ${(sink as Refusal).message}`);
    return sink;
  }

  /** A group of one object. */
  #sendWhole(sink: TrackSink, content: Uint8Array, now: Instant): void {
    const run = sink.open(startOf(this.#catalogGroup, CATALOG_PRIORITY), now);
    run?.object({ object: 0, properties: [], length: content.length, status: "normal" }, now);
    run?.payload(content, now);
    run?.end(now);
  }
}

const startOf = (group: number, priority: number): SubgroupStart => ({
  group,
  subgroup: 0,
  priority,
  endsGroup: true,
  isFromStart: true,
  hasProperties: false,
});
