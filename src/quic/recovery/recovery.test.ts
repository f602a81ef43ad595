import { describe, expect, test } from "vitest";
import { type Instant, micros, millis } from "../../base/time.ts";
import { PacketNumberSpace } from "../packet/number-space.ts";
import { Harness } from "./testing/harness.ts";

const { handshake, application } = PacketNumberSpace;
const ms = (count: number): Instant => millis(count) as number as Instant;

describe("probe timeout (RFC 9002 §6.2)", () => {
  test("a lone ClientHello is probed at 999, 2997 and 6993 ms", () => {
    const h = new Harness("client");
    h.send(PacketNumberSpace.initial, ms(0));
    const instants: number[] = [];
    for (let i = 0; i < 3; i += 1) {
      const at = h.recovery.nextTimeout()!;
      instants.push(at / 1000);
      const outcome = h.recovery.onTimeout(at);
      expect(outcome.probe).toBe(PacketNumberSpace.initial);
      expect(outcome.lost).toEqual([]);
      h.send(PacketNumberSpace.initial, at);
    }
    expect(instants).toEqual([999, 2997, 6993]);
  });

  test("does nothing before the deadline", () => {
    const h = new Harness("client");
    h.send(PacketNumberSpace.initial, ms(0));
    expect(h.recovery.onTimeout(ms(998)).probe).toBeUndefined();
    expect(h.recovery.ptoCount).toBe(0);
  });

  test("waits for the peer's max_ack_delay in the Application space only", () => {
    const h = new Harness("server");
    h.handshake.isConfirmed = true;
    h.send(PacketNumberSpace.application, ms(0));
    expect(h.recovery.nextTimeout()).toBe(ms(999 + 25));
    h.recovery.maxAckDelay = micros(0);
    expect(h.recovery.nextTimeout()).toBe(ms(999));
  });

  test("is not armed for application data before the handshake is confirmed", () => {
    const h = new Harness("server");
    h.send(PacketNumberSpace.application, ms(0));
    expect(h.recovery.nextTimeout()).toBeUndefined();
    h.handshake.isConfirmed = true;
    expect(h.recovery.nextTimeout()).toBeDefined();
  });

  test("a client with nothing in flight probes until its address is known to be validated", () => {
    const h = new Harness("client");
    expect(h.recovery.nextTimeout()).toBeUndefined();
    h.send(PacketNumberSpace.initial, ms(0));
    h.ack(PacketNumberSpace.initial, [0, 0], ms(100));
    // The first sample is 100 ms, with a variance of 50 ms.
    expect(h.recovery.nextTimeout()).toBe(ms(100 + 300));
    expect(h.recovery.onTimeout(ms(400)).probe).toBe(PacketNumberSpace.initial);
    h.handshake.hasHandshakeKeys = true;
    expect(h.recovery.nextTimeout()).toBe(ms(400 + 600));
    expect(h.recovery.onTimeout(ms(1000)).probe).toBe(PacketNumberSpace.handshake);
    h.handshake.isConfirmed = true;
    expect(h.recovery.nextTimeout()).toBeUndefined();
  });

  test("backoff survives an Initial ACK at a client, and ends with a Handshake ACK", () => {
    const h = new Harness("client");
    h.send(PacketNumberSpace.initial, ms(0));
    h.recovery.onTimeout(ms(999));
    h.ack(PacketNumberSpace.initial, [0, 0], ms(1000));
    expect(h.recovery.ptoCount).toBe(1);
    h.send(PacketNumberSpace.handshake, ms(1001));
    h.ack(PacketNumberSpace.handshake, [0, 0], ms(1100));
    expect(h.recovery.ptoCount).toBe(0);
    expect(h.recovery.peerCompletedAddressValidation).toBe(true);
  });

  test("a server at its amplification limit does not arm it until a datagram arrives", () => {
    const h = new Harness("server", { validated: false });
    h.route.onDatagramReceived(1200);
    h.route.onDatagramSent(3600);
    h.send(PacketNumberSpace.initial, ms(0));
    expect(h.route.sendAllowance()).toBe(0);
    expect(h.recovery.nextTimeout()).toBeUndefined();
    expect(h.recovery.onTimeout(ms(5000)).probe).toBeUndefined();
    h.route.onDatagramReceived(1200);
    expect(h.recovery.nextTimeout()).toBe(ms(999));
  });

  test("does not change the congestion window", () => {
    const h = new Harness("client");
    h.send(PacketNumberSpace.initial, ms(0));
    h.recovery.onTimeout(ms(999));
    expect(h.route.controller.congestionWindow).toBe(12_000);
    expect(h.route.controller.bytesInFlight).toBe(1200);
  });
});

describe("loss detection (RFC 9002 §6.1)", () => {
  test("packet threshold: of 0..5 with 3 and 5 acknowledged, 0, 1 and 2 are lost and 4 waits 9/8 of the RTT", () => {
    const h = new Harness("client");
    h.handshake.isConfirmed = true;
    for (let i = 0; i < 6; i += 1) h.send(PacketNumberSpace.application, ms(i));
    const outcome = h.ack(PacketNumberSpace.application, [5, 5, 3, 3], ms(105));
    expect(outcome.acked.map((p) => p.packetNumber)).toEqual([3, 5]);
    expect(outcome.lost.map((p) => p.packetNumber)).toEqual([0, 1, 2]);
    // Sent at 4 ms, and the only sample is 100 ms.
    expect(h.recovery.nextTimeout()).toBe(ms(4 + 112.5));
    expect(h.recovery.onTimeout(ms(116)).lost).toEqual([]);
    expect(h.recovery.onTimeout(ms(116.5)).lost.map((p) => p.packetNumber)).toEqual([4]);
    expect(h.route.controller.bytesInFlight).toBe(0);
  });

  test("a longer RTT that postpones the loss time of one space does not hide that of another", () => {
    const h = new Harness("client");
    h.handshake.isConfirmed = true;
    h.send(application, ms(0));
    h.send(application, ms(0));
    const padded = h.send(handshake, ms(1), { ackEliciting: false });
    h.send(handshake, ms(1), { ackEliciting: false });
    // Without a sample, the initial RTT applies: the loss time is 1 + 9/8 * 333.
    h.ack(handshake, [1, 1], ms(103));
    expect(h.recovery.nextTimeout()).toBe(375_625);
    // The sample of 334 ms postpones it to 376.75, and gives the Application space a loss time of 375.75.
    h.ack(application, [1, 1], ms(334));
    const outcome = h.recovery.onTimeout(ms(376));
    expect(outcome.lost.map((packet) => packet.timeSent)).toEqual([ms(0)]);
    expect(h.recovery.nextTimeout()).toBe(376_750);
    expect(h.recovery.onTimeout(ms(377)).lost).toEqual([padded]);
  });

  test("a packet with only an ACK is not in flight and sets no timer", () => {
    const h = new Harness("server");
    h.handshake.isConfirmed = true;
    h.send(application, ms(0), { ackEliciting: false, inFlight: false });
    h.send(application, ms(0));
    h.ack(application, [1, 1], ms(100));
    expect(h.recovery.nextTimeout()).toBeUndefined();
    // It does not hide later packets in flight.
    h.send(application, ms(200), { ackEliciting: false, inFlight: false });
    h.send(application, ms(210));
    h.send(application, ms(220));
    h.ack(application, [4, 4], ms(320));
    expect(h.recovery.nextTimeout()).toBe(210_000 + 112_500);
  });

  test("packets sent after the largest acknowledged are never lost", () => {
    const h = new Harness("client");
    for (let i = 0; i < 8; i += 1) h.send(PacketNumberSpace.application, ms(0));
    expect(h.ack(PacketNumberSpace.application, [0, 0], ms(10)).lost).toEqual([]);
    expect(h.recovery.onTimeout(ms(10_000)).lost).toEqual([]);
  });
});

describe("acknowledgement of packets never sent", () => {
  test.each([
    ["one too many", [0, 6]],
    ["far too many", [1000, 2000]],
    ["in a later range", [4, 5, 7, 8]],
    ["upside down", [5, 4]],
    ["overlapping ranges", [3, 5, 2, 3]],
  ])("%s is a PROTOCOL_VIOLATION and changes nothing", (_, ranges) => {
    const h = new Harness("client");
    for (let i = 0; i < 6; i += 1) h.send(PacketNumberSpace.application, ms(0));
    const before = [h.route.controller.congestionWindow, h.route.controller.bytesInFlight, h.route.rtt.hasSample];
    expect(() => h.ack(PacketNumberSpace.application, ranges, ms(100))).toThrow(/never sent/);
    expect([h.route.controller.congestionWindow, h.route.controller.bytesInFlight, h.route.rtt.hasSample]).toEqual(
      before,
    );
    expect(h.recovery.largestAcked(PacketNumberSpace.application)).toBe(-1);
  });
});
