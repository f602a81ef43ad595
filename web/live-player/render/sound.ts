/** Sound by WebCodecs: decoded samples go to the audio thread, which follows the pace of playback. */

import type { AssembledFragment } from "../../../src/media/assembly/index.ts";
import type { Track } from "../../../src/media/bmff/index.ts";
import type { Pace, RenderEvents, Renderer, RenderStats } from "./renderer.ts";
import { descriptionOf, samplesOf } from "./samples.ts";
import { type FromWorklet, installWorklet, PROCESSOR, type ToWorklet } from "./sound-worklet.ts";

/** Milliseconds between two messages about the pace, if it does not change. */
const PACE_EVERY = 500;

export class Sound implements Renderer {
  readonly #context = new AudioContext({ latencyHint: "interactive" });
  readonly #gain = this.#context.createGain();
  readonly #events: RenderEvents;
  readonly #early: ToWorklet[] = [];
  #node: AudioWorkletNode | undefined;
  #decoder: AudioDecoder | undefined;
  #config: AudioDecoderConfig | undefined;
  #report: FromWorklet = { played: 0, missing: 0, position: undefined, waiting: 0 };
  #failures = 0;
  #refused = 0;
  #told: { readonly rate: number; readonly at: number; readonly isRunning: boolean } | undefined;
  #isClosed = false;

  constructor(events: RenderEvents) {
    this.#events = events;
    this.#gain.connect(this.#context.destination);
    this.#start().catch((error) => events.onFailure(`no sound: ${error.message}`));
  }

  get stats(): RenderStats {
    const { played, missing, position } = this.#report;
    return { shown: played, dropped: 0, missing: missing + this.#refused, position };
  }

  /** False while the browser waits for a gesture of the user. */
  get isAudible(): boolean {
    return this.#context.state === "running";
  }

  /** From 0 to 1. */
  set volume(volume: number) {
    this.#gain.gain.value = volume;
  }

  /** Call it in a gesture of the user. */
  async unlock(): Promise<void> {
    await this.#context.resume();
  }

  configure(track: Track): void {
    const description = descriptionOf(track);
    this.#config = {
      codec: track.codec.name,
      sampleRate: track.sampleRate ?? 48_000,
      numberOfChannels: track.channels ?? 2,
      ...(description === undefined ? {} : { description }),
    };
    this.#open();
  }

  push(fragment: AssembledFragment): void {
    const decoder = this.#decoder;
    if (decoder === undefined || decoder.state !== "configured") return;
    for (const { data, ...sample } of samplesOf(fragment)) decoder.decode(new EncodedAudioChunk({ ...sample, data }));
  }

  skip(): void {}

  follow({ position, rate }: Pace): void {
    if (position === undefined) return;
    const now = performance.now();
    const told = this.#told;
    const isRunning = this.isAudible;
    const isNew = told === undefined || told.rate !== rate || told.isRunning !== isRunning;
    if (!isNew && now - told.at < PACE_EVERY) return;
    this.#told = { rate, at: now, isRunning };
    // What is played now is heard later by this.
    const contextTime = this.#context.currentTime - (this.#context.outputLatency || 0);
    this.#send({ type: "pace", position, contextTime, rate });
  }

  close(): void {
    this.#isClosed = true;
    if (this.#decoder !== undefined && this.#decoder.state !== "closed") this.#decoder.close();
    this.#decoder = undefined;
    this.#node?.disconnect();
    void this.#context.close();
  }

  async #start(): Promise<void> {
    const text = `(${installWorklet.toString()})(globalThis, ${JSON.stringify(PROCESSOR)})`;
    const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    try {
      await this.#context.audioWorklet.addModule(url);
    } finally {
      URL.revokeObjectURL(url);
    }
    if (this.#isClosed) return;
    this.#node = new AudioWorkletNode(this.#context, PROCESSOR, { numberOfInputs: 0, outputChannelCount: [2] });
    this.#node.port.onmessage = ({ data }) => {
      this.#report = data as FromWorklet;
    };
    this.#node.connect(this.#gain);
    for (const message of this.#early.splice(0)) this.#send(message);
  }

  #send(message: ToWorklet): void {
    if (this.#node === undefined) {
      this.#early.push(message);
      if (this.#early.length > 512) this.#early.shift();
      return;
    }
    const transfer = message.type === "samples" ? message.channels.map(({ buffer }) => buffer as ArrayBuffer) : [];
    this.#node.port.postMessage(message, transfer);
  }

  #open(): void {
    if (this.#decoder !== undefined && this.#decoder.state !== "closed") this.#decoder.close();
    this.#send({ type: "clear" });
    const decoder = new AudioDecoder({
      output: (data) => this.#take(data, decoder),
      error: (error) => this.#fail(error, decoder),
    });
    this.#decoder = decoder;
    try {
      decoder.configure(this.#config!);
    } catch (error) {
      this.#fail(error as Error, decoder);
    }
  }

  #take(data: AudioData, decoder: AudioDecoder): void {
    if (decoder === this.#decoder) {
      this.#failures = 0;
      const channels = Array.from({ length: data.numberOfChannels }, (_, planeIndex) => {
        const samples = new Float32Array(data.numberOfFrames);
        data.copyTo(samples, { planeIndex, format: "f32-planar" });
        return samples;
      });
      this.#send({ type: "samples", time: data.timestamp / 1e6, rate: data.sampleRate, channels });
    }
    data.close();
  }

  #fail(error: Error, decoder: AudioDecoder): void {
    if (decoder !== this.#decoder) return;
    this.#refused += 1;
    this.#failures += 1;
    if (this.#failures > 5) this.#events.onFailure(`${this.#config!.codec} cannot be decoded: ${error.message}`);
    else this.#open();
  }
}
