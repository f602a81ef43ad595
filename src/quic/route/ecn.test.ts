import { describe, expect, test } from "vitest";
import { Ecn } from "../../base/datagrams.ts";
import { EcnValidator } from "./ecn.ts";

/** Sends `count` packets as the validator directs; returns how many were marked. */
function send(ecn: EcnValidator, count: number): number {
  if (ecn.nextTrain() === Ecn.notEct) return 0;
  for (let i = 0; i < count; i += 1) ecn.onMarkedSent();
  return count;
}

describe("EcnValidator (RFC 9000 Appendix A.4)", () => {
  test("marks nothing when it is off, whatever happens", () => {
    const ecn = new EcnValidator(false);
    expect(send(ecn, 4)).toBe(0);
    ecn.onValidated();
    ecn.fail();
    expect([ecn.nextTrain(), ecn.state]).toEqual([Ecn.notEct, "off"]);
  });

  test("marks ten packets, waits, and continues if the counts are right", () => {
    const ecn = new EcnValidator(true);
    expect(send(ecn, 10)).toBe(10);
    expect([ecn.nextTrain(), ecn.state]).toEqual([Ecn.notEct, "unknown"]);
    ecn.onValidated();
    expect([ecn.nextTrain(), ecn.state]).toEqual([Ecn.ect0, "capable"]);
  });

  test("stops marking for good after wrong counts", () => {
    const ecn = new EcnValidator(true);
    send(ecn, 10);
    ecn.fail();
    ecn.onValidated();
    expect([ecn.nextTrain(), ecn.state]).toEqual([Ecn.notEct, "failed"]);
  });

  test("fails if all packets marked for the test are lost", () => {
    const ecn = new EcnValidator(true);
    send(ecn, 10);
    for (let i = 0; i < 10; i += 1) {
      expect(ecn.state).not.toBe("failed");
      ecn.onMarkedLost();
    }
    expect(ecn.state).toBe("failed");
  });

  test("losses after validation do not matter", () => {
    const ecn = new EcnValidator(true);
    send(ecn, 10);
    ecn.onValidated();
    for (let i = 0; i < 50; i += 1) ecn.onMarkedLost();
    expect(ecn.state).toBe("capable");
  });
});
