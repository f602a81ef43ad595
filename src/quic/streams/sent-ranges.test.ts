/** What must be sent again if bytes are in flight once, twice or not at all (RFC 9000 §13.3). */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runs } from "../../../test/properties/runs.ts";
import { SentRanges } from "./sent-ranges.ts";

const pending = (ranges: SentRanges): [number, number] | undefined =>
  ranges.needsResend ? [ranges.resendStart, ranges.resendEnd] : undefined;

/** Bytes [0, 100) in flight once. */
function sent(): SentRanges {
  const ranges = new SentRanges();
  ranges.handleSent(0, 100);
  return ranges;
}

describe("a range in flight once", () => {
  it("is pending after a loss, and no longer after it was sent again", () => {
    const ranges = sent();
    ranges.handleLost(20, 40);
    expect(pending(ranges)).toEqual([20, 40]);
    ranges.handleSent(20, 30);
    expect(pending(ranges)).toEqual([30, 40]);
    ranges.handleSent(30, 40);
    expect(pending(ranges)).toBeUndefined();
    ranges.handleLost(20, 30);
    expect(pending(ranges)).toEqual([20, 30]);
  });

  it("is acknowledged by a copy that was declared lost too early", () => {
    const ranges = sent();
    ranges.handleLost(0, 100);
    ranges.handleAcked(0, 100);
    expect([pending(ranges), ranges.ackedPrefix]).toEqual([undefined, 100]);
  });
});

describe("a range in flight twice", () => {
  /** Bytes [20, 40) in flight twice. */
  function twice(): SentRanges {
    const ranges = sent();
    ranges.repeat(20, 40);
    expect(pending(ranges)).toEqual([20, 40]);
    ranges.handleSent(20, 40);
    expect(pending(ranges)).toBeUndefined();
    return ranges;
  }

  it("is pending only if both copies are lost", () => {
    const ranges = twice();
    ranges.handleLost(0, 40);
    expect(pending(ranges)).toEqual([0, 20]);
    ranges.handleSent(0, 20);
    ranges.handleLost(20, 40);
    expect(pending(ranges)).toEqual([20, 40]);
  });

  it("is acknowledged with either copy, even if the other is lost", () => {
    const ranges = twice();
    ranges.handleAcked(20, 40);
    ranges.handleLost(0, 100);
    expect(pending(ranges)).toEqual([0, 20]);
    ranges.handleSent(0, 20);
    expect(pending(ranges)).toEqual([40, 100]);
  });

  it("is pending after one loss if requested", () => {
    const ranges = twice();
    ranges.handleLost(20, 40);
    ranges.repeat(30, 40);
    expect(pending(ranges)).toEqual([30, 40]);
  });

  it("is not counted again if it is lost while it waits to be sent again", () => {
    const ranges = sent();
    ranges.repeat(20, 40);
    ranges.handleLost(0, 100);
    expect(pending(ranges)).toEqual([0, 100]);
    ranges.handleSent(0, 100);
    ranges.handleLost(20, 40);
    expect(pending(ranges)).toEqual([20, 40]);
  });

  it("may be split differently each time", () => {
    const ranges = sent();
    ranges.repeat(0, 100);
    ranges.handleSent(0, 35);
    ranges.handleSent(35, 100);
    ranges.handleLost(0, 100);
    expect(pending(ranges)).toBeUndefined();
    ranges.handleLost(35, 100);
    expect(pending(ranges)).toEqual([35, 100]);
  });
});

it("matches a model that counts the copies of each byte", () => {
  const END = 24;
  type Copy = [start: number, end: number];
  const step = fc.record({
    do: fc.constantFrom("send", "send", "acked", "lost", "repeat"),
    pick: fc.nat(100),
    length: fc.integer({ min: 1, max: 12 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const ranges = new SentRanges();
      const inFlight: Copy[] = [];
      const acked = new Array<boolean>(END).fill(false);
      const requested = new Array<boolean>(END).fill(false);
      let fresh = 0;
      for (const { do: action, pick, length } of steps) {
        const copy = inFlight[pick % Math.max(1, inFlight.length)];
        if (action === "send") {
          const start = ranges.needsResend ? ranges.resendStart : fresh;
          const end = Math.min(start + length, ranges.needsResend ? ranges.resendEnd : END);
          if (start === end) continue;
          ranges.handleSent(start, end);
          inFlight.push([start, end]);
          requested.fill(false, start, end);
          fresh = Math.max(fresh, end);
        } else if (action === "repeat") {
          const start = pick % Math.max(1, fresh);
          const end = Math.min(fresh, start + length);
          ranges.repeat(start, end);
          for (let at = start; at < end; at += 1) requested[at] = !acked[at];
        } else if (copy !== undefined) {
          inFlight.splice(inFlight.indexOf(copy), 1);
          if (action === "lost") {
            ranges.handleLost(...copy);
          } else {
            ranges.handleAcked(...copy);
            acked.fill(true, ...copy);
            requested.fill(false, ...copy);
          }
        }
        const needsResend = acked.map(
          (isAcked, at) =>
            at < fresh && !isAcked && (requested[at]! || !inFlight.some(([start, end]) => start <= at && at < end)),
        );
        const first = needsResend.indexOf(true);
        expect(ranges.needsResend ? ranges.resendStart : -1).toBe(first);
        if (first >= 0) {
          const next = needsResend.indexOf(false, first);
          expect(ranges.resendEnd).toBe(next < 0 ? END : next);
        }
        const unacked = acked.indexOf(false);
        expect(ranges.ackedPrefix).toBe(unacked < 0 ? END : unacked);
      }
    }),
    { numRuns: runs(2_000) },
  );
});
