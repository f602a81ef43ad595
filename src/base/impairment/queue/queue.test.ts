import { describe, expect, test } from "vitest";
import { SeededRng } from "../../rng.ts";
import { type Instant, micros, millis } from "../../time.ts";
import { createQueue, type QueueOptions } from "./create.ts";
import type { QueueDiscipline, Waiting } from "./discipline.ts";

const FATE = { copies: 1, corrupted: false, delay: micros(0), jitter: micros(0) } as const;
const ms = (count: number): Instant => millis(count) as number as Instant;

interface Item {
  readonly number: number;
  marked: boolean;
}

/** A queue whose items are ECN-capable or not, and what it did. */
function open(options: QueueOptions, isCapable = false) {
  const dropped: number[] = [];
  const marked: number[] = [];
  const queue: QueueDiscipline<Item> = createQueue(
    options,
    {
      mark: ({ item }) => {
        if (isCapable) marked.push(item.number);
        return isCapable;
      },
      drop: ({ item }) => dropped.push(item.number),
    },
    new SeededRng(1),
  );
  let next = 0;
  const push = (since: Instant, length = 1000) => {
    const waiting: Waiting<Item> = { item: { number: next, marked: false }, length, since, fate: FATE };
    next += 1;
    queue.push(waiting, since);
  };
  return { queue, dropped, marked, push };
}

describe("drop-tail", () => {
  test("drops arrivals beyond its packets or bytes", () => {
    for (const options of [{ packets: 3 }, { bytes: 3_500 }]) {
      const { queue, dropped, push } = open({ type: "drop-tail", ...options });
      for (let i = 0; i < 5; i += 1) push(ms(0));
      expect(dropped).toEqual([3, 4]);
      expect(queue.pop(ms(1))!.item.number).toBe(0);
      push(ms(1));
      expect(dropped).toEqual([3, 4]);
      expect(queue.size).toBe(3);
    }
  });

  test("bytes allow a small item behind large ones", () => {
    const { dropped, push } = open({ type: "drop-tail", bytes: 2_500 });
    for (const length of [1000, 1000, 1000, 500]) push(ms(0), length);
    expect(dropped).toEqual([2]);
  });

  test("marks from its threshold on", () => {
    const { dropped, marked, push } = open({ type: "drop-tail", packets: 4, markFrom: 2 }, true);
    for (let i = 0; i < 6; i += 1) push(ms(0));
    expect(marked).toEqual([2, 3]);
    expect(dropped).toEqual([4, 5]);
  });
});

describe("CoDel (RFC 8289)", () => {
  /** Items arrive twice as fast as they leave, which is once per millisecond. */
  function overload(options: Partial<QueueOptions>, isCapable: boolean, duration: number) {
    const opened = open({ type: "codel", ...options } as QueueOptions, isCapable);
    const drops: number[] = [];
    for (let at = 0; at < duration; at += 1) {
      opened.push(ms(at));
      opened.push(ms(at));
      const before = opened.dropped.length + opened.marked.length;
      opened.queue.pop(ms(at));
      if (opened.dropped.length + opened.marked.length > before) drops.push(at);
    }
    return { ...opened, drops };
  }

  test("drops at the head, first after an interval above the target, then ever faster", () => {
    const { dropped, drops } = overload({}, false, 500);
    // The waiting time passes 5 ms at the item that leaves at 9 or 10 ms; 100 ms later the first is dropped.
    expect(drops[0]).toBeGreaterThanOrEqual(109);
    expect(drops[0]).toBeLessThanOrEqual(112);
    const gaps = drops.slice(1).map((at, i) => at - drops[i]!);
    // RFC 8289 §5.5: interval / sqrt(count).
    expect(gaps[0]).toBeGreaterThanOrEqual(100);
    expect(gaps[0]).toBeLessThanOrEqual(101);
    expect(gaps[1]).toBeGreaterThanOrEqual(70);
    expect(gaps[1]).toBeLessThanOrEqual(72);
    expect(gaps[2]).toBeGreaterThanOrEqual(57);
    expect(gaps[2]).toBeLessThanOrEqual(59);
    expect(dropped).toHaveLength(drops.length);
  });

  test("marks ECN-capable items instead, and loses none", () => {
    const { dropped, marked, drops } = overload({ ecn: true }, true, 300);
    expect(dropped).toEqual([]);
    expect(marked.length).toBeGreaterThan(1);
    expect(drops[0]).toBeGreaterThanOrEqual(109);
  });

  test("leaves a queue alone that holds one packet, or empties in time", () => {
    const single = open({ type: "codel" });
    for (let at = 0; at < 1_000; at += 1) {
      single.push(ms(at));
      // Each waits for 50 ms, but no other waits behind it.
      single.queue.pop(ms(at + 50));
    }
    expect(single.dropped).toEqual([]);
    const bursty = open({ type: "codel" });
    for (let at = 0; at < 1_000; at += 100) {
      for (let i = 0; i < 40; i += 1) bursty.push(ms(at));
      for (let i = 0; i < 40; i += 1) bursty.queue.pop(ms(at + i));
    }
    expect(bursty.dropped).toEqual([]);
  });

  test("drops arrivals beyond its packets", () => {
    const { dropped, push } = open({ type: "codel", packets: 2 });
    for (let i = 0; i < 3; i += 1) push(ms(0));
    expect(dropped).toEqual([2]);
  });
});

describe("RED", () => {
  const OPTIONS = { type: "red", minThreshold: 5, maxThreshold: 15, maxProbability: 0.1, weight: 1 } as const;

  /** Keeps the queue at a length, and returns the share of arrivals that were dropped or marked. */
  function share(length: number, options: Partial<QueueOptions> = {}, isCapable = false) {
    const opened = open({ ...OPTIONS, ...options } as QueueOptions, isCapable);
    const ROUNDS = 20_000;
    let chosen = 0;
    let at = 0;
    while (opened.queue.size < length) opened.push(ms(at++));
    for (let i = 0; i < ROUNDS; i += 1) {
      const before = opened.dropped.length + opened.marked.length;
      opened.push(ms(at++));
      if (opened.dropped.length + opened.marked.length > before) chosen += 1;
      while (opened.queue.size > length) opened.queue.pop(ms(at));
    }
    return { share: chosen / ROUNDS, ...opened };
  }

  test("drops nothing below its thresholds, everything above, and a growing share between", () => {
    expect(share(4).share).toBe(0);
    // Uniform gaps of 1 / p on average between 1 and 2 / p.
    expect(share(10).share).toBeGreaterThan(0.07);
    expect(share(10).share).toBeLessThan(0.13);
    expect(share(7).share).toBeGreaterThan(0.01);
    expect(share(7).share).toBeLessThan(share(12).share);
    const { dropped, push } = open(OPTIONS);
    for (let i = 0; i < 100; i += 1) push(ms(0));
    expect(dropped.length).toBeGreaterThan(80);
  });

  test("marks ECN-capable items between the thresholds", () => {
    const { dropped, marked } = share(10, { ecn: true }, true);
    expect(dropped).toEqual([]);
    expect(marked.length).toBeGreaterThan(1_000);
    // Others are dropped all the same.
    expect(share(10, { ecn: true }, false).dropped.length).toBeGreaterThan(1_000);
  });

  test("follows the average, which decays while the queue is idle", () => {
    const { queue, dropped, push } = open({ ...OPTIONS, weight: 0.01, packets: 100 });
    for (let i = 0; i < 30; i += 1) push(ms(0));
    // A burst does not move the average much.
    expect(dropped).toEqual([]);
    for (let i = 0; i < 1_000; i += 1) {
      push(ms(0));
      if (queue.size > 14) queue.pop(ms(0));
    }
    expect(dropped.length).toBeGreaterThan(0);
    while (queue.size > 0) queue.pop(ms(1));
    const before = dropped.length;
    for (let i = 0; i < 10; i += 1) push(ms(10_000));
    expect(dropped).toHaveLength(before);
  });
});
