/** Pictures, or sound: chooses what can decode a track, and keeps what comes until it is there. */

import type { AssembledFragment } from "../../../src/media/assembly/index.ts";
import type { Track } from "../../../src/media/bmff/index.ts";
import type { LiveEngine } from "../options.ts";
import { BufferedTrack, canBuffer } from "./media-source.ts";
import type { Pace, Renderer, RenderStats } from "./renderer.ts";
import { descriptionOf } from "./samples.ts";
import { Sound } from "./sound.ts";
import { VideoFrames } from "./video-frames.ts";

/** Where a lane leads. */
export interface LaneElements {
  readonly canvas: HTMLCanvasElement;
  readonly video: HTMLVideoElement;
  readonly audio: HTMLAudioElement;
}

/** Fragments that wait while a decoder is chosen. */
const MAX_EARLY = 600;
const NOTHING: RenderStats = { shown: 0, dropped: 0, missing: 0, position: undefined };

export class Lane {
  readonly #kind: "video" | "audio";
  readonly #wanted: LiveEngine;
  readonly #elements: LaneElements;
  readonly #onFailure: (message: string) => void;
  #renderer: Renderer | undefined;
  #engine: "webcodecs" | "mse" | undefined;
  #early: (AssembledFragment | "skip" | Track)[] = [];
  #isChoosing = false;
  #hasFailed = false;
  #isClosed = false;
  #volume = 1;

  constructor(
    kind: "video" | "audio",
    wanted: LiveEngine,
    elements: LaneElements,
    onFailure: (message: string) => void,
  ) {
    this.#kind = kind;
    this.#wanted = wanted;
    this.#elements = elements;
    this.#onFailure = onFailure;
  }

  get engine(): "webcodecs" | "mse" | undefined {
    return this.#engine;
  }

  get stats(): RenderStats {
    return this.#renderer?.stats ?? NOTHING;
  }

  get isLocked(): boolean {
    const { audio } = this.#elements;
    if (this.#renderer instanceof Sound) return !this.#renderer.isAudible;
    return this.#engine === "mse" && this.#kind === "audio" && (audio.muted || audio.paused);
  }

  set volume(volume: number) {
    this.#volume = volume;
    this.#applyVolume();
  }

  unlock(): void {
    if (this.#renderer instanceof Sound) void this.#renderer.unlock();
    else if (this.#engine === "mse") {
      this.#elements.audio.muted = false;
      this.#elements.audio.play().catch(() => {});
    }
  }

  configure(track: Track): void {
    if (this.#renderer !== undefined && !this.#isChoosing) {
      this.#renderer.configure(track);
      return;
    }
    this.#keep(track);
    if (this.#isChoosing) return;
    this.#isChoosing = true;
    this.#choose(track).then(
      (renderer) => this.#begin(renderer),
      (error) => this.#fail(String(error.message)),
    );
  }

  push(fragment: AssembledFragment): void {
    if (this.#renderer === undefined) this.#keep(fragment);
    else this.#renderer.push(fragment);
  }

  skip(): void {
    if (this.#renderer === undefined) this.#keep("skip");
    else this.#renderer.skip();
  }

  follow(pace: Pace): void {
    this.#renderer?.follow(pace);
  }

  close(): void {
    this.#isClosed = true;
    this.#renderer?.close();
  }

  #keep(each: AssembledFragment | "skip" | Track): void {
    if (!this.#hasFailed && this.#early.length < MAX_EARLY) this.#early.push(each);
  }

  /** What comes of this track is of no use. */
  #fail(message: string): void {
    this.#hasFailed = true;
    this.#early = [];
    this.#onFailure(message);
  }

  #begin(renderer: Renderer | undefined): void {
    this.#isChoosing = false;
    if (this.#isClosed) {
      renderer?.close();
      return;
    }
    this.#renderer = renderer;
    this.#applyVolume();
    for (const each of this.#early.splice(0)) {
      if (each === "skip") this.skip();
      else if ("bytes" in each) this.push(each);
      else this.configure(each);
    }
  }

  async #choose(track: Track): Promise<Renderer> {
    const isVideo = this.#kind === "video";
    const events = { onFailure: this.#onFailure };
    if (this.#wanted !== "mse" && (await canDecode(track))) {
      this.#engine = "webcodecs";
      return isVideo ? new VideoFrames(this.#elements.canvas, events) : new Sound(events);
    }
    if (this.#wanted === "webcodecs" || !canBuffer(track)) {
      throw new Error(`this browser cannot decode ${track.codec.name}`);
    }
    this.#engine = "mse";
    return new BufferedTrack(isVideo ? this.#elements.video : this.#elements.audio, events);
  }

  #applyVolume(): void {
    if (this.#renderer instanceof Sound) this.#renderer.volume = this.#volume;
    else this.#elements.audio.volume = this.#volume;
  }
}

async function canDecode(track: Track): Promise<boolean> {
  const description = descriptionOf(track);
  const common = { codec: track.codec.name, ...(description === undefined ? {} : { description }) };
  try {
    if (track.kind === "video") {
      return "VideoDecoder" in globalThis && (await VideoDecoder.isConfigSupported(common)).supported === true;
    }
    if (!("AudioDecoder" in globalThis) || !("AudioWorkletNode" in globalThis)) return false;
    const { sampleRate = 48_000, channels = 2 } = track;
    const config = { ...common, sampleRate, numberOfChannels: channels };
    return (await AudioDecoder.isConfigSupported(config)).supported === true;
  } catch {
    return false;
  }
}
