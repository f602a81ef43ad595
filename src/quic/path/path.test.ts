import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Path } from "./path.ts";

const remote = { family: 4, host: "192.0.2.1", port: 443 } as const;
const newPath = (validated: boolean) => new Path({ local: undefined, remote, validated });

describe("anti-amplification (RFC 9000 §8.1)", () => {
  test("1200 bytes received allow 3600 in all", () => {
    const path = newPath(false);
    expect([path.sendAllowance(), path.isAmplificationLimited]).toEqual([0, true]);
    path.onDatagramReceived(1200);
    expect([path.sendAllowance(), path.isAmplificationLimited]).toEqual([3600, false]);
    for (let i = 0; i < 3; i += 1) path.onDatagramSent(1200);
    expect([path.sendAllowance(), path.isAmplificationLimited]).toEqual([0, true]);
    path.onDatagramReceived(40);
    expect([path.sendAllowance(), path.isAmplificationLimited]).toEqual([120, true]);
  });

  test("validation lifts the limit", () => {
    const path = newPath(false);
    path.validate();
    expect(path.isValidated).toBe(true);
    path.onDatagramSent(1e9);
    expect([path.sendAllowance(), path.isAmplificationLimited]).toEqual([Number.POSITIVE_INFINITY, false]);
  });

  test("whoever keeps to the allowance never sends more than three times what came", () => {
    const step = fc.record({ receive: fc.boolean(), bytes: fc.integer({ min: 1, max: 1500 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const path = newPath(false);
        let received = 0;
        let sent = 0;
        for (const { receive, bytes } of steps) {
          if (receive) {
            path.onDatagramReceived(bytes);
            received += bytes;
          } else if (bytes <= path.sendAllowance()) {
            path.onDatagramSent(bytes);
            sent += bytes;
          }
          expect(sent).toBeLessThanOrEqual(3 * received);
          expect(path.sendAllowance()).toBe(3 * received - sent);
        }
      }),
    );
  });
});

test("a new datagram size reaches controller and pacer", () => {
  const path = new Path({ local: undefined, remote, validated: true, maxUdpPayload: 1472 });
  expect([path.maxDatagramSize, path.controller.congestionWindow]).toEqual([1200, 12_000]);
  path.mtu.onProbeSent(0, 1472);
  path.mtu.onProbeAcked();
  path.applyMaxDatagramSize();
  expect([path.maxDatagramSize, path.controller.congestionWindow, path.pacer.maxDatagramSize]).toEqual([
    1472, 14_720, 1472,
  ]);
});

test("the peer's max_udp_payload_size bounds the probes", () => {
  const path = new Path({ local: undefined, remote, validated: true, maxUdpPayload: 1472 });
  path.limitMaxUdpPayload(1300);
  expect(path.mtu.probeSize(0 as never)).toBe(1300);
});
