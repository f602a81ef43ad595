/**
 * The part of sound that runs in the audio thread: a queue of samples, which follows the pace of playback by resampling, and says
 * how many samples were missing. Its text becomes a module: nothing outside of the function may be used.
 */

/** What the page sends. */
export type ToWorklet =
  /** Samples of each channel, from a time of the media on. */
  | { readonly type: "samples"; readonly time: number; readonly rate: number; readonly channels: Float32Array[] }
  /** At `contextTime` of the audio context, playback is at `position`. */
  | { readonly type: "pace"; readonly position: number; readonly contextTime: number; readonly rate: number }
  | { readonly type: "clear" };

/** What it sends back, several times in a second. */
export interface FromWorklet {
  /** Samples that were played, and those that were missing when they were due. */
  readonly played: number;
  readonly missing: number;
  /** Seconds of the media: the newest that was played. */
  readonly position: number | undefined;
  /** Seconds of samples that wait. */
  readonly waiting: number;
}

/** The scope of an AudioWorklet, as far as it is used. */
interface WorkletScope {
  readonly currentTime: number;
  readonly sampleRate: number;
  readonly AudioWorkletProcessor: new () => { readonly port: MessagePort };
  registerProcessor(name: string, processor: unknown): void;
}

export const PROCESSOR = "nagare-sound";

export function installWorklet(scope: WorkletScope, name: string): void {
  /** Seconds by which the position may differ from the pace before it leaps. */
  const TOLERANCE = 0.04;
  /** Seconds of samples that may wait. */
  const MOST = 30;
  /** Blocks of 128 samples between two reports. */
  const REPORT = 20;

  class SoundProcessor extends scope.AudioWorkletProcessor {
    #queue: { time: number; rate: number; channels: Float32Array[] }[] = [];
    #pace: { position: number; contextTime: number; rate: number } | undefined;
    #position: number | undefined;
    #played = 0;
    #missing = 0;
    #blocks = 0;

    constructor() {
      super();
      this.port.onmessage = ({ data }) => this.handle(data);
    }

    handle(message: ToWorklet): void {
      if (message.type === "samples") {
        this.#queue.push(message);
        while (this.#queue.length > 1 && message.time - this.#queue[0]!.time > MOST) this.#queue.shift();
      } else if (message.type === "pace") this.#pace = message;
      else {
        this.#queue = [];
        this.#position = undefined;
      }
    }

    process(_inputs: unknown, [output]: [Float32Array[]]): boolean {
      const { sampleRate } = scope;
      const pace = this.#pace;
      if (pace !== undefined && pace.rate > 0) {
        const due = pace.position + (scope.currentTime - pace.contextTime) * pace.rate;
        if (this.#position === undefined || Math.abs(this.#position - due) > TOLERANCE) this.#position = due;
        // What is left of the difference is made up for over the next second, which nobody hears.
        const step = (pace.rate + Math.max(-0.02, Math.min(0.02, due - this.#position))) / sampleRate;
        const length = output[0]!.length;
        for (let i = 0; i < length; i += 1) {
          this.#put(output, i);
          this.#position += step;
        }
      }
      this.#blocks += 1;
      if (this.#blocks % REPORT === 0) this.#report();
      return true;
    }

    #put(output: Float32Array[], i: number): void {
      const position = this.#position!;
      let first = this.#queue[0];
      while (first !== undefined && first.time + first.channels[0]!.length / first.rate <= position) {
        this.#queue.shift();
        first = this.#queue[0];
      }
      if (first === undefined || first.time > position + 1e-4) {
        this.#missing += 1;
        return;
      }
      const at = Math.max(0, (position - first.time) * first.rate);
      const index = Math.floor(at);
      const part = at - index;
      for (let channel = 0; channel < output.length; channel += 1) {
        const samples = first.channels[Math.min(channel, first.channels.length - 1)]!;
        const next = index + 1 < samples.length ? samples[index + 1]! : this.#first(channel, samples[index]!);
        output[channel]![i] = samples[index]! * (1 - part) + next * part;
      }
      this.#played += 1;
    }

    /** The first sample of the block after the one that is being played. */
    #first(channel: number, otherwise: number): number {
      const next = this.#queue[1];
      if (next === undefined) return otherwise;
      return next.channels[Math.min(channel, next.channels.length - 1)]![0] ?? otherwise;
    }

    #report(): void {
      const last = this.#queue.at(-1);
      const end = last === undefined ? 0 : last.time + last.channels[0]!.length / last.rate;
      const waiting = last === undefined || this.#position === undefined ? 0 : Math.max(0, end - this.#position);
      this.port.postMessage({
        played: this.#played,
        missing: this.#missing,
        position: this.#position,
        waiting,
      } satisfies FromWorklet);
    }
  }
  scope.registerProcessor(name, SoundProcessor);
}
