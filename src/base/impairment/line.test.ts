import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SeededRng } from "../rng.ts";
import { type Instant, instant, micros, millis } from "../time.ts";
import { lineOptionsProblem } from "./check.ts";
import { Line, type Medium } from "./line.ts";
import type { LineOptions } from "./options.ts";

interface Item {
  readonly number: number;
  readonly length: number;
  readonly mark: "none" | "ect" | "ce";
}

const ITEMS: Medium<Item> = {
  lengthOnWire: ({ length }, mtu) => (length > mtu ? undefined : length),
  mark: (item) => (item.mark === "none" ? undefined : { ...item, mark: "ce" }),
  corrupted: (item) => ({ ...item, number: -item.number }),
};

/** Offers items at their times, advances the line at every `next`, and returns what happened. */
function run(options: LineOptions, offers: readonly (readonly [at: number, item: Partial<Item>])[], seed = 1) {
  const arrivals: (readonly [at: number, number: number])[] = [];
  const drops: (readonly [at: number, number: number, reason: string])[] = [];
  const marks: string[] = [];
  const line = new Line<Item>(options, new SeededRng(seed), ITEMS, {
    onArrival: ({ number, mark }, at) => {
      arrivals.push([at, number]);
      marks.push(mark);
    },
    onDrop: ({ number }, reason, at) => drops.push([at, number, reason]),
  });
  const advanceUntil = (end: number) => {
    for (let next = line.next; next !== undefined && next <= end; next = line.next) line.advance(next);
  };
  for (const [i, [at, item]] of offers.entries()) {
    advanceUntil(at - 1);
    line.offer({ number: i + 1, length: 1000, mark: "none", ...item }, at as Instant);
  }
  advanceUntil(Number.MAX_SAFE_INTEGER);
  expect(line.next).toBeUndefined();
  expect(line.waiting).toBe(0);
  return { arrivals, drops, marks };
}

const at = (...times: number[]) => times.map((time) => [time, {}] as const);

describe("Line", () => {
  test("transmits at its rate, then propagates", () => {
    // 1000 bytes at 8 Mbit/s take 1 ms.
    const { arrivals } = run({ rate: 8e6, delay: millis(5) }, at(0, 0, 500, 9_000));
    expect(arrivals).toEqual([
      [6_000, 1],
      [7_000, 2],
      [8_000, 3],
      [15_000, 4],
    ]);
  });

  test("keeps exact time over many items of fractional duration", () => {
    const { arrivals } = run({ rate: 3e6, queue: 10_000 }, at(...new Array<number>(3_000).fill(0)));
    // Rounded times would be off by a millisecond.
    const [last] = arrivals.at(-1)!;
    expect(Math.abs(last - 8_000_000)).toBeLessThanOrEqual(1);
  });

  test("transmits in the opportunities of a trace", () => {
    const { arrivals } = run({ rate: { opportunities: [1, 5] } }, at(0, 0, 0, 0));
    expect(arrivals).toEqual([
      [1_000, 1],
      [5_000, 2],
      [5_000, 3],
      [6_000, 4],
    ]);
  });

  test("jitter delays without overtaking, reordering lets items overtake", () => {
    const offers = at(...Array.from({ length: 200 }, (_, i) => i * 100));
    const numbers = (options: LineOptions) => run(options, offers).arrivals.map(([, number]) => number);
    const sorted = Array.from({ length: 200 }, (_, i) => i + 1);
    expect(numbers({ jitter: millis(5) })).toEqual(sorted);
    const delays = run({ jitter: millis(5) }, offers).arrivals.map(([time], i) => time - i * 100);
    expect(new Set(delays).size).toBeGreaterThan(50);
    expect(Math.max(...delays)).toBeLessThanOrEqual(5_000);
    expect(numbers({ reordering: 0.2, reorderDelay: millis(5) })).not.toEqual(sorted);
  });

  test("bounds the bytes that it holds", () => {
    const { drops } = run({ delay: millis(10), capacity: 2_500 }, at(0, 0, 0, 10_001));
    expect(drops).toEqual([[0, 3, "capacity"]]);
  });

  test("lost items take their time on the link; unlisted ones pass", () => {
    const { arrivals, drops } = run({ rate: 8e6, dropList: [1, [3, 4]] }, at(0, 0, 0, 0, 0));
    expect(arrivals).toEqual([
      [2_000, 2],
      [5_000, 5],
    ]);
    expect(drops.map(([, number, reason]) => [number, reason])).toEqual([
      [1, "drop-list"],
      [3, "drop-list"],
      [4, "drop-list"],
    ]);
  });

  test("corrupts by number", () => {
    expect(run({ corruptionList: [[2, 3]] }, at(0, 1, 2, 3)).arrivals.map(([, number]) => number)).toEqual([
      1, -2, -3, 4,
    ]);
  });

  test("marks what is ECN-capable in a long queue", () => {
    const offers = Array.from({ length: 5 }, () => [0, { mark: "ect" }] as const);
    expect(run({ rate: 8e6, queue: 10, ecnThreshold: 2 }, offers).marks).toEqual(["ect", "ect", "ect", "ce", "ce"]);
  });

  test("a CoDel queue keeps its own time while nothing is offered", () => {
    const offers = at(...new Array<number>(400).fill(0));
    const { drops, arrivals } = run({ rate: 8e6, queue: { type: "codel" } }, offers);
    // The first is dropped 100 ms after the waiting time has passed 5 ms.
    expect(drops[0]!.slice(0, 1)).toEqual([105_000]);
    expect(arrivals.length + drops.length).toBe(400);
  });

  test("changes apply from their time on", () => {
    const changes = [
      { at: millis(2) as number as Instant, rate: 4e6, delay: millis(1) },
      { at: millis(20) as number as Instant, rate: undefined, mtu: 999 },
      { at: millis(30) as number as Instant, mtu: undefined, loss: 1 },
    ];
    const { arrivals, drops } = run({ rate: 8e6, delay: millis(3), changes }, at(0, 0, 0, 20_000, 30_000));
    expect(arrivals).toEqual([
      [4_000, 1],
      [5_000, 2],
      // It leaves at 4 ms and takes 1 ms, but overtakes nothing.
      [5_000, 3],
    ]);
    expect(drops.map(([time, number, reason]) => [time, number, reason])).toEqual([
      [20_000, 4, "mtu"],
      [30_000, 5, "loss"],
    ]);
  });

  test("every item arrives or is dropped, in time order, equally for the same seed", () => {
    const probability = fc.double({ min: 0, max: 1, noNaN: true });
    const queue = fc.oneof(
      fc.nat(20),
      fc.record({ type: fc.constant("drop-tail" as const), bytes: fc.nat(20_000) }),
      fc.record({
        type: fc.constant("codel" as const),
        target: fc.constant(micros(500)),
        interval: fc.constant(millis(5)),
      }),
      fc.record({
        type: fc.constant("red" as const),
        minThreshold: fc.nat(3),
        maxThreshold: fc.integer({ min: 4, max: 9 }),
      }),
    );
    const options = fc.record(
      {
        delay: fc.nat(10_000).map(micros),
        rate: fc.oneof(
          fc.integer({ min: 100_000, max: 10_000_000 }),
          fc.record({
            opportunities: fc
              .array(fc.integer({ min: 1, max: 50 }), { minLength: 1 })
              .map((all) => all.sort((a, b) => a - b)),
          }),
        ),
        queue,
        loss: probability,
        reordering: probability,
        jitter: fc.nat(5_000).map(micros),
        capacity: fc.nat(50_000),
      },
      { requiredKeys: [] },
    );
    const gaps = fc.array(fc.nat(3_000), { maxLength: 60 });
    fc.assert(
      fc.property(options, gaps, fc.nat(), (given, spaces, seed) => {
        expect(lineOptionsProblem(given)).toBeUndefined();
        let time = 0;
        const offers = spaces.map((gap) => [(time += gap), { length: 40 + ((gap * 7) % 1400) }] as const);
        const { arrivals, drops } = run(given, offers, seed);
        expect(arrivals.length + drops.length).toBe(offers.length);
        for (const [i, [arrival]] of arrivals.entries()) {
          expect(arrival).toBeGreaterThanOrEqual(arrivals[i - 1]?.[0] ?? 0);
          expect(arrival).toBe(instant(arrival));
        }
        expect(run(given, offers, seed)).toEqual({ arrivals, drops, marks: arrivals.map(() => "none") });
      }),
    );
  });
});

describe("lineOptionsProblem", () => {
  test.each<[unknown, RegExp]>([
    [7, /must be an object/],
    [{ dealy: 1 }, /unknown member dealy; it may have delay, rate/],
    [{ delay: 1.5 }, /delay must be a duration in whole microseconds/],
    [{ loss: { model: "gilbert-elliott", goodToBad: 0.1 } }, /loss needs badToGood/],
    [{ dropList: [1, [2]] }, /dropList must be a list of item numbers and ranges/],
    [{ blackhole: { on: 1 } }, /blackhole needs off/],
    [{ blackhole: { intervals: [[1]] } }, /blackhole must have intervals: pairs/],
    [{ queue: { type: "red", minThreshold: 1 } }, /queue needs maxThreshold/],
    [{ queue: -1 }, /queue must be a whole number/],
    [{ changes: [{ at: 5 }, { at: 4 }] }, /changes must be in ascending order/],
    [{ changes: [{ at: 5, queue: 3 }] }, /changes is wrong: item 0 has an unknown member queue/],
    [{ mtu: 10 }, /mtu must be bytes, 68 or more/],
  ])("%o", (options, message) => {
    expect(lineOptionsProblem(options)).toMatch(message);
  });
});
