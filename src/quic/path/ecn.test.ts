import { describe, expect, test } from "vitest";
import { Ecn } from "../../base/datagrams.ts";
import { Level } from "../../tls/handshake.ts";
import { EcnValidator } from "./ecn.ts";

const counts = (ect0: number, ce = 0, ect1 = 0) => ({ ect0, ect1, ce });

/** Sends packets `from`…`to` marked as the validator wants. */
function send(ecn: EcnValidator, from: number, to: number): void {
  ecn.nextTrain();
  for (let n = from; n <= to; n += 1) ecn.onPacketSent(Level.application, n);
}

/** An ACK of `from`…`to` with these counts. */
function ack(ecn: EcnValidator, from: number, to: number, ecnCounts?: ReturnType<typeof counts>): boolean {
  let marked = 0;
  for (let n = from; n <= to; n += 1) if (ecn.takeMark(Level.application, n)) marked += 1;
  return ecn.onAck(Level.application, ecnCounts, marked);
}

describe("EcnValidator (RFC 9000 §13.4.2)", () => {
  test("off, nothing is marked", () => {
    const ecn = new EcnValidator(false);
    expect(ecn.nextTrain()).toBe(Ecn.notEct);
    send(ecn, 0, 3);
    expect([ecn.isActive, ecn.state]).toEqual([false, "off"]);
  });

  test("marks ten packets, waits, and goes on when the counts are right", () => {
    const ecn = new EcnValidator(true);
    send(ecn, 0, 9);
    expect(ecn.nextTrain()).toBe(Ecn.notEct);
    expect(ecn.state).toBe("unknown");
    send(ecn, 10, 12);
    expect(ack(ecn, 0, 4, counts(5))).toBe(false);
    expect([ecn.state, ecn.nextTrain()]).toEqual(["capable", Ecn.ect0]);
    // Those sent without a mark need no count.
    expect(ack(ecn, 5, 12, counts(10))).toBe(false);
    expect(ecn.state).toBe("capable");
  });

  test("a CE count that rises is a sign of congestion", () => {
    const ecn = new EcnValidator(true);
    send(ecn, 0, 9);
    expect(ack(ecn, 0, 4, counts(4, 1))).toBe(true);
    expect(ack(ecn, 5, 6, counts(6, 1))).toBe(false);
    expect(ecn.state).toBe("capable");
  });

  test.each([
    ["no counts at all", undefined],
    ["fewer than were acknowledged", counts(3)],
    ["more than were sent", counts(11)],
    ["ECT(1), which was never sent", counts(5, 0, 1)],
  ])("fails with %s", (_, ecnCounts) => {
    const ecn = new EcnValidator(true);
    send(ecn, 0, 9);
    expect(ack(ecn, 0, 4, ecnCounts)).toBe(false);
    expect([ecn.state, ecn.nextTrain(), ecn.isActive]).toEqual(["failed", Ecn.notEct, false]);
  });

  test("fails when counts decrease", () => {
    const ecn = new EcnValidator(true);
    send(ecn, 0, 9);
    ack(ecn, 0, 4, counts(5));
    ack(ecn, 5, 5, counts(4));
    expect(ecn.state).toBe("failed");
  });

  test("fails when all that was marked for the test is lost", () => {
    const ecn = new EcnValidator(true);
    send(ecn, 0, 9);
    for (let i = 0; i < 10; i += 1) {
      expect(ecn.state).not.toBe("failed");
      ecn.onMarkedLost();
    }
    expect(ecn.state).toBe("failed");
  });

  test("losses after validation do not matter", () => {
    const ecn = new EcnValidator(true);
    send(ecn, 0, 9);
    ack(ecn, 0, 4, counts(5));
    for (let i = 0; i < 50; i += 1) ecn.onMarkedLost();
    expect(ecn.state).toBe("capable");
  });
});
