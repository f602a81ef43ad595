import fc from "fast-check";
import { expect, test } from "vitest";
import type { Instant } from "../base/time.ts";
import { VirtualSchedule } from "./virtual-schedule.ts";

test("returns events by time, then rank, then order of insertion", () => {
  const event = fc.record({ at: fc.integer({ min: 0, max: 20 }), rank: fc.integer({ min: 0, max: 1 }) });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 200 }), (events) => {
      const queue = new VirtualSchedule<{ at: number; rank: number; order: number }>();
      for (const [order, { at, rank }] of events.entries()) queue.push(at as Instant, { at, rank, order }, rank);
      const got = Array.from({ length: events.length }, () => queue.pop()!.what);
      const expected = [...got].sort((a, b) => a.at - b.at || a.rank - b.rank || a.order - b.order);
      expect(got).toEqual(expected);
      expect(queue.size).toBe(0);
      expect(queue.pop()).toBeUndefined();
    }),
  );
});

test("stays in order when pushes and pops alternate", () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat(1000), { nil: undefined }), { maxLength: 300 }), (steps) => {
      const queue = new VirtualSchedule<number>();
      const model: number[] = [];
      for (const step of steps) {
        if (step === undefined) {
          model.sort((a, b) => a - b);
          expect(queue.pop()?.what).toBe(model.shift());
        } else {
          queue.push(step as Instant, step);
          model.push(step);
        }
      }
      expect(queue.size).toBe(model.length);
    }),
  );
});
