/** Segments of a peer as groups of a broadcast: a track for each of theirs, and catalogs that name them. */

import { after, type Instant, millis } from "../../../base/time.ts";
import { equalBytes } from "../../../wire/text.ts";
import { shifted } from "../../assembly/decode-time.ts";
import { presentationTime, type Track, type TrackFragment } from "../../bmff/index.ts";
import {
  type PublishedTrack,
  PublishedTracks,
  type PublishedTracksOptions,
  trackNameOf,
} from "../../broadcast/published-tracks.ts";
import type { IncomingFragment, IncomingSegment, SegmentEvent } from "../../segments/index.ts";
import type { SubgroupSink } from "../peer.ts";

/** Tracks of one peer. */
const MAX_TRACKS = 64;
/** Segments that are remembered, so that no two of a track have one number. */
const REMEMBERED = 64;
/** Milliseconds without a new track, after which the catalog has all: the protocols do not say how many there are. */
const SETTLED = 250;
/** Seconds: drafts say when a segment begins in milliseconds. */
const PRECISION = 0.001;

/** A segment that is arriving. */
interface Arriving {
  readonly run: SubgroupSink;
  /** Units that its fragments are moved by, because the peer says when it begins. */
  readonly shift: number;
  objects: number;
}

/** Hand it a session's events. */
export class SegmentIngest {
  readonly #tracks: PublishedTracks;
  readonly #firstGroup: number;
  readonly #arriving = new Map<IncomingSegment, Arriving>();
  /** The newest groups of each track. */
  readonly #groups = new Map<string, number[]>();
  /** When the catalog is due. */
  #catalogAt: Instant | undefined;

  /** Throws a `PublishRefusedError`. */
  constructor(options: PublishedTracksOptions, now: Instant) {
    this.#firstGroup = options.date();
    this.#tracks = new PublishedTracks(options, now);
  }

  /** When to call `handleTimeout`. */
  nextTimeout(): Instant | undefined {
    return this.#catalogAt;
  }

  /** The catalog may be due. */
  handleTimeout(now: Instant): void {
    if (this.#catalogAt === undefined || this.#catalogAt > now) return;
    this.#catalogAt = undefined;
    this.#tracks.sendCatalog(now);
  }

  /** Tracks whose media is to come. Throws a `PublishRefusedError`. */
  expect(tracks: readonly Track[], now: Instant): void {
    for (const track of tracks) if (this.#tracks.get(trackNameOf(track)) === undefined) this.#trackOf(track, now);
  }

  /** Throws a `PublishRefusedError`. */
  handle(event: SegmentEvent, now: Instant): void {
    const { segment } = event;
    if (event.type === "fragment") this.#handleFragment(segment, event.fragment, now);
    if (event.type !== "segment-end") return;
    const run = this.#arriving.get(segment)?.run;
    this.#arriving.delete(segment);
    if (event.isComplete) run?.end(now);
    else run?.reset(0, now);
  }

  /** The media is over. */
  end(now: Instant): void {
    if (this.#catalogAt !== undefined) this.handleTimeout(this.#catalogAt);
    this.#tracks.end(now);
  }

  #handleFragment(segment: IncomingSegment, { bytes, content }: IncomingFragment, now: Instant): void {
    const arriving = this.#arriving.get(segment) ?? this.#begin(segment, content, now);
    if (arriving === undefined) {
      segment.stop();
      return;
    }
    const moved = arriving.shift === 0 ? bytes : (shifted(bytes, arriving.shift) ?? bytes);
    const head = { object: arriving.objects, properties: [], length: moved.length, status: "normal" } as const;
    arriving.objects += 1;
    arriving.run.object(head, now);
    if (arriving.run.payload(moved, now)) return;
    // Every viewer is beyond it.
    this.#arriving.delete(segment);
    segment.stop();
  }

  /** Undefined if nothing of the segment is of use. */
  #begin(segment: IncomingSegment, content: TrackFragment, now: Instant): Arriving | undefined {
    const published = this.#trackOf(segment.track, now);
    const run = published?.open(this.#groupOf(segment), now);
    if (run === undefined) return undefined;
    const arriving = { run, shift: shiftOf(segment, content), objects: 0 };
    this.#arriving.set(segment, arriving);
    return arriving;
  }

  #trackOf(track: Track, now: Instant): PublishedTrack | undefined {
    const known = this.#tracks.get(trackNameOf(track));
    if (known !== undefined && equalBytes(known.track.init, track.init)) return known;
    if (known === undefined && this.#tracks.names.length >= MAX_TRACKS) return undefined;
    const published = this.#tracks.set(track, now);
    this.#catalogAt = after(now, millis(SETTLED));
    return published;
  }

  /** Numbers grow in the order in which the peer began its segments, in whatever order they come. */
  #groupOf({ track, sequence }: IncomingSegment): number {
    const name = trackNameOf(track);
    const before = this.#groups.get(name) ?? [];
    let group = this.#firstGroup + Math.floor(sequence);
    // -00 may have several segments on a stream.
    while (before.includes(group)) group += 1;
    this.#groups.set(name, [...before.slice(1 - REMEMBERED), group]);
    return group;
  }
}

/** The peer's word goes before the times in the fragments. */
function shiftOf({ timestamp, track: { timescale } }: IncomingSegment, { samples }: TrackFragment): number {
  if (timestamp === undefined || samples.length === 0) return 0;
  const shown = samples.reduce((least, each) => Math.min(least, presentationTime(each)), Number.POSITIVE_INFINITY);
  const shift = Math.round(timestamp * timescale) - shown;
  return Math.abs(shift) <= PRECISION * timescale ? 0 : shift;
}
