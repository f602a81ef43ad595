/** Rows 4-6: false acknowledgements. */

import { describe, expect, test } from "vitest";
import { millis } from "../../src/base/time.ts";
import { TRANSPORT_ERRORS } from "../../src/quic/errors.ts";
import type { Frame } from "../../src/quic/frame/frames.ts";
import { EncryptionLevel } from "../../src/tls/index.ts";
import { attacker, growth, MIB, sent } from "./attack.ts";

const { oneRtt } = EncryptionLevel;
const PROTOCOL_VIOLATION = TRANSPORT_ERRORS.PROTOCOL_VIOLATION.code;
const ack = (largest: number, ...ranges: number[]): Frame => ({
  type: "ack",
  largest,
  delay: 0,
  ranges,
  ecn: undefined,
});

describe("row 4: ACK of packets never sent", () => {
  test.each([
    ["the next", (largest: number) => ack(largest + 1, largest + 1, largest + 1)],
    ["one far ahead", () => ack(2 ** 40, 2 ** 40, 2 ** 40)],
    ["the next, in a range of packets that were sent", (largest: number) => ack(largest + 1, 0, largest + 1)],
  ] as const)("%s", (_name, frame) => {
    const peer = attacker();
    peer.isSilent = true;
    peer.connection.write(peer.connection.openStream("uni")!, new Uint8Array(200_000), false);
    peer.poll();
    const { congestionWindow } = peer.connection.route.controller;
    peer.send(oneRtt, [frame(peer.largestReceived(oneRtt))]);
    expect(peer.close?.code).toBe(PROTOCOL_VIOLATION);
    expect(peer.connection.route.controller.congestionWindow).toBe(congestionWindow);
  });

  test.each([1, 2, 3, 40])("a range of %i that extends below zero", (length) => {
    const peer = attacker();
    // Largest Acknowledged 0, with a longer first range.
    peer.sendRaw(oneRtt, Uint8Array.of(0x02, 0, 0, 0, length));
    expect(peer.close?.code).toBe(TRANSPORT_ERRORS.FRAME_ENCODING_ERROR.code);
  });
});

describe("row 5: optimistic ACK", () => {
  test("of sent and skipped packets is detected within two windows", () => {
    const peer = attacker({ parameters: { initialMaxData: 2 ** 30, initialMaxStreamDataUni: 2 ** 30 } });
    peer.isSilent = true;
    const id = peer.connection.openStream("uni")!;
    const content = new Uint8Array(64 * 1_024);
    let window = 0;
    let packets = 0;
    while (peer.connection.isOpen && packets < 20_000) {
      while (peer.connection.writableBytes(id) > 0) peer.connection.write(id, content, false);
      const before = peer.connection.stats.packetsSent;
      peer.wait(millis(20)).poll();
      packets += peer.connection.stats.packetsSent - before;
      const { controller, maxDatagramSize } = peer.connection.route;
      window = Math.max(window, controller.congestionWindow / maxDatagramSize);
      const largest = peer.largestReceived(oneRtt);
      peer.frames.length = 0;
      peer.datagrams.length = 0;
      peer.send(oneRtt, [ack(largest, 0, largest)]);
    }
    expect(peer.close?.code).toBe(PROTOCOL_VIOLATION);
    expect(packets).toBeLessThan(Math.max(192, 2 * window));
  });
});

describe("row 6: ACK ranges", () => {
  test("in our ACKs are at most 64, whatever packet numbers arrive", () => {
    const peer = attacker();
    const used = growth(() => {
      for (let i = 0; i < 4_000; i += 1) {
        peer.send(oneRtt, [{ type: "ping" }], { packetNumber: 100 + 2 * i });
        peer.datagrams.length = 0;
      }
      return peer;
    });
    const acks = sent(peer, "ack");
    expect(Math.max(...acks.map(({ ranges }) => ranges.length / 2))).toBe(64);
    expect(used).toBeLessThan(8 * MIB);
    expect(peer.connection.isOpen).toBe(true);
  });

  test("from the peer, as many as fit in a packet, a thousand times, change nothing", () => {
    const peer = attacker();
    const id = peer.connection.openStream("uni")!;
    for (let i = 0; i < 30; i += 1) {
      peer.connection.write(id, new Uint8Array(1_000), false);
      peer.poll();
    }
    const largest = peer.largestReceived(oneRtt);
    // Type, largest, delay, count, first range, then pairs of gap and length.
    const count = Math.floor(largest / 2) - 1;
    const payload = Uint8Array.of(
      0x02,
      0x40 | (largest >> 8),
      largest & 0xff,
      0,
      count,
      0,
      ...new Uint8Array(2 * count),
    );
    const { congestionWindow } = peer.connection.route.controller;
    for (let i = 0; i < 1_000; i += 1) peer.deliver(peer.seal(oneRtt, payload));
    peer.poll();
    expect(peer.connection.route.controller.congestionWindow).toBe(congestionWindow);
    expect(peer.connection.isOpen || peer.close?.code === PROTOCOL_VIOLATION).toBe(true);
  });

  test("with an impossible count are refused without reading them", () => {
    const peer = attacker();
    peer.sendRaw(oneRtt, Uint8Array.of(0x02, 0x05, 0x00, 0xbf, 0xff, 0xff, 0xff, 0x00));
    expect(peer.close?.code).toBe(TRANSPORT_ERRORS.FRAME_ENCODING_ERROR.code);
  });
});

describe("row 6: a peer that decides about our acknowledgements (ACK_FREQUENCY)", () => {
  const victim = { ackFrequency: true };
  const LARGEST = 2 ** 53 - 1;
  const request = (sequence: number, threshold: number, reordering: number): Frame => ({
    type: "ack-frequency",
    sequence,
    threshold,
    maxAckDelay: millis(25),
    reordering,
  });

  test("with the largest thresholds still gets them in time, with at most 64 ranges", () => {
    const peer = attacker({ victim });
    peer.send(oneRtt, [request(LARGEST, LARGEST, LARGEST)]).wait(millis(30));
    peer.frames.length = 0;
    for (let i = 1; i <= 1_000; i += 1) peer.send(oneRtt, [{ type: "ping" }], { packetNumber: 100 + 2 * i });
    expect(sent(peer, "ack")).toEqual([]);
    peer.wait(millis(25));
    const [only, ...others] = sent(peer, "ack");
    expect([only!.largest, others]).toEqual([2_100, []]);
    expect(only!.ranges.length / 2).toBeLessThanOrEqual(64);
    // Requests with smaller numbers are out of date.
    peer.send(oneRtt, [request(0, 0, 0)]);
    expect(peer.connection.paths.primary.acks.policy.threshold).toBe(LARGEST);
  });

  test("gets one for all the IMMEDIATE_ACK frames of a batch", () => {
    const peer = attacker({ victim });
    peer.frames.length = 0;
    const frames = Uint8Array.from({ length: 100 }, () => 0x1f);
    peer.deliverAll(Array.from({ length: 60 }, () => peer.seal(oneRtt, frames))).poll();
    expect(sent(peer, "ack")).toHaveLength(1);
  });
});
