import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Ecn } from "../../base/datagrams.ts";
import { type Instant, micros, millis } from "../../base/time.ts";
import { PacketNumberSpace } from "../packet/number-space.ts";
import { AckTracker, MAX_ACK_RANGES } from "./ack-tracker.ts";

const ms = (count: number): Instant => millis(count) as number as Instant;
const tracker = (level: PacketNumberSpace = PacketNumberSpace.application) =>
  new AckTracker(level, { maxAckDelay: millis(25), ackDelayExponent: 3 });

/** Receives ack-eliciting packets at 0 ms. */
function receive(acks: AckTracker, ...packetNumbers: number[]): void {
  for (const n of packetNumbers) acks.onPacketReceived(n, true, Ecn.notEct, ms(0));
}

describe("when an ACK is due (RFC 9000 §13.2.1, §13.2.2)", () => {
  test("the first ack-eliciting packet waits for max_ack_delay, the second does not", () => {
    const acks = tracker();
    expect([acks.ackNow, acks.deadline, acks.hasAnythingToAck]).toEqual([false, undefined, false]);
    acks.onPacketReceived(0, true, Ecn.notEct, ms(10));
    expect([acks.ackNow, acks.deadline]).toEqual([false, ms(35)]);
    acks.onPacketReceived(1, true, Ecn.notEct, ms(20));
    expect([acks.ackNow, acks.deadline]).toEqual([true, ms(35)]);
    acks.onAckSent(ms(20));
    expect([acks.ackNow, acks.deadline, acks.hasAnythingToAck]).toEqual([false, undefined, false]);
    acks.onPacketReceived(2, true, Ecn.notEct, ms(50));
    expect([acks.ackNow, acks.deadline]).toEqual([false, ms(75)]);
  });

  test("non-ack-eliciting packets never trigger one, but eight of them add it to the next packet sent", () => {
    const acks = tracker();
    for (let n = 0; n < 7; n += 1) acks.onPacketReceived(n, false, Ecn.notEct, ms(0));
    expect([acks.ackNow, acks.deadline, acks.hasAnythingToAck]).toEqual([false, undefined, false]);
    acks.onPacketReceived(7, false, Ecn.notEct, ms(0));
    expect([acks.ackNow, acks.deadline, acks.hasAnythingToAck]).toEqual([false, undefined, true]);
    expect([...acks.received]).toEqual([[0, 8]]);
    acks.onAckSent(ms(0));
    expect(acks.hasAnythingToAck).toBe(false);
    acks.onPacketReceived(8, true, Ecn.notEct, ms(0));
    expect(acks.hasAnythingToAck).toBe(true);
  });

  test.each([PacketNumberSpace.initial, PacketNumberSpace.handshake])("immediately in space %d", (level) => {
    const acks = tracker(level);
    receive(acks, 0);
    expect(acks.ackNow).toBe(true);
  });

  test("immediately for a packet that leaves a gap, and for a late one", () => {
    const acks = tracker();
    receive(acks, 0);
    acks.onAckSent(ms(0));
    receive(acks, 2);
    expect(acks.ackNow).toBe(true);
    acks.onAckSent(ms(0));
    receive(acks, 1);
    expect(acks.ackNow).toBe(true);
    acks.onAckSent(ms(0));
    receive(acks, 3);
    expect(acks.ackNow).toBe(false);
  });

  test("an old gap does not trigger another", () => {
    const acks = tracker();
    receive(acks, 0, 5);
    acks.onAckSent(ms(0));
    receive(acks, 6);
    expect(acks.ackNow).toBe(false);
  });

  test("a non-ack-eliciting packet in between leaves no gap", () => {
    const acks = tracker();
    receive(acks, 0);
    acks.onPacketReceived(1, false, Ecn.notEct, ms(0));
    acks.onAckSent(ms(0));
    receive(acks, 2);
    expect(acks.ackNow).toBe(false);
  });

  test("immediately for a packet marked CE", () => {
    const acks = tracker();
    acks.onPacketReceived(0, true, Ecn.ce, ms(0));
    expect(acks.ackNow).toBe(true);
  });
});

describe("the contents of an ACK", () => {
  test("the age of the largest packet, in units of our ack_delay_exponent", () => {
    const acks = tracker();
    acks.onPacketReceived(7, true, Ecn.notEct, ms(10));
    acks.onPacketReceived(3, true, Ecn.notEct, ms(14));
    expect(acks.largest).toBe(7);
    expect(acks.ackDelay(ms(15))).toBe(5_000 / 8);
    expect(acks.ackDelay(micros(10_007) as number as Instant)).toBe(0);
    const coarse = new AckTracker(PacketNumberSpace.application, { maxAckDelay: millis(25), ackDelayExponent: 10 });
    coarse.onPacketReceived(0, true, Ecn.notEct, ms(0));
    expect(coarse.ackDelay(ms(15))).toBe(14);
    // Initial packets always use the default exponent.
    const initial = new AckTracker(PacketNumberSpace.initial, { maxAckDelay: millis(25), ackDelayExponent: 10 });
    initial.onPacketReceived(0, true, Ecn.notEct, ms(0));
    expect(initial.ackDelay(ms(15))).toBe(1_875);
  });

  test("ECN counts, only if marks were seen", () => {
    const acks = tracker();
    receive(acks, 0);
    expect(acks.ecnCounts).toBeUndefined();
    for (const [n, ecn] of [Ecn.ect0, Ecn.ect0, Ecn.ce, Ecn.ect1, Ecn.notEct].entries()) {
      acks.onPacketReceived(n + 1, false, ecn, ms(0));
    }
    // A duplicate does not count.
    acks.onPacketReceived(1, false, Ecn.ect0, ms(0));
    expect(acks.ecnCounts).toEqual({ ect0: 2, ect1: 1, ce: 1 });
  });
});

describe("duplicates and dropped ranges (RFC 9000 §13.2.3, §13.2.4)", () => {
  test("a packet is a duplicate once it has been received", () => {
    const acks = tracker();
    receive(acks, 0, 1, 5);
    expect([0, 1, 2, 4, 5, 6].map((n) => acks.isDuplicate(n))).toEqual([true, true, false, false, true, false]);
  });

  test("a million alternating packet numbers leave the newest 64 ranges", () => {
    const acks = tracker();
    for (let n = 0; n < 2_000_000; n += 2) acks.onPacketReceived(n, true, Ecn.notEct, ms(0));
    expect(acks.received.size).toBe(MAX_ACK_RANGES);
    expect(acks.received.max).toBe(1_999_998);
    // Packets below the dropped ranges count as duplicates; the newest gaps are still open.
    expect(acks.isDuplicate(1)).toBe(true);
    expect(acks.isDuplicate(1_999_997)).toBe(false);
  });

  test("also when they arrive in descending order", () => {
    const acks = tracker();
    for (let n = 20_000; n >= 0; n -= 2) acks.onPacketReceived(n, true, Ecn.notEct, ms(0));
    expect(acks.received.size).toBe(MAX_ACK_RANGES);
    expect(acks.received.max).toBe(20_000);
  });

  test("an acknowledged ACK drops old ranges, but keeps the newest gaps open", () => {
    const acks = tracker();
    for (let n = 0; n < 40; n += 2) receive(acks, n);
    acks.onAckAcked(20);
    expect(acks.received.size).toBe(9);
    expect([...acks.received][0]).toEqual([22, 23]);
    expect(acks.isDuplicate(19)).toBe(true);
    expect(acks.isDuplicate(23)).toBe(false);
    acks.onAckAcked(38);
    expect(acks.received.size).toBe(4);
    expect(acks.isDuplicate(37)).toBe(false);
  });

  test("never reports a packet that was not received, and never accepts one twice", () => {
    const step = fc.record({ n: fc.nat(400), acked: fc.option(fc.nat(400), { nil: undefined }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const acks = tracker();
        const received = new Set<number>();
        for (const { n, acked } of steps) {
          if (!acks.isDuplicate(n)) {
            expect(received.has(n)).toBe(false);
            receive(acks, n);
            received.add(n);
          }
          if (acked !== undefined) acks.onAckAcked(acked);
          expect(acks.isDuplicate(n)).toBe(true);
          expect(acks.received.size).toBeLessThanOrEqual(MAX_ACK_RANGES);
          for (const [start, end] of acks.received) {
            for (let i = start; i < end; i += 1) expect(received.has(i)).toBe(true);
          }
        }
      }),
    );
  });
});
