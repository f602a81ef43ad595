/**
 * A session of Warp (draft-lcurley-warp-00 and -01) as a machine over a carrier, in either role: it pushes the media that it is given,
 * and tells what the peer pushes. There is no setup, and nothing to subscribe to.
 */

import { concat } from "../../wire/text.ts";
import { BmffError, STYP } from "../bmff/index.ts";
import type { StreamId } from "../carrier.ts";
import { SegmentSession, type SegmentSessionEvent, type SegmentSessionOptions } from "../segments/index.ts";
import { WarpError } from "./errors.ts";
import { emitWarpMessage, livePrecedence, type WarpMessage } from "./message.ts";
import { type WarpEvent, WarpStreamReader } from "./stream-reader.ts";

/** What a session is made with. */
export interface WarpSessionOptions extends SegmentSessionOptions {
  /** `livePrecedence` by default: the newest first, audio ahead of video. `storedPrecedence` is for what is watched from its beginning. */
  readonly precedence?: (milliseconds: number, isAudio: boolean) => number;
}

/** What a session of Warp tells. */
export type WarpSessionEvent =
  | SegmentSessionEvent
  /** Each `warp` box of the peer, with its precedence and its extensions. */
  | { readonly type: "message"; readonly stream: StreamId; readonly message: WarpMessage };

const NOTHING = new Uint8Array(0);

/** Give it objects of the packager, hand it what the carrier brings, and poll events. */
export class WarpSession extends SegmentSession<WarpSessionEvent> {
  readonly #options: WarpSessionOptions;

  constructor(options: WarpSessionOptions) {
    const { precedence = livePrecedence } = options;
    super(options, {
      rankOf: ({ track, presentationTime }) =>
        precedence(Math.floor((presentationTime / track.timescale) * 1_000), track.kind === "audio"),
      initHead: (id) => emitWarpMessage({ init: { id } }),
      mediaHead: ({ track, presentationTime }, init, rank) => {
        const segment = { init, timestamp: presentationTime, timescale: track.timescale };
        return concat(emitWarpMessage({ segment, priority: { precedence: rank } }), STYP);
      },
    });
    this.#options = options;
  }

  /** Sends a message without a segment, such as the extensions of an application: in order, on one stream. Returns false if there is no stream now. */
  sendMessage(message: WarpMessage): boolean {
    return this.sendControl(NOTHING, emitWarpMessage(message));
  }

  protected override readerOf(stream: StreamId): WarpStreamReader {
    return new WarpStreamReader({
      ...this.#options,
      onEvent: (event) => {
        if (this.isReading(stream)) this.#handle(stream, event);
      },
    });
  }

  protected override streamErrorOf(error: unknown): WarpError | undefined {
    if (error instanceof BmffError) return new WarpError(error.message, { cause: error });
    return error instanceof WarpError ? error : undefined;
  }

  #handle(stream: StreamId, event: WarpEvent): void {
    switch (event.type) {
      case "init":
        this.handleInit(event.id, event.segment);
        break;
      case "fragment":
        this.handleFragment(stream, event);
        break;
      case "message": {
        const { message } = event;
        this.emit({ type: "message", stream, message });
        // -00 has milliseconds, always.
        const { init, timestamp, timescale = 1_000 } = message.segment ?? {};
        if (init !== undefined) this.beginSegment(stream, init, timestamp! / timescale);
        break;
      }
    }
  }
}
