import { describe, expect, test } from "vitest";
import { type FromWorklet, installWorklet, type ToWorklet } from "./sound-worklet.ts";

const RATE = 48_000;
const BLOCK = 128;

/** The audio thread, block by block. */
class Thread {
  readonly reports: FromWorklet[] = [];
  readonly heard: number[] = [];
  #time = 0;
  readonly #processor: {
    handle(message: ToWorklet): void;
    process(inputs: unknown, outputs: Float32Array[][]): boolean;
  };

  constructor() {
    const { reports } = this;
    let made: (new () => never) | undefined;
    const thread = this;
    installWorklet(
      {
        get currentTime() {
          return thread.#time;
        },
        sampleRate: RATE,
        AudioWorkletProcessor: class {
          readonly port = { postMessage: (report: FromWorklet) => reports.push(report) } as unknown as MessagePort;
        },
        registerProcessor: (_name, processor) => {
          made = processor as never;
        },
      },
      "sound",
    );
    this.#processor = new made!();
  }

  send(message: ToWorklet): this {
    this.#processor.handle(message);
    return this;
  }

  /** Samples that are their own number, so that what is heard says where it was. */
  samples(from: number, count: number, rate = RATE): this {
    const channel = Float32Array.from({ length: count }, (_, i) => from * rate + i);
    return this.send({ type: "samples", time: from, rate, channels: [channel] });
  }

  pace(position: number, rate = 1): this {
    return this.send({ type: "pace", position, contextTime: this.#time, rate });
  }

  run(blocks: number): this {
    for (let i = 0; i < blocks; i += 1) {
      const output = [new Float32Array(BLOCK), new Float32Array(BLOCK)];
      this.#processor.process([], [output]);
      this.heard.push(...output[0]!);
      this.#time += BLOCK / RATE;
    }
    return this;
  }

  get last(): FromWorklet {
    this.run(20);
    return this.reports.at(-1)!;
  }
}

describe("sound in the audio thread", () => {
  test("plays samples at their time, across pieces", () => {
    const thread = new Thread().samples(10, 480).samples(10.01, 480).pace(10).run(5);
    expect(thread.heard.slice(0, 3)).toEqual([480_000, 480_001, 480_002]);
    const steps = thread.heard.slice(1).map((sample, i) => sample - thread.heard[i]!);
    expect(Math.max(...steps)).toBeLessThan(1.1);
    expect(Math.min(...steps)).toBeGreaterThan(0.9);
  });

  test("is silent without a pace, and while playback waits", () => {
    const thread = new Thread().samples(10, 480).run(2).pace(10, 0).run(2);
    expect(new Set(thread.heard)).toEqual(new Set([0]));
  });

  test("counts samples that are missing, and goes on after the hole", () => {
    const thread = new Thread()
      .samples(10, BLOCK)
      .samples(10 + (3 * BLOCK) / RATE, BLOCK)
      .pace(10);
    thread.run(4);
    expect(thread.heard[BLOCK + 5]).toBe(0);
    expect(thread.heard[3 * BLOCK + 5]).toBeGreaterThan(480_000);
    // Twenty blocks after the beginning: nothing is left.
    const { played, missing } = thread.last;
    expect(played + missing).toBe(20 * BLOCK);
    expect(Math.abs(played - 2 * BLOCK)).toBeLessThan(8);
  });

  test("goes faster when playback does", () => {
    const thread = new Thread().samples(10, 4_800).pace(10, 1.05).run(10);
    expect(thread.heard.at(-1)! - thread.heard[0]!).toBeCloseTo(1_279 * 1.05, -1);
  });

  test("leaps when it is far from the pace", () => {
    const thread = new Thread().samples(10, 9_600).pace(10).run(1).pace(10.1).run(1);
    expect(thread.heard[BLOCK]).toBeCloseTo(484_800, -1);
  });

  test("resamples what has another rate", () => {
    const thread = new Thread().samples(10, 2_400, 24_000).pace(10).run(3);
    expect(thread.heard[200]! - thread.heard[0]!).toBeCloseTo(100, 0);
  });

  test("holds at most half a minute", () => {
    const thread = new Thread();
    for (let second = 0; second < 100; second += 1) thread.samples(second, 48);
    thread.pace(0).run(1);
    expect(thread.heard[0]).toBe(0);
    thread.pace(99).run(1);
    expect(thread.heard[BLOCK]).toBe(99 * RATE);
  });

  test("begins anew when it is told so", () => {
    const thread = new Thread().samples(10, 480).pace(10).send({ type: "clear" }).run(1);
    expect(thread.last.played).toBe(0);
  });

  test("its text stands alone, as a module of the audio thread", () => {
    const install = new Function(`return ${installWorklet.toString()}`)() as typeof installWorklet;
    const names: string[] = [];
    class Processor {
      readonly port = {} as MessagePort;
    }
    install(
      {
        currentTime: 0,
        sampleRate: RATE,
        AudioWorkletProcessor: Processor,
        registerProcessor: (name) => names.push(name),
      },
      "x",
    );
    expect(names).toEqual(["x"]);
  });
});
