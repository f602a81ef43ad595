/**
 * Cuts a live stream of fragmented MP4, as ffmpeg writes it, into groups and objects. A group begins where a decoder can
 * begin: with a keyframe, and for tracks without keyframes where video begins one. An object is a CMAF chunk of one track:
 * a fragment as it came, or a part of it if it holds several tracks or groups.
 */

import { Fifo } from "../../base/fifo.ts";
import { concat, equalBytes } from "../../wire/text.ts";
import {
  BmffError,
  type BmffLimits,
  BmffReader,
  BOX_HEADER,
  boxesIn,
  emitFragment,
  type InitSegment,
  isSync,
  parseFragment,
  parseInitSegment,
  parseReferenceTime,
  presentationTime,
  type Sample,
  type TrackFragment,
} from "../bmff/index.ts";
import type { MediaObject, Notice, NoticeCode, PackagerEvent, PublishedInit } from "./events.ts";
import { type GroupCuts, TrackState } from "./track-state.ts";

/** Bytes of `emsg` boxes before one fragment. */
const MAX_EVENT_BYTES = 256 * 1024;

export interface PackagerOptions extends BmffLimits {
  /** "fragment" keeps fragments as they came where it can; "frame" makes an object of each sample. */
  readonly objects?: "fragment" | "frame";
  /** Milliseconds of a group if there is no video; 1,000 by default. */
  readonly groupDuration?: number;
  /** The number of the first group; 0 by default. */
  readonly firstGroup?: number;
}

interface Moof {
  readonly bytes: Uint8Array;
  readonly offset: number;
}

/** Push bytes, then poll events until there are none: they are kept until they are polled. */
export class Packager {
  readonly #reader: BmffReader;
  readonly #options: PackagerOptions;
  readonly #events = new Fifo<PackagerEvent>();
  #ftyp: Uint8Array | undefined;
  #init: PublishedInit | undefined;
  #states = new Map<number, TrackState>();
  /** The header whose data comes next. */
  #moof: Moof | undefined;
  /** `prft` and `emsg` boxes before the next fragment. */
  #before: { readonly type: string; readonly bytes: Uint8Array }[] = [];
  #eventBytes = 0;
  #hasNoticedInit = false;
  /** Seconds: when the newest video group began. */
  #videoGroup: number | undefined;
  #sequence = 0;

  constructor(options: PackagerOptions = {}) {
    this.#options = options;
    this.#reader = new BmffReader({
      ...options,
      onBox: (type, bytes, offset) => this.#handleBox(type, bytes, offset),
      onSkip: (type, size) => this.#handleSkip(type, size),
    });
  }

  /** The newest initialization segment. */
  get init(): PublishedInit | undefined {
    return this.#init;
  }

  /** Bytes of input that are kept until their fragment is complete. */
  get held(): number {
    return this.#reader.held + (this.#moof?.bytes.length ?? 0) + this.#eventBytes;
  }

  /** Takes the next bytes, cut anywhere. Throws a `BmffError`; events from before it can still be polled. */
  push(bytes: Uint8Array): void {
    this.#reader.push(bytes);
  }

  /** The input ended. Throws a `BmffError` if it ended in the middle of a box, or before any media. */
  end(): void {
    this.#reader.end();
    if (this.#init === undefined) throw new BmffError("INIT", "file", "the stream ended without a moov box");
  }

  /** The next event; undefined if there is none. */
  pollEvent(): PackagerEvent | undefined {
    return this.#events.shift();
  }

  #tell(code: NoticeCode, message: string, trackId?: number): void {
    this.#notify({ code, trackId, message });
  }

  #notify(notice: Notice): void {
    this.#events.push({ type: "notice", notice });
  }

  #handleBox(type: string, bytes: Uint8Array, offset: number): void {
    switch (type) {
      case "ftyp":
        this.#ftyp = bytes;
        break;
      case "moov":
        this.#handleInit(bytes);
        break;
      case "moof":
        this.#moof = { bytes, offset };
        break;
      case "mdat":
        this.#handleData(bytes, offset);
        break;
      case "emsg":
      case "prft":
        this.#keep(type, bytes);
        break;
    }
  }

  #keep(type: string, bytes: Uint8Array): void {
    if (this.#eventBytes + bytes.length > MAX_EVENT_BYTES) {
      this.#tell(
        "too-many-events",
        `more than ${MAX_EVENT_BYTES} bytes of events before one fragment: dropped ${type}`,
      );
      return;
    }
    this.#eventBytes += bytes.length;
    this.#before.push({ type, bytes });
  }

  #handleSkip(type: string, size: number): void {
    if (type !== "mdat") return;
    const had = this.#moof !== undefined;
    this.#moof = undefined;
    if (!had || this.#init === undefined) return;
    this.#dropBefore();
    for (const state of this.#states.values()) state.interrupt();
    this.#tell("fragment-too-large", `a fragment of ${size} bytes was dropped, up to the next keyframe`);
  }

  #handleInit(moov: Uint8Array): void {
    const bytes = this.#ftyp === undefined ? moov : concat(this.#ftyp, moov);
    if (this.#init !== undefined && equalBytes(this.#init.segment.bytes, bytes)) return;
    const segment = parseInitSegment(bytes);
    this.#init = { id: (this.#init?.id ?? 0) + 1, segment };
    this.#moof = undefined;
    this.#replaceTracks(segment);
    this.#events.push({ type: "init", init: this.#init });
  }

  #replaceTracks({ tracks }: InitSegment): void {
    const old = this.#states;
    // A new track's groups begin after all earlier ones, so that no number comes twice.
    const next = Math.max(this.#options.firstGroup ?? 0, ...[...old.values()].map(({ nextGroup }) => nextGroup));
    this.#states = new Map(
      tracks.map((track) => {
        const state = old.get(track.id) ?? new TrackState(track, next, (notice) => this.#notify(notice));
        if (old.has(track.id)) state.replace(track);
        return [track.id, state];
      }),
    );
    this.#videoGroup = undefined;
  }

  #dropBefore(): void {
    this.#before = [];
    this.#eventBytes = 0;
  }

  #handleData(mdat: Uint8Array, mdatOffset: number): void {
    const moof = this.#moof;
    this.#moof = undefined;
    if (moof === undefined) return;
    const init = this.#init;
    if (init === undefined) {
      this.#dropBefore();
      if (!this.#hasNoticedInit) this.#tell("missing-init", "fragments before the moov box are dropped");
      this.#hasNoticedInit = true;
      return;
    }
    const { tracks, unknownTracks } = parseFragment(moof.bytes, init.segment, moof.offset);
    for (const id of unknownTracks) this.#tell("unknown-track", `a fragment for track ${id}, which moov lacks`, id);
    const data = new FragmentData(moof, mdat, mdatOffset, tracks.length + unknownTracks.length);
    for (const fragment of tracks) if (fragment.samples.length > 0) this.#package(fragment, data, init.id);
    this.#dropBefore();
  }

  #package(fragment: TrackFragment, data: FragmentData, initId: number): void {
    const { track, isEncrypted } = fragment;
    const state = this.#states.get(track.id)!;
    const samples = state.timed(fragment);
    for (const sample of samples) data.check(sample);
    const isWhole = data.isAlone && !fragment.isAnchored && fragment.baseDecodeTime !== undefined;
    if (isEncrypted && !isWhole) {
      throw new BmffError("FRAGMENT", "moof/traf", "encrypted tracks that share fragments cannot be separated");
    }
    const parts = isEncrypted ? [samples] : this.#cut(samples, track.kind === "video");
    for (const [index, part] of parts.entries()) {
      const first = part[0]!;
      const place = state.place(part, this.#cuts());
      if (place === undefined) continue;
      if (place.object === 0 && track.kind === "video") this.#videoGroup = first.decodeTime / track.timescale;
      const before = index === 0 ? this.#takeBefore(track.id) : { bytes: [], wallClock: undefined };
      const moofStart = before.bytes.reduce((sum, { length }) => sum + length, 0);
      this.#sequence += 1;
      const isOriginal = isWhole && parts.length === 1;
      const bytes = isOriginal
        ? concat(...before.bytes, data.moof, data.mdat)
        : concat(...before.bytes, this.#emit(track.id, part, data));
      const object: MediaObject = {
        track,
        initId,
        ...place,
        isSync: isSync(first),
        decodeTime: first.decodeTime,
        presentationTime: part.reduce(
          (least, each) => Math.min(least, presentationTime(each)),
          Number.MAX_SAFE_INTEGER,
        ),
        duration: part.reduce((sum, { duration }) => sum + duration, 0),
        wallClock: before.wallClock,
        samples: isOriginal ? part : moved(part, bytes.length - moofStart),
        moofStart,
        bytes,
      };
      this.#events.push({ type: "object", object });
    }
  }

  #cuts(): GroupCuts {
    return { videoGroup: this.#videoGroup, duration: (this.#options.groupDuration ?? 1_000) / 1_000 };
  }

  /** The samples of each object. */
  #cut(samples: readonly Sample[], isVideo: boolean): (readonly Sample[])[] {
    if (this.#options.objects === "frame") return samples.map((sample) => [sample]);
    const starts = samples.flatMap((sample, index) => (index === 0 || (isVideo && isSync(sample)) ? [index] : []));
    return starts.map((start, index) => samples.slice(start, starts[index + 1]));
  }

  #emit(trackId: number, samples: readonly Sample[], data: FragmentData): Uint8Array {
    const payload = samples.map((sample) => data.bytesOf(sample));
    const baseDecodeTime = samples[0]!.decodeTime;
    return emitFragment({ sequence: this.#sequence, trackId, baseDecodeTime, samples, payload });
  }

  /** The boxes that belong to the track: its reference times, and all events, which go to the first track that comes. */
  #takeBefore(trackId: number): { bytes: Uint8Array[]; wallClock: number | undefined } {
    let wallClock: number | undefined;
    const bytes: Uint8Array[] = [];
    this.#before = this.#before.filter((box) => {
      if (box.type === "prft") {
        const time = parseReferenceTime(boxesIn(box.bytes)[0]!);
        if (time !== undefined && time.trackId !== trackId) return true;
        wallClock = time?.wallClock ?? wallClock;
      }
      bytes.push(box.bytes);
      return false;
    });
    return { bytes, wallClock };
  }
}

/** The samples where they are in a fragment of their own, which has `length` bytes and ends with their data. */
function moved(samples: readonly Sample[], length: number): readonly Sample[] {
  let offset = length - samples.reduce((sum, { size }) => sum + size, 0);
  return samples.map((sample) => {
    const result = { ...sample, offset };
    offset += sample.size;
    return result;
  });
}

/** A fragment's header and data. */
class FragmentData {
  readonly moof: Uint8Array;
  readonly mdat: Uint8Array;
  /** True if the fragment is of one track, and nothing stands between header and data. */
  readonly isAlone: boolean;
  /** Where `mdat` begins, after the beginning of `moof`. */
  readonly #mdatStart: number;

  constructor(moof: Moof, mdat: Uint8Array, mdatOffset: number, trackCount: number) {
    this.moof = moof.bytes;
    this.mdat = mdat;
    this.#mdatStart = mdatOffset - moof.offset;
    this.isAlone = trackCount === 1 && this.#mdatStart === moof.bytes.length;
  }

  /** Throws if the sample is not in this `mdat`. */
  check({ offset, size }: Sample): void {
    const start = offset - this.#mdatStart;
    if (start >= BOX_HEADER && start + size <= this.mdat.length) return;
    throw new BmffError("FRAGMENT", "moof/traf/trun", `a sample of ${size} bytes is not in the mdat that follows`);
  }

  bytesOf({ offset, size }: Sample): Uint8Array {
    return this.mdat.subarray(offset - this.#mdatStart, offset - this.#mdatStart + size);
  }
}
