/** Puts the boxes of one segment together: `ftyp` and `moov`, and `moof` and `mdat` with the events before them. */

import { concat } from "../../wire/text.ts";
import {
  BmffError,
  boxesIn,
  type InitSegment,
  parseFragment,
  parseInitSegment,
  parseReferenceTime,
  type TrackFragment,
} from "../bmff/index.ts";

/** Bytes of `prft` and `emsg` boxes before one fragment. */
const MAX_BEFORE = 256 * 1024;

/** `moof` and `mdat`, after the `prft` and `emsg` boxes before them; its samples can be read when its init is there. */
export interface RawFragment {
  readonly bytes: Uint8Array;
  /** Milliseconds since 1970 at which its producer saw it, if a `prft` box says so. */
  readonly wallClock: number | undefined;
  readonly moof: Uint8Array;
  /** Where `moof` began in the stream. */
  readonly offset: number;
}

/** Give it each box of a segment. */
export class SegmentBoxes {
  #ftyp: Uint8Array | undefined;
  #moof: { readonly bytes: Uint8Array; readonly offset: number } | undefined;
  #before: Uint8Array[] = [];
  #beforeLength = 0;
  #wallClock: number | undefined;

  /** Bytes that are kept until their fragment is complete. */
  get held(): number {
    return (this.#moof?.bytes.length ?? 0) + this.#beforeLength;
  }

  /** Another segment begins: a `moof` without its `mdat` is lost. */
  restart(): void {
    this.#moof = undefined;
    this.#before = [];
    this.#beforeLength = 0;
    this.#wallClock = undefined;
  }

  /** Returns what became complete. Throws a `BmffError`. */
  take(type: string, bytes: Uint8Array, offset: number): InitSegment | RawFragment | undefined {
    switch (type) {
      case "ftyp":
        this.#ftyp = bytes;
        break;
      case "moov":
        return parseInitSegment(this.#ftyp === undefined ? bytes : concat(this.#ftyp, bytes));
      case "moof":
        this.#moof = { bytes, offset };
        break;
      case "mdat":
        return this.#finish(bytes);
      case "prft":
      case "emsg":
        this.#keep(type, bytes);
        break;
    }
    return undefined;
  }

  #keep(type: string, bytes: Uint8Array): void {
    this.#beforeLength += bytes.length;
    if (this.#beforeLength > MAX_BEFORE) {
      throw new BmffError("EVENT", type, `more than ${MAX_BEFORE} bytes of events before one fragment`);
    }
    this.#before.push(bytes);
    if (type === "prft") this.#wallClock = parseReferenceTime(boxesIn(bytes)[0]!)?.wallClock;
  }

  #finish(mdat: Uint8Array): RawFragment {
    const moof = this.#moof;
    if (moof === undefined) throw new BmffError("FRAGMENT", "mdat", "media without a moof box");
    const bytes = concat(...this.#before, moof.bytes, mdat);
    const fragment = { bytes, wallClock: this.#wallClock, moof: moof.bytes, offset: moof.offset };
    this.restart();
    return fragment;
  }
}

/** The samples of a fragment, which has to be of the one track that its init knows. Throws a `BmffError`. */
export function readFragment({ moof, offset }: Pick<RawFragment, "moof" | "offset">, init: InitSegment): TrackFragment {
  const { tracks, unknownTracks } = parseFragment(moof, init, offset);
  if (unknownTracks.length > 0) {
    throw new BmffError("FRAGMENT", "moof/traf", `a fragment of track ${unknownTracks[0]}, which its init lacks`);
  }
  const [track, ...others] = tracks;
  if (track !== undefined && others.length === 0) return track;
  throw new BmffError("FRAGMENT", "moof", `a fragment of ${tracks.length} tracks`);
}
