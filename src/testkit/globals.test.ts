/** `virtualGlobals`: timers and dates for code that does not accept a clock. */

import { promisify } from "node:util";
import { expect, test } from "vitest";
import { simulate } from "./index.ts";

const REAL = { setTimeout, setInterval, clearTimeout, clearInterval, Date, now: performance.now };
const real = () => ({ setTimeout, setInterval, clearTimeout, clearInterval, Date, now: performance.now });

const options = { virtualGlobals: true, handler: () => new Response() } as const;

test("timers, dates and performance.now are virtual", async () => {
  const { value, virtualTime } = await simulate(options, async () => {
    const [date, now] = [Date.now(), performance.now()];
    await new Promise((resolve) => setTimeout(resolve, 1_500, "given"));
    await promisify(setTimeout)(500);
    return [Date.now() - date, performance.now() - now, new Date().toISOString(), new Date() instanceof Date];
  });
  expect(value).toEqual([2_000, 2_000, "2026-01-01T00:00:02.000Z", true]);
  expect(virtualTime).toBe(2_000);
});

test("an explicit date is unchanged", async () => {
  const { value } = await simulate(options, () => [
    new Date(0).getTime(),
    new Date(2020, 1).getFullYear(),
    Date.UTC(1970),
  ]);
  expect(value).toEqual([0, 2020, 0]);
});

test("intervals repeat until they are cleared, timers can be refreshed and cleared", async () => {
  const { value } = await simulate(options, async (_fetch, kit) => {
    const seen: string[] = [];
    const interval = setInterval((what: string) => seen.push(`${what} ${kit.now()}`), 10, "tick");
    const cleared = setTimeout(() => seen.push("cleared"), 5);
    const refreshed = setTimeout(() => seen.push(`refreshed ${kit.now()}`), 15);
    clearTimeout(cleared);
    await kit.sleep(12);
    refreshed.refresh();
    await kit.sleep(20);
    clearInterval(interval);
    await kit.sleep(50);
    return seen;
  });
  expect(value).toEqual(["tick 10", "tick 20", "refreshed 27", "tick 30"]);
});

test("an exception in a timer fails the test", async () => {
  const run = simulate(options, async () => {
    setTimeout(() => {
      throw new Error("in a timer");
    }, 5);
    await new Promise((resolve) => setTimeout(resolve, 50));
  });
  await expect(run).rejects.toThrow("seed 1: in a timer");
});

test("they stay real outside the simulation, and everywhere afterwards", async () => {
  let hasEnded = false;
  const run = simulate(options, async (_fetch, kit) => {
    for (let i = 0; i < 200; i += 1) await kit.sleep(1_000);
    hasEnded = true;
  });
  const date = Date.now();
  const timer = await new Promise<boolean>((resolve) => setTimeout(() => resolve(hasEnded), 1));
  expect(typeof timer).toBe("boolean");
  expect(Math.abs(Date.now() - date)).toBeLessThan(60_000);
  await run;
  expect(real()).toEqual(REAL);
});

test.each([
  ["a failing test", () => Promise.reject(new Error("no"))],
  ["unmarked work", () => import("node:timers/promises").then((timers) => timers.setTimeout(1))],
])("they are restored after %s", async (_what, run) => {
  await expect(simulate(options, run)).rejects.toThrow("seed 1");
  expect(real()).toEqual(REAL);
});

test("they are restored when the last of several simulations ends", async () => {
  const sleep = (times: number) =>
    simulate(options, async () => {
      for (let i = 0; i < times; i += 1) await new Promise((resolve) => setTimeout(resolve, 10));
      return Date.now();
    });
  const [short, long] = await Promise.all([sleep(1), sleep(100)]);
  expect(long.value - short.value).toBe(990);
  expect(real()).toEqual(REAL);
});

test("without the option they are untouched", async () => {
  const { value } = await simulate({ handler: () => new Response() }, () => real());
  expect(value).toEqual(REAL);
});
