import { expect, test } from "vitest";
import { LagShedder } from "./lag-shedder.ts";

const refusedOf100 = (shedder: LagShedder): number =>
  Array.from({ length: 100 }, () => shedder.refuses()).filter(Boolean).length;

test("a loop that is in time refuses nothing", () => {
  const shedder = new LagShedder(100, 100);
  for (let i = 0; i < 100; i += 1) shedder.sample(90);
  expect(refusedOf100(shedder)).toBe(0);
});

test("the share of refused requests grows while the loop is late, holds, and shrinks", () => {
  const shedder = new LagShedder(100, 100);
  shedder.sample(150);
  const once = shedder.share;
  expect(once).toBeGreaterThan(0.3);
  expect(refusedOf100(shedder)).toBeCloseTo(once * 100, -1);
  // Better, but not well in time: the share holds.
  for (let i = 0; i < 10; i += 1) shedder.sample(70);
  expect(shedder.share).toBe(once);
  for (let i = 0; i < 20; i += 1) shedder.sample(10);
  expect([shedder.share, refusedOf100(shedder)]).toEqual([0, 0]);
});

test("a blocked loop counts for as long as it was blocked, and some requests always pass", () => {
  const shedder = new LagShedder(100, 100);
  shedder.sample(5_000);
  expect(shedder.share).toBe(0.95);
  expect(refusedOf100(shedder)).toBeLessThanOrEqual(95);
});
