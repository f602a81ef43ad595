/** What the experiment measures with: the player, and the check of the order of packets. */

import { describe, expect, test } from "vitest";
import { instant } from "../../base/time.ts";
import { PacketNumberSpace } from "../../quic/packet/number-space.ts";
import { EncryptionLevel } from "../../tls/handshake.ts";
import type { Written } from "./carrier.ts";
import { PacketOrder } from "./packet-order.ts";
import { type Arrival, play } from "./player.ts";

describe("the check of the order of packets", () => {
  const space = PacketNumberSpace.application;

  function check() {
    const written = new Map<number, Written>([
      [3, { order: 1, bytes: 2_000, isOver: false }],
      [7, { order: 2, bytes: 2_000, isOver: false }],
    ]);
    const order = new PacketOrder(() => written);
    let packetNumber = 0;
    const send = (id: number, offset: number): void => {
      const frames = [{ type: "stream", id, offset, data: new Uint8Array(1_000), fin: false }];
      const event = { type: "quic:packet-sent", level: EncryptionLevel.oneRtt, packetNumber, frames };
      order.handle(event as never);
      packetNumber += 1;
    };
    const tell = (event: object): void => order.handle({ space, ...event } as never);
    return { order, send, tell, written };
  }

  test("finds new data that should have gone first, and lost data too", () => {
    const { order, send, tell } = check();
    send(7, 0);
    send(3, 0);
    expect(order.violations).toBe(1);
    send(7, 1_000);
    send(3, 1_000);
    expect(order.violations).toBe(1);
    tell({ type: "quic:packet-lost", packetNumber: 2 });
    send(3, 0);
    expect([order.violations, order.repeated]).toEqual([2, 1]);
    send(7, 1_000);
    send(3, 0);
    expect(order.violations).toBe(2);
  });

  test("forgets losses that were none, and streams that are over", () => {
    const { order, send, tell, written } = check();
    send(7, 0);
    send(7, 1_000);
    tell({ type: "quic:packet-lost", packetNumber: 0 });
    tell({ type: "quic:packets-acked", packetNumbers: [0] });
    send(3, 0);
    tell({ type: "quic:packet-lost", packetNumber: 1 });
    written.get(7)!.isOver = true;
    send(3, 1_000);
    expect(order.violations).toBe(0);
  });
});

describe("the player", () => {
  /** Four seconds; pictures between 1 s and 2 s come `late` seconds late, in order. */
  function watched(late: number, needsPictures: boolean) {
    const arrivals: Arrival[] = [];
    for (let frame = 0; frame < 200; frame += 1) {
      const time = frame / 50;
      const delay = time >= 1 && time < 2 ? late : 0.05;
      arrivals.push({ kind: "audio", time, duration: 0.02, at: instant((time + 0.05) * 1e6) });
      arrivals.push({ kind: "video", time, duration: 0.02, at: instant((time + delay) * 1e6) });
    }
    return play(arrivals, instant(0), instant(4e6), { buffer: 0.3, needsPictures });
  }

  test("plays everything that comes in time", () => {
    const { silence, skipped, latency } = watched(0.2, false);
    expect([silence, Math.round(skipped * 1_000)]).toEqual([0, 0]);
    expect(Math.max(...latency.map(({ milliseconds }) => milliseconds))).toBeLessThan(330);
  });

  test("skips pictures and keeps the sound, or waits for them and stays behind", () => {
    const skipping = watched(1.3, false);
    expect(skipping.silence).toBe(0);
    expect(skipping.skipped).toBeGreaterThan(0.9);
    expect(skipping.latency.at(-1)!.milliseconds).toBeLessThan(330);
    const waiting = watched(1.3, true);
    expect([Math.round(waiting.silence / 100), Math.round(waiting.skipped * 1_000)]).toEqual([10, 0]);
    expect(waiting.latency.at(-1)!.milliseconds).toBeGreaterThan(1_200);
  });
});
