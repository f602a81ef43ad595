import { describe, expect, test } from "vitest";
import { type Instant, type Micros, millis } from "../base/time.ts";
import type { CongestionPacket } from "./controller.ts";
import { DeliveryRate } from "./delivery-rate.ts";
import { ms } from "./testing/flow.ts";

const SIZE = 1000;
const NO_MIN_RTT = 0 as Micros;

/** A sender that reports to a `DeliveryRate`. */
class Flow {
  readonly rate = new DeliveryRate();
  #inFlight = 0;

  send(now: Instant): CongestionPacket {
    this.#inFlight += SIZE;
    return { size: SIZE, timeSent: now, inFlight: true, delivery: this.rate.onSent(SIZE, this.#inFlight, now) };
  }

  ack(packets: readonly CongestionPacket[], now: Instant, minRtt = NO_MIN_RTT) {
    this.#inFlight -= packets.length * SIZE;
    return this.rate.onAcked(packets, minRtt, now)!;
  }
}

describe("delivery rate samples (draft-ietf-ccwg-bbr §4.1)", () => {
  test("a paced flow: one packet per millisecond, delivered at the same pace", () => {
    const flow = new Flow();
    const packets = Array.from({ length: 20 }, (_, i) => flow.send(ms(i)));
    const samples = packets.map((packet, i) => flow.ack([packet], ms(50 + i)));
    // Sent while nothing had been delivered: the sending interval counts from the first packet.
    expect(samples[19]!.rate).toBeCloseTo((20 * SIZE) / 69_000);
    const next = Array.from({ length: 20 }, (_, i) => flow.send(ms(70 + i)));
    expect(next.map((packet, i) => flow.ack([packet], ms(120 + i)).rate).at(-1)).toBeCloseTo((20 * SIZE) / 69_000);
  });

  test("a window in flight all the time: the rate is the window over the round trip", () => {
    const flow = new Flow();
    let inFlight = Array.from({ length: 10 }, (_, i) => flow.send(ms(i)));
    let last = 0;
    for (let round = 1; round <= 3; round += 1) {
      inFlight = inFlight.map((packet, i) => {
        last = flow.ack([packet], ms(10 * round + i)).rate;
        return flow.send(ms(10 * round + i));
      });
    }
    expect(last).toBeCloseTo(SIZE / 1000);
  });

  test("acknowledgements that arrive at once do not raise the rate above the sending rate", () => {
    const flow = new Flow();
    const packets = Array.from({ length: 10 }, (_, i) => flow.send(ms(10 * i)));
    const sample = flow.ack(packets, ms(100));
    expect(sample.newlyAcked).toBe(10 * SIZE);
    expect(sample.rate).toBeLessThanOrEqual((10 * SIZE) / 90_000);
  });

  test("an interval shorter than the minimum round-trip time gives no rate", () => {
    const flow = new Flow();
    const packet = flow.send(ms(0));
    expect(flow.ack([packet], ms(10), millis(20)).rate).toBe(0);
  });

  test("describes the packet that was sent last, in whatever order they were acknowledged", () => {
    const flow = new Flow();
    const [first, second, third] = [flow.send(ms(0)), flow.send(ms(1)), flow.send(ms(2))];
    expect(flow.ack([third], ms(20))).toMatchObject({ rtt: 18_000, priorDelivered: 0, inFlight: 3 * SIZE });
    expect(flow.ack([first, second], ms(21))).toMatchObject({ rtt: 20_000, delivered: 3 * SIZE });
  });

  test("samples are limited by the application until what was in flight has left", () => {
    const flow = new Flow();
    const before = flow.send(ms(0));
    flow.rate.onAppLimited(SIZE);
    const after = flow.send(ms(5));
    expect(flow.ack([before], ms(20)).isAppLimited).toBe(false);
    expect(flow.rate.isAppLimited).toBe(true);
    expect(flow.ack([after], ms(25)).isAppLimited).toBe(true);
    expect(flow.rate.isAppLimited).toBe(false);
    expect(flow.ack([flow.send(ms(30))], ms(50)).isAppLimited).toBe(false);
  });

  test("counts what was lost since the packet was sent", () => {
    const flow = new Flow();
    flow.rate.onLost(500);
    const packet = flow.send(ms(0));
    flow.rate.onLost(700);
    expect(flow.ack([packet], ms(20)).lost).toBe(700);
  });

  test("packets that are not congestion controlled give no sample", () => {
    const rate = new DeliveryRate();
    const ackOnly = { size: 50, timeSent: ms(0), inFlight: false, delivery: undefined };
    expect(rate.onAcked([ackOnly], NO_MIN_RTT, ms(10))).toBeUndefined();
  });
});
