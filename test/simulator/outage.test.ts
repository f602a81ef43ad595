/** A transfer over a path that carries nothing for a while, and resumes with the next probe (RFC 9002 §6.2.1). */

import { expect, test } from "vitest";
import { type Instant, seconds } from "../../src/base/time.ts";
import { relay } from "../../src/sim/index.ts";
import { transfer } from "./transfer.ts";

const from = seconds(1) as number as Instant;
const until = seconds(21) as number as Instant;

test.each([1, 2, 3])("a download survives 20 seconds without any datagram (seed %i)", (seed) => {
  const { time, isIdentical, client, server } = transfer({
    seed,
    bytes: 3_000_000,
    link: { delay: seconds(0.015), rate: 10e6, queue: 50 },
    middle: [relay((datagram, direction, now) => (now >= from && now < until ? [] : [{ datagram, direction }]))],
    maxVirtualTime: seconds(120),
    config: { maxIdleTimeout: seconds(60) },
  });
  expect(isIdentical).toBe(true);
  // Each probe timeout doubles the wait: the next probe comes at the latest when the outage has lasted as long again.
  expect(time).toBeLessThan(until + (until - from) + seconds(5));
  expect([client.isOpen, server.isOpen]).toEqual([true, true]);
});
