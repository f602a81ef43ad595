/** Video by WebCodecs: decoded frames wait for their time, and are drawn on a canvas. */

import type { AssembledFragment } from "../../../src/media/assembly/index.ts";
import type { Track } from "../../../src/media/bmff/index.ts";
import type { Pace, RenderEvents, Renderer, RenderStats } from "./renderer.ts";
import { descriptionOf, samplesOf } from "./samples.ts";

/** Frames that wait: decoders have few of them. */
const MAX_FRAMES = 12;
/** Samples that wait for the decoder's turn: ten seconds of video. */
const MAX_SAMPLES = 600;
/** Microseconds before its time at which a frame may be drawn: half a frame of a page. */
const EARLY = 8_000;

export class VideoFrames implements Renderer {
  readonly #canvas: HTMLCanvasElement;
  readonly #events: RenderEvents;
  readonly #context: CanvasRenderingContext2D;
  readonly #frames: VideoFrame[] = [];
  readonly #waiting: EncodedVideoChunk[] = [];
  #decoder: VideoDecoder | undefined;
  #config: VideoDecoderConfig | undefined;
  #needsKey = true;
  #shown = 0;
  #dropped = 0;
  #missing = 0;
  #position: number | undefined;
  #failures = 0;

  constructor(canvas: HTMLCanvasElement, events: RenderEvents) {
    this.#canvas = canvas;
    this.#events = events;
    this.#context = canvas.getContext("2d", { alpha: false })!;
  }

  get stats(): RenderStats {
    return { shown: this.#shown, dropped: this.#dropped, missing: this.#missing, position: this.#position };
  }

  configure(track: Track): void {
    const description = descriptionOf(track);
    this.#config = {
      codec: track.codec.name,
      optimizeForLatency: true,
      ...(description === undefined ? {} : { description }),
    };
    this.#open();
  }

  push(fragment: AssembledFragment): void {
    for (const { data, ...sample } of samplesOf(fragment)) {
      if (this.#needsKey && sample.type !== "key") {
        this.#missing += 1;
        continue;
      }
      this.#needsKey = false;
      this.#waiting.push(new EncodedVideoChunk({ ...sample, data }));
    }
    if (this.#waiting.length > MAX_SAMPLES) {
      this.#missing += this.#waiting.length;
      this.#waiting.length = 0;
      this.#needsKey = true;
    }
    this.#decode();
  }

  skip(): void {
    this.#needsKey = true;
  }

  follow({ position }: Pace): void {
    if (position === undefined) return;
    const due = position * 1e6 + EARLY;
    let next: VideoFrame | undefined;
    while (this.#frames.length > 0 && this.#frames[0]!.timestamp <= due) {
      if (next !== undefined) {
        next.close();
        this.#dropped += 1;
      }
      next = this.#frames.shift();
    }
    if (next !== undefined) this.#draw(next);
    this.#decode();
  }

  close(): void {
    this.#shut();
    this.#config = undefined;
  }

  #open(): void {
    this.#shut();
    this.#needsKey = true;
    const decoder = new VideoDecoder({
      output: (frame) => this.#take(frame, decoder),
      error: (error) => this.#fail(error, decoder),
    });
    this.#decoder = decoder;
    try {
      decoder.configure(this.#config!);
    } catch (error) {
      this.#fail(error as Error, decoder);
    }
  }

  #shut(): void {
    for (const frame of this.#frames.splice(0)) frame.close();
    this.#waiting.length = 0;
    if (this.#decoder !== undefined && this.#decoder.state !== "closed") this.#decoder.close();
    this.#decoder = undefined;
  }

  #decode(): void {
    const decoder = this.#decoder;
    if (decoder === undefined || decoder.state !== "configured") return;
    while (this.#waiting.length > 0 && this.#frames.length + decoder.decodeQueueSize < MAX_FRAMES) {
      decoder.decode(this.#waiting.shift()!);
    }
  }

  #take(frame: VideoFrame, decoder: VideoDecoder): void {
    if (decoder !== this.#decoder) {
      frame.close();
      return;
    }
    this.#failures = 0;
    const at = this.#frames.findIndex(({ timestamp }) => timestamp > frame.timestamp);
    this.#frames.splice(at < 0 ? this.#frames.length : at, 0, frame);
  }

  /** A frame that is corrupt ends a decoder: another one goes on at the next keyframe, unless it never works. */
  #fail(error: Error, decoder: VideoDecoder): void {
    if (decoder !== this.#decoder) return;
    this.#missing += 1;
    this.#failures += 1;
    if (this.#failures > 5) this.#events.onFailure(`${this.#config!.codec} cannot be decoded: ${error.message}`);
    else this.#open();
  }

  #draw(frame: VideoFrame): void {
    const { displayWidth, displayHeight } = frame;
    if (this.#canvas.width !== displayWidth || this.#canvas.height !== displayHeight) {
      this.#canvas.width = displayWidth;
      this.#canvas.height = displayHeight;
    }
    this.#context.drawImage(frame, 0, 0, displayWidth, displayHeight);
    this.#position = frame.timestamp / 1e6;
    frame.close();
    this.#shown += 1;
  }
}
