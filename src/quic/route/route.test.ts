import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SeededRng } from "../../base/rng.ts";
import { type Instant, seconds } from "../../base/time.ts";
import { Route } from "./route.ts";

const remote = { family: 4, host: "192.0.2.1", port: 443 } as const;
const newRoute = (validated: boolean) => new Route({ local: undefined, remote, validated, rng: new SeededRng(1) });

describe("anti-amplification (RFC 9000 §8.1)", () => {
  test("after receiving 1200 bytes, 3600 may be sent in total", () => {
    const route = newRoute(false);
    expect([route.sendAllowance(), route.isAmplificationLimited]).toEqual([0, true]);
    route.onDatagramReceived(1200);
    expect([route.sendAllowance(), route.isAmplificationLimited]).toEqual([3600, false]);
    for (let i = 0; i < 3; i += 1) route.onDatagramSent(1200);
    expect([route.sendAllowance(), route.isAmplificationLimited]).toEqual([0, true]);
    route.onDatagramReceived(40);
    expect([route.sendAllowance(), route.isAmplificationLimited]).toEqual([120, true]);
  });

  test("validation lifts the limit", () => {
    const route = newRoute(false);
    route.validate();
    expect(route.isValidated).toBe(true);
    route.onDatagramSent(1e9);
    expect([route.sendAllowance(), route.isAmplificationLimited]).toEqual([Number.POSITIVE_INFINITY, false]);
  });

  test("a sender that respects the allowance never sends more than three times what it received", () => {
    const step = fc.record({ receive: fc.boolean(), bytes: fc.integer({ min: 1, max: 1500 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const route = newRoute(false);
        let received = 0;
        let sent = 0;
        for (const { receive, bytes } of steps) {
          if (receive) {
            route.onDatagramReceived(bytes);
            received += bytes;
          } else if (bytes <= route.sendAllowance()) {
            route.onDatagramSent(bytes);
            sent += bytes;
          }
          expect(sent).toBeLessThanOrEqual(3 * received);
          expect(route.sendAllowance()).toBe(3 * received - sent);
        }
      }),
    );
  });
});

test("a new datagram size is applied to the controller and the pacer", () => {
  const route = new Route({ local: undefined, remote, validated: true, maxUdpPayload: 1472, rng: new SeededRng(1) });
  expect([route.maxDatagramSize, route.controller.congestionWindow]).toEqual([1200, 12_000]);
  route.mtu.onProbeSent(0, 1472);
  route.mtu.onProbeAcked();
  route.applyMaxDatagramSize();
  expect([route.maxDatagramSize, route.controller.congestionWindow]).toEqual([1472, 14_720]);
  // A burst is ten datagrams of the new size; the bucket still holds ten of the old size.
  expect(route.pacer.budget(0 as Instant)).toBe(12_000);
  expect(route.pacer.budget(seconds(60) as number as Instant)).toBe(14_720);
});

test("the peer's max_udp_payload_size limits the probes", () => {
  const route = new Route({ local: undefined, remote, validated: true, maxUdpPayload: 1472, rng: new SeededRng(1) });
  route.mtu.limit(1300);
  expect(route.mtu.probeSize(0 as Instant)).toBe(1300);
});
