import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Ecn } from "../../base/datagrams.ts";
import { SeededRng } from "../../base/rng.ts";
import type { Instant } from "../../base/time.ts";
import { Route } from "../route/index.ts";
import type { SentPacket } from "./sent-packet.ts";
import { MAX_SPAN, SentPackets } from "./sent-packets.ts";

const route = new Route({
  local: undefined,
  remote: { family: 4, host: "192.0.2.1", port: 443 },
  validated: true,
  rng: new SeededRng(1),
});

const packet = (packetNumber: number): SentPacket => ({
  packetNumber,
  route,
  ecn: Ecn.notEct,
  timeSent: 0 as Instant,
  size: 1200,
  ackEliciting: true,
  inFlight: true,
  frames: [],
  delivery: undefined,
});

describe("SentPackets", () => {
  test("returns what was added until it is taken", () => {
    const sent = new SentPackets();
    for (const n of [3, 4, 6]) sent.add(packet(n));
    expect([sent.base, sent.end, sent.size]).toEqual([3, 7, 3]);
    expect(sent.take(4)?.packetNumber).toBe(4);
    expect(sent.take(4)).toBeUndefined();
    expect(sent.take(5)).toBeUndefined();
    expect([sent.base, sent.size]).toEqual([3, 2]);
    expect(sent.take(3)?.packetNumber).toBe(3);
    expect(sent.base).toBe(6);
    expect(sent.take(6)?.packetNumber).toBe(6);
    expect([sent.base, sent.end, sent.size]).toEqual([7, 7, 0]);
  });

  test("works with packet numbers above 2^32", () => {
    const sent = new SentPackets();
    const start = 2 ** 40 + 12_345;
    for (let n = start; n < start + 300; n += 1) sent.add(packet(n));
    expect(sent.take(start + 299)?.packetNumber).toBe(start + 299);
    expect(sent.base).toBe(start);
    expect(sent.get(start + 300)).toBeUndefined();
    expect(sent.get(start - 1)).toBeUndefined();
  });

  test("behaves like a map, whatever is added and taken", () => {
    const step = fc.record({ add: fc.boolean(), skip: fc.integer({ min: 0, max: 3 }), pick: fc.nat(400) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const sent = new SentPackets();
        const model = new Map<number, SentPacket>();
        let next = 0;
        for (const { add, skip, pick } of steps) {
          if (add) {
            next += skip;
            model.set(next, packet(next));
            sent.add(packet(next));
            next += 1;
          } else {
            expect(sent.take(pick)).toEqual(model.get(pick));
            model.delete(pick);
          }
          expect(sent.size).toBe(model.size);
          expect(sent.base).toBe(model.size === 0 ? sent.end : Math.min(...model.keys()));
          expect(sent.get(pick)).toEqual(model.get(pick));
        }
      }),
    );
  });

  test("evicts the oldest packet if the span would exceed its limit", () => {
    const sent = new SentPackets();
    for (let n = 0; n < MAX_SPAN; n += 1) expect(sent.add(packet(n))).toBeUndefined();
    for (let n = 0; n < 1000; n += 1) expect(sent.add(packet(MAX_SPAN + n))?.packetNumber).toBe(n);
    expect(sent.size).toBe(MAX_SPAN);
  });
});
