/** Where recovery meets the congestion controller: persistent congestion, spurious loss, ECN and MTU probes. */

import { describe, expect, test } from "vitest";
import { type Instant, micros, millis } from "../../base/time.ts";
import { PacketNumberSpace } from "../packet/number-space.ts";
import { Harness, type HarnessOptions } from "./testing/harness.ts";

const { initial, application } = PacketNumberSpace;
const ms = (count: number): Instant => millis(count) as number as Instant;

/** A client with a confirmed handshake and an RTT sample of 100 ms from packet 0, at 100 ms. */
function established(options: HarnessOptions = {}): Harness {
  const h = new Harness("client", options);
  h.handshake.isConfirmed = true;
  h.send(application, ms(0));
  h.ack(application, [0, 0], ms(100));
  return h;
}

/** After two samples of 100 ms: (srtt 100 + 4 × rttvar 37.5 + max_ack_delay 25) × 3. */
const PERSISTENT = 825;

describe("persistent congestion (RFC 9002 §7.6)", () => {
  const persisted = (h: Harness) => h.events.some((event) => event.type === "quic:persistent-congestion");

  test("losing everything for its duration reduces to the minimum window", () => {
    const h = established();
    h.send(application, ms(200));
    h.send(application, ms(600));
    h.send(application, ms(200 + PERSISTENT));
    for (let i = 0; i < 3; i += 1) h.send(application, ms(2_000));
    const outcome = h.ack(application, [6, 6], ms(2_100));
    expect(outcome.lost.map((p) => p.packetNumber)).toEqual([1, 2, 3]);
    expect(persisted(h)).toBe(true);
    expect(h.route.controller.congestionWindow).toBe(2_400 + 1_200);
    // The minimum RTT restarts from the next sample.
    h.send(application, ms(2_200));
    h.ack(application, [7, 7], ms(2_500));
    expect(h.route.rtt.min).toBe(300_000);
  });

  test("not if the duration is one microsecond short", () => {
    const h = established();
    h.send(application, ms(200));
    h.send(application, (ms(200 + PERSISTENT) - 1) as Instant);
    for (let i = 0; i < 3; i += 1) h.send(application, ms(2_000));
    expect(h.ack(application, [5, 5], ms(2_100)).lost).toHaveLength(2);
    expect(persisted(h)).toBe(false);
  });

  test("not if a packet in between arrived", () => {
    const h = established();
    h.send(application, ms(200));
    h.send(application, ms(600));
    h.send(application, ms(1_500));
    for (let i = 0; i < 3; i += 1) h.send(application, ms(2_000));
    const outcome = h.ack(application, [6, 6, 2, 2], ms(2_100));
    expect(outcome.lost.map((p) => p.packetNumber)).toEqual([1, 3]);
    expect(persisted(h)).toBe(false);
  });

  test("not if a packet in between arrived in a space that was discarded afterwards", () => {
    const h = established();
    h.send(application, ms(200));
    h.send(PacketNumberSpace.handshake, ms(600));
    h.send(application, ms(200 + PERSISTENT));
    h.ack(PacketNumberSpace.handshake, [0, 0], ms(700));
    h.recovery.discardSpace(PacketNumberSpace.handshake);
    for (let i = 0; i < 3; i += 1) h.send(application, ms(2_000));
    expect(h.ack(application, [5, 5], ms(2_100)).lost).toHaveLength(2);
    expect(persisted(h)).toBe(false);
  });

  test("not if a packet of another space in between arrived", () => {
    const h = established();
    h.send(application, ms(200));
    h.send(initial, ms(600));
    h.send(application, ms(1_500));
    for (let i = 0; i < 3; i += 1) h.send(application, ms(2_000));
    h.ack(initial, [0, 0], ms(2_000));
    expect(h.ack(application, [5, 5], ms(2_100)).lost).toHaveLength(2);
    expect(persisted(h)).toBe(false);
  });

  test("the first and last packet must be ack-eliciting", () => {
    const h = established();
    h.send(application, ms(200), { ackEliciting: false });
    h.send(application, ms(600));
    h.send(application, ms(1_500), { ackEliciting: false });
    for (let i = 0; i < 3; i += 1) h.send(application, ms(2_000));
    expect(h.ack(application, [6, 6], ms(2_100)).lost).toHaveLength(3);
    expect(persisted(h)).toBe(false);
  });

  test("not before the first RTT sample", () => {
    const h = new Harness("client");
    for (const at of [0, 1_000, 5_000, 9_000, 9_001, 9_002]) h.send(application, ms(at));
    expect(h.ack(application, [5, 5], ms(9_100)).lost).toHaveLength(3);
    expect(persisted(h)).toBe(false);
  });

  test("is also detected if the losses are declared one after another", () => {
    const h = established();
    // 1 and 2 are lost with the first ACK, 3 by time afterwards: the run continues.
    h.send(application, ms(200));
    h.send(application, ms(300));
    h.send(application, ms(1_200));
    h.send(application, ms(1_201));
    // The sample of 50 ms makes the duration 956.25 ms.
    expect(h.ack(application, [4, 4], ms(1_251)).lost.map((p) => p.packetNumber)).toEqual([1, 2]);
    expect(persisted(h)).toBe(false);
    const at = h.recovery.nextTimeout()!;
    expect(h.recovery.onTimeout(at).lost.map((p) => p.packetNumber)).toEqual([3]);
    expect(persisted(h)).toBe(true);
  });
});

describe("spurious loss", () => {
  test("a reduction is undone if all of its losses arrive late, and the threshold adapts", () => {
    const h = established();
    const window = h.route.controller.congestionWindow;
    for (let n = 1; n <= 8; n += 1) h.send(application, ms(100 + n));
    // 1, 2 and 3 were overtaken by 6.
    expect(h.ack(application, [6, 6], ms(205)).lost.map((p) => p.packetNumber)).toEqual([1, 2, 3]);
    expect(h.route.controller.congestionWindow).toBe(Math.floor(window / 2));
    h.ack(application, [6, 6, 2, 3], ms(206));
    expect(h.route.controller.congestionWindow).toBe(Math.floor(window / 2));
    h.ack(application, [6, 6, 1, 3], ms(207));
    expect(h.recovery.spuriousLosses).toBe(3);
    expect(h.route.controller.congestionWindow).toBe(window);
    // The path reorders by five: packets overtaken by that many are no longer lost.
    for (let n = 9; n <= 14; n += 1) h.send(application, ms(208));
    expect(h.ack(application, [14, 14, 4, 8], ms(210)).lost).toEqual([]);
    expect(h.ack(application, [14, 14, 4, 8], ms(210)).newlyAcked).toBe(false);
  });

  test("a reduction stands if one of its losses is real", () => {
    const h = established();
    for (let n = 1; n <= 8; n += 1) h.send(application, ms(100 + n));
    h.ack(application, [6, 6], ms(205));
    const reduced = h.route.controller.congestionWindow;
    h.ack(application, [6, 6, 1, 2], ms(206));
    expect(h.recovery.spuriousLosses).toBe(2);
    expect(h.route.controller.congestionWindow).toBe(reduced);
  });

  test("the contents of a late packet are reported once", () => {
    const h = established();
    const frames = [{ type: "max-data", value: 7 }] as const;
    for (let n = 1; n <= 8; n += 1) h.send(application, ms(100 + n), { frames });
    expect(h.ack(application, [6, 6], ms(205)).late).toEqual([]);
    expect(h.ack(application, [6, 6, 1, 1], ms(206)).late).toMatchObject([{ packetNumber: 1, frames }]);
    expect(h.ack(application, [6, 6, 1, 1], ms(207)).late).toEqual([]);
  });

  test("the same late packet only counts once", () => {
    const h = established();
    for (let n = 1; n <= 8; n += 1) h.send(application, ms(100 + n));
    h.ack(application, [6, 6], ms(205));
    for (let i = 0; i < 5; i += 1) h.ack(application, [6, 6, 1, 1], ms(206 + i));
    expect(h.recovery.spuriousLosses).toBe(1);
  });
});

describe("ECN", () => {
  test("a rising CE count reduces the window, once per round trip", () => {
    const h = new Harness("client", { ecn: true });
    h.mark = h.route.ecn.nextTrain();
    for (let n = 0; n < 8; n += 1) h.send(application, ms(0));
    h.ack(application, [0, 1], ms(100), micros(0), { ect0: 2, ect1: 0, ce: 0 });
    const window = h.route.controller.congestionWindow;
    h.ack(application, [2, 3], ms(101), micros(0), { ect0: 3, ect1: 0, ce: 1 });
    expect(h.route.controller.congestionWindow).toBe(Math.floor(window / 2));
    h.ack(application, [4, 5], ms(102), micros(0), { ect0: 4, ect1: 0, ce: 2 });
    expect(h.route.controller.congestionWindow).toBe(Math.floor(window / 2));
    expect(h.route.ecn.state).toBe("capable");
  });

  test("the counts of a reordered ACK are ignored", () => {
    const h = new Harness("client", { ecn: true });
    h.mark = h.route.ecn.nextTrain();
    for (let n = 0; n < 8; n += 1) h.send(application, ms(0));
    h.ack(application, [2, 5], ms(100), micros(0), { ect0: 4, ect1: 0, ce: 0 });
    h.ack(application, [1, 4], ms(101), micros(0), { ect0: 2, ect1: 0, ce: 0 });
    expect(h.route.ecn.state).toBe("capable");
  });

  test("a peer that counts nothing stops the marking, and the connection continues", () => {
    const h = new Harness("client", { ecn: true });
    h.mark = h.route.ecn.nextTrain();
    for (let n = 0; n < 8; n += 1) h.send(application, ms(0));
    expect(h.ack(application, [0, 5], ms(100)).acked).toHaveLength(6);
    expect(h.route.ecn.state).toBe("failed");
    expect(h.route.controller.congestionWindow).toBeGreaterThanOrEqual(12_000);
  });
});

describe("probes for a larger datagram (RFC 9000 §14.4)", () => {
  function withProbe() {
    const h = established({ maxUdpPayload: 1452 });
    const size = h.route.mtu.probeSize(ms(100))!;
    const probe = h.send(application, ms(101), { size });
    h.route.mtu.onProbeSent(probe.packetNumber, size);
    return h;
  }

  test("an acknowledged probe raises the datagram size", () => {
    const h = withProbe();
    h.ack(application, [0, 1], ms(200));
    expect(h.route.maxDatagramSize).toBe(1452);
  });

  test("a lost probe is not a sign of congestion", () => {
    const h = withProbe();
    const window = h.route.controller.congestionWindow;
    for (let i = 0; i < 4; i += 1) h.send(application, ms(102));
    const outcome = h.ack(application, [2, 5], ms(202));
    expect(outcome.lost.map((p) => p.packetNumber)).toEqual([1]);
    expect(h.route.controller.congestionWindow).toBeGreaterThanOrEqual(window);
    expect(h.route.controller.bytesInFlight).toBe(0);
    expect(h.route.maxDatagramSize).toBe(1200);
    expect(h.route.mtu.probeSize(ms(203))).toBe(1452);
  });

  test("a packet of another space with the probe's number is not the probe", () => {
    const h = withProbe();
    h.send(PacketNumberSpace.handshake, ms(110));
    h.send(PacketNumberSpace.handshake, ms(110));
    h.ack(PacketNumberSpace.handshake, [0, 1], ms(210));
    expect(h.route.maxDatagramSize).toBe(1200);
  });
});

test("discarding the keys of a space removes its bytes in flight without a loss", () => {
  const h = new Harness("client");
  h.send(initial, ms(0));
  h.send(initial, ms(0));
  h.send(PacketNumberSpace.handshake, ms(0), { size: 500 });
  h.recovery.onTimeout(ms(999));
  expect(h.route.controller.bytesInFlight).toBe(2_900);
  h.recovery.discardSpace(initial);
  expect([h.route.controller.bytesInFlight, h.route.controller.congestionWindow]).toEqual([500, 12_000]);
  expect([h.recovery.hasInFlight(initial), h.recovery.hasInFlight(PacketNumberSpace.handshake)]).toEqual([false, true]);
  expect(h.recovery.ptoCount).toBe(0);
});

test("a Retry returns the packets in flight, and packet numbers continue", () => {
  const h = new Harness("client");
  h.send(initial, ms(0));
  h.send(initial, ms(0));
  expect(h.recovery.onRetry().map((p) => p.packetNumber)).toEqual([0, 1]);
  expect(h.route.controller.bytesInFlight).toBe(0);
  expect(h.recovery.nextPacketNumber(initial)).toBe(2);
});
