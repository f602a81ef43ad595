import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runs } from "../../test/properties/runs.ts";
import { after, type Instant, micros, seconds } from "../base/time.ts";
import { type LoadPlan, LoadSchedule, type PlannedRequest } from "./schedule.ts";

const START = 1_000 as Instant;
const at = (offset: number): Instant => after(START, micros(offset));

function begin(plan: LoadPlan): LoadSchedule {
  const schedule = new LoadSchedule(plan, START);
  for (let i = 0; i < plan.connections; i++) schedule.handleOpen(i);
  return schedule;
}

function pollAll(schedule: LoadSchedule, now: Instant): PlannedRequest[] {
  const found: PlannedRequest[] = [];
  for (let next = schedule.pollRequest(now); next !== undefined; next = schedule.pollRequest(now)) found.push(next);
  return found;
}

describe("a closed loop", () => {
  test("keeps the number of streams in progress on each connection, in turn", () => {
    const schedule = begin({ connections: 2, streams: 2, count: 100 });
    expect(pollAll(schedule, at(0)).map(({ connection }) => connection)).toEqual([0, 1, 0, 1]);
    schedule.handleDone(1);
    expect(pollAll(schedule, at(10))).toEqual([{ connection: 1, intended: at(10) }]);
    expect(schedule.backlog(at(10))).toBe(0);
  });

  test("ends after the count, or when the time is up", () => {
    const counted = begin({ connections: 1, streams: 8, count: 3 });
    expect(pollAll(counted, at(0))).toHaveLength(3);
    expect(counted.isOver(at(0))).toBe(true);
    const timed = begin({ connections: 1, streams: 1, duration: micros(100) });
    expect(timed.nextTimeout(at(0))).toBe(at(100));
    expect(pollAll(timed, at(99))).toHaveLength(1);
    timed.handleDone(0);
    expect(pollAll(timed, at(100))).toEqual([]);
    expect([timed.isOver(at(99)), timed.isOver(at(100))]).toEqual([false, true]);
  });

  test("starts nothing more once stopped", () => {
    const schedule = begin({ connections: 1, streams: 1, count: 9 });
    schedule.stop();
    expect([pollAll(schedule, at(0)), schedule.isOver(at(0))]).toEqual([[], true]);
  });
});

describe("an open loop", () => {
  test("starts requests when they are due", () => {
    const schedule = begin({ connections: 1, streams: 100, rate: 1_000, duration: seconds(1) });
    expect(pollAll(schedule, at(0))).toEqual([{ connection: 0, intended: at(0) }]);
    expect(schedule.nextTimeout(at(0))).toBe(at(1_000));
    expect(pollAll(schedule, at(999))).toEqual([]);
    // The driver is late: each keeps its intended start.
    expect(pollAll(schedule, at(3_500)).map(({ intended }) => intended)).toEqual([at(1_000), at(2_000), at(3_000)]);
  });

  test("counts the time that a request waits for a free connection", () => {
    const schedule = begin({ connections: 1, streams: 1, rate: 1_000, duration: seconds(1) });
    pollAll(schedule, at(0));
    expect(pollAll(schedule, at(50_000))).toEqual([]);
    expect(schedule.backlog(at(50_000))).toBe(50);
    // Nothing can start before a connection is free.
    expect(schedule.nextTimeout(at(50_000))).toBe(at(1_000_000));
    schedule.handleDone(0);
    expect(pollAll(schedule, at(50_000))).toEqual([{ connection: 0, intended: at(1_000) }]);
  });

  test("knows what was due before the end and never started", () => {
    const schedule = begin({ connections: 1, streams: 1, rate: 100, duration: seconds(1) });
    pollAll(schedule, at(0));
    // Due at 0, 10, … 990 ms.
    expect(schedule.backlog(at(5_000_000))).toBe(99);
    expect(schedule.intended(99)).toBe(at(990_000));
  });
});

describe("connections", () => {
  test("take requests only while they are open", () => {
    const schedule = new LoadSchedule({ connections: 2, streams: 1, count: 9 }, START);
    expect(pollAll(schedule, at(0))).toEqual([]);
    schedule.handleOpen(1);
    expect(pollAll(schedule, at(0)).map(({ connection }) => connection)).toEqual([1]);
    schedule.handleClosed(1);
    schedule.handleDone(1);
    expect([pollAll(schedule, at(0)), schedule.inProgress]).toEqual([[], 0]);
  });

  test("that were replaced are not slowed down by requests of the earlier ones", () => {
    const schedule = begin({ connections: 1, streams: 2, count: 9 });
    pollAll(schedule, at(0));
    schedule.handleClosed(0);
    schedule.handleOpen(0);
    schedule.handleDone(0);
    schedule.handleDone(0);
    expect(pollAll(schedule, at(0))).toHaveLength(2);
    expect(schedule.inProgress).toBe(2);
  });
});

const plans = fc.record({
  connections: fc.integer({ min: 1, max: 5 }),
  streams: fc.integer({ min: 1, max: 4 }),
  rate: fc.option(fc.integer({ min: 1, max: 50_000 }), { nil: undefined }),
  duration: fc.option(fc.integer({ min: 1, max: 100_000 }).map(micros), { nil: undefined }),
  count: fc.integer({ min: 1, max: 300 }),
});

test("whatever the server does: within the limits, in order, never early, and each request once", () => {
  fc.assert(
    fc.property(plans, fc.array(fc.tuple(fc.nat(3_000), fc.nat()), { maxLength: 200 }), (plan, steps) => {
      const schedule = begin(plan);
      const active: number[] = [];
      let now = START;
      let last = START;
      let total = 0;
      for (const [pause, choice] of steps) {
        now = after(now, micros(pause));
        if (active.length > 0) schedule.handleDone(active.splice(choice % active.length, 1)[0]!);
        const timeout = schedule.nextTimeout(now);
        for (const { connection, intended } of pollAll(schedule, now)) {
          active.push(connection);
          expect(intended).toBeGreaterThanOrEqual(last);
          expect(intended).toBeLessThanOrEqual(now);
          last = intended;
          total += 1;
        }
        expect(schedule.inProgress).toBe(active.length);
        expect(schedule.started).toBe(total);
        expect(total).toBeLessThanOrEqual(plan.count);
        for (let i = 0; i < plan.connections; i++) {
          expect(active.filter((each) => each === i).length).toBeLessThanOrEqual(plan.streams);
        }
        // A driver that sleeps until the deadline misses nothing.
        const hasRoom = active.length < plan.connections * plan.streams;
        if (plan.rate !== undefined && hasRoom && !schedule.isOver(now)) {
          expect(schedule.nextTimeout(now)).toBeGreaterThan(now);
        }
        if (timeout !== undefined && plan.duration !== undefined) {
          expect(timeout).toBeLessThanOrEqual(after(START, plan.duration));
        }
      }
    }),
    { numRuns: runs(300) },
  );
});
