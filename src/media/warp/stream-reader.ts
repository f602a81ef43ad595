/** Reads a stream of Warp: `warp` boxes, and the boxes of the segments between them, as they become complete. */

import { concat } from "../../wire/text.ts";
import {
  BmffError,
  type BmffLimits,
  BmffReader,
  BOX_HEADER,
  type InitSegment,
  parseFragment,
  parseInitSegment,
  type TrackFragment,
} from "../bmff/index.ts";
import { WarpError } from "./errors.ts";
import { parseWarpMessage, type WarpMessage } from "./message.ts";

/** What a stream brings. */
export type WarpEvent =
  | { readonly type: "message"; readonly message: WarpMessage }
  /** An initialization segment, after a message that gave its id. */
  | { readonly type: "init"; readonly id: number; readonly bytes: Uint8Array; readonly segment: InitSegment }
  /** `moof` and `mdat`, after a message that described their segment. */
  | { readonly type: "fragment"; readonly bytes: Uint8Array; readonly samples: TrackFragment | undefined };

export interface WarpReaderOptions extends BmffLimits {
  readonly onEvent: (event: WarpEvent) => void;
  /** The initialization segment of an id, if it is there: with it, fragments are checked and their samples read. */
  readonly initOf?: (id: number) => InitSegment | undefined;
}

/** Calls `onEvent` for each event. Keeps at most a fragment that is not complete. */
export class WarpStreamReader {
  readonly #options: WarpReaderOptions;
  readonly #reader: BmffReader;
  #hasMessage = false;
  /** What the boxes that come next belong to. */
  #context: WarpMessage = {};
  #ftyp: Uint8Array | undefined;
  #moof: { readonly bytes: Uint8Array; readonly offset: number } | undefined;

  constructor(options: WarpReaderOptions) {
    this.#options = options;
    this.#reader = new BmffReader({
      ...options,
      alsoKept: ["warp"],
      onBox: (type, bytes, offset) => this.#handleBox(type, bytes, offset),
      onSkip: (type, size) => this.#handleSkip(type, size),
    });
  }

  /** Takes bytes, cut anywhere. Throws a `WarpError`, with the code for STOP_SENDING. */
  push(bytes: Uint8Array): void {
    try {
      this.#reader.push(bytes);
    } catch (error) {
      if (!(error instanceof BmffError)) throw error;
      throw new WarpError(error.message, { cause: error });
    }
  }

  /** The stream was finished, or reset; what is incomplete is lost, and what was complete stays. */
  end(): void {
    if (!this.#hasMessage) throw new WarpError("it ended without a warp box");
  }

  #handleSkip(type: string, size: number): void {
    if (type === "warp" || type === "mdat") throw new WarpError(`${type} of ${size} bytes is too large`);
    if (!this.#hasMessage) throw new WarpError(`the first box is ${type}, not warp`);
  }

  #handleBox(type: string, bytes: Uint8Array, offset: number): void {
    if (type === "warp") {
      this.#handleMessage(parseWarpMessage(bytes.subarray(BOX_HEADER)));
      return;
    }
    if (!this.#hasMessage) throw new WarpError(`the first box is ${type}, not warp`);
    switch (type) {
      case "ftyp":
        this.#ftyp = bytes;
        break;
      case "moov":
        this.#handleInit(bytes);
        break;
      case "moof":
        if (this.#context.segment === undefined) throw new WarpError("a fragment without a segment message");
        this.#moof = { bytes, offset };
        break;
      case "mdat":
        this.#handleData(bytes);
        break;
    }
  }

  #handleMessage(message: WarpMessage): void {
    this.#hasMessage = true;
    // Several boxes before a segment add up; what follows a segment is about the next one.
    this.#context =
      message.segment === undefined && message.init === undefined ? { ...this.#context, ...message } : message;
    this.#moof = undefined;
    this.#options.onEvent({ type: "message", message });
  }

  #handleInit(moov: Uint8Array): void {
    const id = this.#context.init?.id;
    if (id === undefined) throw new WarpError("an initialization segment without an init message");
    const bytes = this.#ftyp === undefined ? moov : concat(this.#ftyp, moov);
    this.#options.onEvent({ type: "init", id, bytes, segment: parseInitSegment(bytes) });
  }

  #handleData(mdat: Uint8Array): void {
    const moof = this.#moof;
    this.#moof = undefined;
    if (moof === undefined) throw new WarpError("media without a moof box");
    const init = this.#options.initOf?.(this.#context.segment!.init);
    const samples = init === undefined ? undefined : samplesOf(moof.bytes, moof.offset, init);
    this.#options.onEvent({ type: "fragment", bytes: concat(moof.bytes, mdat), samples });
  }
}

function samplesOf(moof: Uint8Array, offset: number, init: InitSegment): TrackFragment {
  const { tracks, unknownTracks } = parseFragment(moof, init, offset);
  if (unknownTracks.length > 0) throw new WarpError(`a fragment of track ${unknownTracks[0]}, which its init lacks`);
  const [track, ...others] = tracks;
  if (track === undefined || others.length > 0) throw new WarpError(`a fragment of ${tracks.length} tracks`);
  return track;
}
