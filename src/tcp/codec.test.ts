/** Sequence numbers, options, segments, timers' arithmetic and cookies. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SeededRng } from "../base/rng.ts";
import { type Instant, millis, seconds } from "../base/time.ts";
import { fromHex } from "../wire/hex.ts";
import { InitialSequences } from "./initial-sequence.ts";
import { emitOptions, optionsLength, parseOptions, type TcpOptions } from "./options.ts";
import { RttEstimator } from "./rto.ts";
import { SendBuffer } from "./send-buffer.ts";
import { isOlderTimestamp, positionOf, sequenceAt } from "./sequence.ts";

const parse = (hex: string) => parseOptions(fromHex(hex), 0, fromHex(hex).length);

describe("sequence numbers", () => {
  test("wrap: SND.UNA 0xfffffff0, SND.NXT 0x10", () => {
    const initial = 0xffff_ff00;
    const una = 0xf0;
    const next = una + 0x20;
    const position = (sequence: number): number => positionOf(initial, sequence, una);
    expect(sequenceAt(initial, next)).toBe(0x10);
    expect(position(0x8)).toBeLessThanOrEqual(next);
    expect(position(0x11)).toBeGreaterThan(next);
    expect(position(0xffff_ffe0)).toBeLessThan(una);
  });

  test("property: a position survives the wire, over any number of wraps", () => {
    const offset = fc.integer({ min: -(2 ** 31) + 1, max: 2 ** 31 - 1 });
    fc.assert(
      fc.property(fc.nat(0xffff_ffff), fc.nat(2 ** 40), offset, (initial, near, distance) => {
        const position = near + 2 ** 32 + distance;
        expect(positionOf(initial, sequenceAt(initial, position), near + 2 ** 32)).toBe(position);
      }),
    );
  });

  test("timestamps: a tie counts as older", () => {
    expect(isOlderTimestamp(5, 0x8000_0005)).toBe(true);
    expect(isOlderTimestamp(0x8000_0006, 0x8000_0005)).toBe(false);
    expect(isOlderTimestamp(1, 0xffff_fff0)).toBe(false);
  });
});

describe("options", () => {
  test("a SYN of Linux: MSS, SACK permitted, timestamps, window scale", () => {
    expect(parse("020405b4 0402080a 00000001 00000000 01030307")).toEqual({
      mss: 1_460,
      sackPermitted: true,
      timestamp: { value: 1, echo: 0 },
      windowScale: 7,
    });
  });

  test.each([
    ["at any alignment (MUST-64)", "01 020405b4 01", { mss: 1_460 }],
    ["unknown options are skipped (MUST-6)", "fd04f989 1e03aa 020405b4", { mss: 1_460 }],
    ["nothing after the end of the list", "00 0204", {}],
    ["a shift above 14 is 14", "03030f", { windowScale: 14 }],
    ["an option of a wrong length is unknown", "0203ff 020405b4", { mss: 1_460 }],
  ])("%s", (_, hex, options) => {
    expect(parse(hex)).toEqual(options);
  });

  test.each(["0200", "0201", "02", "020405", "05ff0000", "0800"])("MUST-7: the length of %s is illegal", (hex) => {
    expect(parse(hex)).toBeUndefined();
  });

  test("property: parse(emit(options)) are the options", () => {
    const word = fc.nat(0xffff_ffff);
    const options = fc.record(
      {
        mss: fc.nat(0xffff),
        windowScale: fc.nat(14),
        sackPermitted: fc.constant(true as const),
        timestamp: fc.record({ value: word, echo: word }),
      },
      { requiredKeys: [] },
    );
    const blocks = fc.array(fc.tuple(word, word), { maxLength: 3 }).map((pairs) => pairs.flat());
    fc.assert(
      fc.property(options, blocks, (value, sack) => {
        const all: TcpOptions = sack.length === 0 ? value : { ...value, sack };
        const length = optionsLength(all);
        expect(length % 4).toBe(0);
        const bytes = new Uint8Array(length);
        emitOptions(all, bytes, 0);
        expect(parseOptions(bytes, 0, length)).toEqual(all);
      }),
    );
  });

  test("property: any bytes are options or malformed", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => void parseOptions(bytes, 0, bytes.length)));
  });
});

describe("RFC 6298", () => {
  test("the first samples", () => {
    const rtt = new RttEstimator(millis(1));
    expect(rtt.rto).toBe(seconds(1));
    rtt.onSample(millis(100));
    expect([rtt.smoothed, rtt.variation, rtt.rto]).toEqual([millis(100), millis(50), millis(300)]);
    rtt.onSample(millis(200));
    expect([rtt.smoothed, rtt.variation, rtt.rto]).toEqual([millis(112.5), millis(62.5), millis(362.5)]);
  });

  test("doubles at each timeout, to a minute at most; three seconds if the SYN was lost", () => {
    const rtt = new RttEstimator();
    for (let i = 0; i < 10; i += 1) rtt.backOff();
    expect(rtt.rto).toBe(seconds(60));
    rtt.resetBackoff();
    rtt.onSynRetransmitted();
    expect(rtt.rto).toBe(seconds(3));
  });
});

describe("RFC 6528", () => {
  const flow = {
    local: Uint8Array.of(10, 77, 0, 1),
    localPort: 80,
    remote: Uint8Array.of(10, 77, 0, 2),
    remotePort: 5_000,
  };

  test("MUST-8, MUST-9: ticks every 4 µs, and differs by flow and by key", () => {
    const initials = new InitialSequences(new SeededRng(1));
    const first = initials.next(flow, 0 as Instant);
    expect((initials.next(flow, 4_000 as Instant) - first) >>> 0).toBe(1_000);
    expect(initials.next({ ...flow, remotePort: 5_001 }, 0 as Instant)).not.toBe(first);
    expect(new InitialSequences(new SeededRng(2)).next(flow, 0 as Instant)).not.toBe(first);
  });

  test("a cookie tells the MSS, for at least 64 and at most 128 seconds, to its own flow", () => {
    const initials = new InitialSequences(new SeededRng(1));
    for (const [mss, told] of [
      [1_460, 1_460],
      [1_455, 1_440],
      [100, 536],
      [65_000, 8_960],
    ] as const) {
      const cookie = initials.cookie(flow, 77, mss, seconds(1_000) as number as Instant);
      const check = (after: number, peer = 77, other = flow) =>
        initials.checkCookie(other, peer, cookie, seconds(1_000 + after) as number as Instant);
      expect([check(0), check(63), check(129)]).toEqual([told, told, undefined]);
      expect([check(0, 78), check(0, 77, { ...flow, remotePort: 1 })]).toEqual([undefined, undefined]);
      expect(initials.checkCookie(flow, 77, (cookie ^ 1) >>> 0, seconds(1_000) as number as Instant)).toBeUndefined();
    }
  });
});

test("property: the send buffer gives back any run of what was pushed and not released", () => {
  const chunks = fc.array(fc.uint8Array({ maxLength: 50 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(chunks, fc.nat(), fc.nat(), fc.nat(), (parts, release, a, b) => {
      const buffer = new SendBuffer();
      for (const part of parts) buffer.push(part);
      const all = Uint8Array.from(parts.flatMap((part) => [...part]));
      buffer.release(1 + (release % (all.length + 1)));
      const span = buffer.length + 1;
      const [from, to] = [a % span, b % span].sort((x, y) => x - y) as [number, number];
      const target = new Uint8Array(to - from);
      if (to > from) buffer.copy(buffer.start + from, buffer.start + to, target, 0);
      expect(target).toEqual(all.subarray(buffer.start - 1 + from, buffer.start - 1 + to));
    }),
  );
});
