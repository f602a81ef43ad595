/** What the arbiter gives to whom, and when it changes its mind. */

import { expect, test } from "vitest";
import { type Instant, instant } from "../../base/time.ts";
import type { IncomingFlow } from "../receive/in-flow.ts";
import { Arbiter, type Verdict } from "./arbiter.ts";

const at = (milliseconds: number): Instant => instant(milliseconds * 1_000);

const sensor = (id: number, priority = 0): IncomingFlow => ({
  id,
  kind: "stateful-datagram",
  priority,
  period: 10,
  maxUnit: 200,
  cost: 1_000,
});
const bulk = (id: number): IncomingFlow => ({
  id,
  kind: "stateful-stream",
  priority: 200,
  period: 0,
  maxUnit: 1_000,
  cost: 500,
});

const brief = (verdicts: readonly Verdict<string>[]) =>
  verdicts.map((each) => `${each.client}${each.flow} ${each.type}${each.type === "resume" ? ` ${each.rate}` : ""}`);

test("periodic flows get what they announced; bulk shares the rest of the scarcer resource", () => {
  const arbiter = new Arbiter<string>({ link: 100_000, cpu: 0.5 });
  arbiter.add("a", sensor(2)); // 20,000 bytes and 0.1 processors per second
  arbiter.add("a", bulk(4));
  arbiter.add("b", bulk(2));
  // 80,000 bytes and 0.4 processors are left; half of each takes 40,000 bytes or 400,000 bytes.
  expect(brief(arbiter.decide(0, at(0)))).toEqual(["a4 resume 40000", "b2 resume 40000"]);
  expect(arbiter.decide(0, at(100))).toEqual([]);
  arbiter.leave("b");
  expect(brief(arbiter.decide(0, at(200)))).toEqual(["a4 resume 80000"]);
});

test("what does not fit waits, the lowest priority first", () => {
  const arbiter = new Arbiter<string>({ cpu: 0.25 });
  arbiter.add("a", sensor(2, 5));
  arbiter.add("a", sensor(4, 1));
  arbiter.add("a", sensor(6, 3));
  expect(brief(arbiter.decide(0, at(0)))).toEqual(["a2 pause"]);
  arbiter.remove("a", 4);
  // Two fit now: 0.2, and a tenth more is 0.21 of 0.25.
  expect(brief(arbiter.decide(0, at(100)))).toEqual(["a2 resume 0"]);
});

test("a receiver with a queue holds bulk back, and lets it go on when the queue is gone; what is urgent never waits", () => {
  const arbiter = new Arbiter<string>({ cpu: 1 });
  arbiter.add("a", sensor(2));
  arbiter.add("a", bulk(4));
  const told: string[] = [];
  for (let n = 0; n < 20; n += 1) told.push(...brief(arbiter.decide(200, at(n * 50))));
  expect(told).toContain("a4 pause");
  expect(told.filter((each) => each.startsWith("a2"))).toEqual([]);
  const after: string[] = [];
  for (let n = 20; n < 60; n += 1) after.push(...brief(arbiter.decide(0, at(n * 50))));
  expect(after.some((each) => each.startsWith("a4 resume"))).toBe(true);
});

test("it does not change its mind more often than it may", () => {
  const arbiter = new Arbiter<string>({ cpu: 1 });
  arbiter.add("a", bulk(4));
  arbiter.decide(0, at(0));
  expect(arbiter.decide(500, at(10))).toEqual([]);
  expect(arbiter.decide(500, at(60))).not.toEqual([]);
});
