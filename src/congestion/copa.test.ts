/** Copa on a model of one bottleneck: the queue stays short, the link busy, and senders get equal parts. */

import { expect, test } from "vitest";
import { after, type Instant, type Micros, millis } from "../base/time.ts";
import type { CongestionPacket, RttView } from "./controller.ts";
import { Copa } from "./copa.ts";

const SIZE = 1_200;
/** Microseconds of a packet on the link: 9.6 Mbit/s. */
const SERVICE = 1_000;
const BASE = millis(20);

interface Flying extends CongestionPacket {
  readonly sender: number;
  readonly arrives: Instant;
}

/** Lets senders share the link; returns the packets that each delivered in the second half, and the longest queue there. */
function share(starts: readonly number[], duration: number, lose: (count: number) => boolean = () => false) {
  const senders = starts.map(() => new Copa(SIZE));
  const rtts = senders.map((): { latest: Micros; smoothed: Micros; min: Micros } => ({
    latest: BASE,
    smoothed: BASE,
    min: BASE,
  }));
  const delivered = senders.map(() => 0);
  const flying: Flying[] = [];
  let freeAt = 0;
  let longest = 0;
  let sent = 0;
  for (let now = 0 as Instant; now < duration; now = after(now, 250 as Micros)) {
    for (let packet = flying[0]; packet !== undefined && packet.arrives <= now; packet = flying[0]) {
      flying.shift();
      const rtt = rtts[packet.sender]!;
      rtt.latest = (now - packet.timeSent) as Micros;
      rtt.smoothed = Math.round(0.875 * rtt.smoothed + 0.125 * rtt.latest) as Micros;
      rtt.min = Math.min(rtt.min, rtt.latest) as Micros;
      sent += 1;
      if (lose(sent)) senders[packet.sender]!.onPacketsLost([packet], packet.timeSent, false, now);
      else senders[packet.sender]!.onPacketsAcked([packet], rtt satisfies RttView, now);
      if (now > duration / 2) delivered[packet.sender]! += 1;
    }
    for (const [index, sender] of senders.entries()) {
      if (now < starts[index]!) continue;
      while (sender.canSend()) {
        const delivery = sender.onPacketSent(SIZE);
        freeAt = Math.max(freeAt, now) + SERVICE;
        if (now > duration / 2) longest = Math.max(longest, (freeAt - now) / SERVICE);
        flying.push({
          sender: index,
          size: SIZE,
          timeSent: now,
          inFlight: true,
          delivery,
          arrives: after(freeAt as Instant, BASE),
        });
      }
    }
  }
  return { delivered, longest, senders };
}

const SECOND = 1_000_000;

test("one sender uses the link, and keeps a few packets in the queue", () => {
  const { delivered, longest, senders } = share([0], 10 * SECOND);
  expect(delivered[0]! / 5_000).toBeGreaterThan(0.95);
  expect(longest).toBeLessThan(15);
  expect(senders[0]!.state).toBe("delay-control");
});

test("one that comes later gets as much", () => {
  const { delivered, longest } = share([0, 3 * SECOND], 20 * SECOND);
  const [first, second] = delivered as [number, number];
  expect((first + second) / 10_000).toBeGreaterThan(0.95);
  expect(Math.min(first, second) / Math.max(first, second)).toBeGreaterThan(0.7);
  expect(longest).toBeLessThan(25);
});

test("random loss does not slow it down; silence does", () => {
  const { delivered, senders } = share([0], 10 * SECOND, (count) => count % 50 === 0);
  expect(delivered[0]! / 5_000).toBeGreaterThan(0.9);
  const packet = { size: SIZE, timeSent: 0 as Instant, inFlight: true, delivery: undefined };
  expect(senders[0]!.onPacketsLost([packet], 0 as Instant, true, 0 as Instant)).toBe(true);
  expect(senders[0]!.congestionWindow).toBe(2 * SIZE);
});

test("a window that is not used does not grow", () => {
  const copa = new Copa(SIZE);
  const rtt = { latest: BASE, smoothed: BASE, min: BASE };
  const before = copa.congestionWindow;
  for (let n = 1; n < 100; n += 1) {
    const now = (n * BASE) as Instant;
    copa.onPacketSent(SIZE);
    copa.onPacketsAcked([{ size: SIZE, timeSent: now, inFlight: true, delivery: undefined }], rtt, after(now, BASE));
  }
  expect(copa.congestionWindow).toBe(before);
});
