/** The reference: fast retransmit (RFC 5681, RFC 6582) and the retransmission timeout (RFC 6298). */

import { describe, expect, test } from "vitest";
import { type Instant, millis, seconds, since, toMillis } from "../../base/time.ts";
import { portableEngine } from "../../crypto/portable/index.ts";
import type { LinkOptions } from "../../sim/index.ts";
import { downloadClassically, type MINIMUM_RTO } from "./classic-download.ts";
import { SEGMENT } from "./classic-tcp.ts";

const RTT = 100;
const SEGMENTS = 40;
const START = 0 as Instant;

const download = (link: LinkOptions = {}, rules: keyof typeof MINIMUM_RTO = "classic") =>
  downloadClassically(rules, {
    seed: 1,
    engine: portableEngine,
    bytes: SEGMENTS * SEGMENT,
    link: { delay: millis(RTT / 2), ...link },
    until: seconds(60),
  });

describe("a sender", () => {
  test("doubles its window in each round trip: 10, 20 and the rest", () => {
    const { finishedAt, packetsSent, retransmissions, timeouts } = download();
    expect({ packetsSent, retransmissions, timeouts }).toEqual({
      packetsSent: SEGMENTS,
      retransmissions: 0,
      timeouts: 0,
    });
    expect(toMillis(since(START, finishedAt!))).toBe(2.5 * RTT);
  });

  test("retransmits a lost segment after three duplicates, without a timeout", () => {
    const { finishedAt, packetsSent, retransmissions, timeouts } = download({ dropList: [5] });
    expect({ packetsSent, retransmissions, timeouts }).toEqual({
      packetsSent: SEGMENTS + 1,
      retransmissions: 1,
      timeouts: 0,
    });
    expect(toMillis(since(START, finishedAt!))).toBeLessThan(1_000);
  });

  test("retransmits several lost segments one per round trip, by partial acknowledgements", () => {
    const one = download({ dropList: [12] });
    const three = download({ dropList: [12, 14, 16] });
    expect(three).toMatchObject({ retransmissions: 3, timeouts: 0 });
    expect(toMillis(since(one.finishedAt!, three.finishedAt!))).toBeGreaterThanOrEqual(RTT);
  });

  test.each([
    ["classic", 1_000],
    ["classic-200ms", 200],
  ] as const)("with %s waits at least %i ms for the last segment", (rules, minimum) => {
    const undisturbed = download({}, rules);
    const { finishedAt, retransmissions, timeouts } = download({ dropList: [SEGMENTS] }, rules);
    expect({ retransmissions, timeouts }).toEqual({ retransmissions: 1, timeouts: 1 });
    expect(toMillis(since(undisturbed.finishedAt!, finishedAt!))).toBeGreaterThanOrEqual(minimum);
  });

  test("doubles its timeout until something arrives", () => {
    // The last segment is lost four times.
    const { finishedAt, timeouts } = download({ dropList: [[SEGMENTS, SEGMENTS + 3]] });
    expect(timeouts).toBe(4);
    expect(toMillis(since(START, finishedAt!))).toBeGreaterThan(1_000 + 2_000 + 4_000 + 8_000);
  });
});
