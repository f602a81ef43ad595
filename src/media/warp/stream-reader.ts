/** Reads a stream of Warp: `warp` boxes, and the boxes of the segments between them, as they become complete. */

import {
  BmffError,
  type BmffLimits,
  BmffReader,
  BOX_HEADER,
  type InitSegment,
  type TrackFragment,
} from "../bmff/index.ts";
import { type RawFragment, readFragment, SegmentBoxes } from "../segments/index.ts";
import { WarpError } from "./errors.ts";
import { parseWarpMessage, type WarpMessage } from "./message.ts";

/** What a stream brings. */
export type WarpEvent =
  | { readonly type: "message"; readonly message: WarpMessage }
  /** An initialization segment, after a message that gave its id. */
  | { readonly type: "init"; readonly id: number; readonly bytes: Uint8Array; readonly segment: InitSegment }
  | WarpFragment;

/** A fragment, after a message that described its segment. */
export interface WarpFragment extends RawFragment {
  readonly type: "fragment";
  /** Undefined if its initialization segment was not there: `readFragment` reads them when it is. */
  readonly samples: TrackFragment | undefined;
}

export interface WarpReaderOptions extends BmffLimits {
  readonly onEvent: (event: WarpEvent) => void;
  /** The initialization segment of an id, if it is there: with it, fragments are checked and their samples read. */
  readonly initOf?: (id: number) => InitSegment | undefined;
}

/** Calls `onEvent` for each event. Keeps at most a fragment that is not complete. */
export class WarpStreamReader {
  readonly #options: WarpReaderOptions;
  readonly #reader: BmffReader;
  readonly #boxes = new SegmentBoxes();
  #hasMessage = false;
  /** What the boxes that come next belong to. */
  #context: WarpMessage = {};

  constructor(options: WarpReaderOptions) {
    this.#options = options;
    this.#reader = new BmffReader({
      ...options,
      alsoKept: ["warp"],
      onBox: (type, bytes, offset) => this.#handleBox(type, bytes, offset),
      onSkip: (type, size) => this.#handleSkip(type, size),
    });
  }

  /** Bytes that are kept until their fragment is complete. */
  get held(): number {
    return this.#reader.held + this.#boxes.held;
  }

  /** Takes bytes, cut anywhere. Throws a `WarpError`, with the code for STOP_SENDING. */
  push(bytes: Uint8Array): void {
    readOrRefuse(() => this.#reader.push(bytes));
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
    const { init, segment } = this.#context;
    if (type === "moov" && init === undefined) throw new WarpError("an initialization segment without an init message");
    if (type === "moof" && segment === undefined) throw new WarpError("a fragment without a segment message");
    const complete = this.#boxes.take(type, bytes, offset);
    if (complete === undefined) return;
    if ("tracks" in complete) {
      this.#options.onEvent({ type: "init", id: init!.id, bytes: complete.bytes, segment: complete });
      return;
    }
    const known = this.#options.initOf?.(segment!.init);
    const samples = known === undefined ? undefined : readFragment(complete, known);
    this.#options.onEvent({ type: "fragment", ...complete, samples });
  }

  #handleMessage(message: WarpMessage): void {
    this.#hasMessage = true;
    // Several boxes before a segment add up; what follows a segment is about the next one.
    this.#context =
      message.segment === undefined && message.init === undefined ? { ...this.#context, ...message } : message;
    this.#boxes.restart();
    this.#options.onEvent({ type: "message", message });
  }
}

/** Turns a `BmffError` into the error that a stream is refused with. */
export function readOrRefuse<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof BmffError)) throw error;
    throw new WarpError(error.message, { cause: error });
  }
}
