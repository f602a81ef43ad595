import { describe, expect, test } from "vitest";
import { EcnCounter } from "./ecn-counter.ts";

const counts = (ect0: number, ce = 0, ect1 = 0) => ({ ect0, ect1, ce });

/** A counter after `marked` marked packets. */
function counterAfter(marked: number): EcnCounter {
  const counter = new EcnCounter();
  for (let i = 0; i < marked; i += 1) counter.onMarkedSent();
  return counter;
}

describe("EcnCounter (RFC 9000 §13.4.2.1)", () => {
  test("is unused until a packet is marked", () => {
    expect(counterAfter(0).isUsed).toBe(false);
    expect(counterAfter(1).isUsed).toBe(true);
  });

  test("counts that cover the acknowledged packets are valid; unmarked packets need none", () => {
    const counter = counterAfter(10);
    expect(counter.onAck(counts(5), 5)).toBe("valid");
    expect(counter.onAck(counts(5), 0)).toBe("valid");
    expect(counter.onAck(counts(10), 5)).toBe("valid");
  });

  test("a rising CE count is a sign of congestion, once", () => {
    const counter = counterAfter(10);
    expect(counter.onAck(counts(4, 1), 5)).toBe("congestion");
    expect(counter.onAck(counts(6, 1), 2)).toBe("valid");
  });

  test.each([
    ["no counts", undefined],
    ["fewer than were acknowledged", counts(3)],
    ["more than were sent", counts(11)],
    ["ECT(1), which was never sent", counts(5, 0, 1)],
  ])("invalid: %s", (_, ecn) => {
    expect(counterAfter(10).onAck(ecn, 5)).toBe("invalid");
  });

  test("invalid: counts that decrease", () => {
    const counter = counterAfter(10);
    counter.onAck(counts(5), 5);
    expect(counter.onAck(counts(4), 1)).toBe("invalid");
  });
});
