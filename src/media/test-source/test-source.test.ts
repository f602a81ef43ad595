/** The test source: when its frames are due, and that they are H.264 and FLAC by their specifications. */

import { describe, expect, test } from "vitest";
import { type Instant, instant } from "../../base/time.ts";
import { toHex } from "../../wire/hex.ts";
import { boxesIn } from "../bmff/index.ts";
import { BitWriter } from "./bit-writer.ts";
import { BLOCK, flacFrame } from "./flac.ts";
import { H264Encoder } from "./h264.ts";
import { blocksOf, clockText } from "./picture.ts";
import { TestSource } from "./test-source.ts";

const START = instant(5_000_000);

/** A CRC of RFC 9639 §9: 0 over bytes that end with their own. */
function remainder(bytes: Uint8Array, width: number, polynomial: number): number {
  let value = 0;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit -= 1) {
      const top = ((value >>> (width - 1)) & 1) ^ ((byte >>> bit) & 1);
      value = ((value << 1) & ((1 << width) - 1)) ^ (top === 1 ? polynomial : 0);
    }
  }
  return value;
}

describe("the test source", () => {
  test("emits its init at once, and frames when they are due", () => {
    const source = new TestSource({ start: START, frameRate: 25 });
    expect(source.pollBytes(instant(4_999_999))).toBeUndefined();
    const first = source.pollBytes(START)!;
    expect(boxesIn(first).map(({ type }) => type)).toEqual(["ftyp", "moov"]);
    const due: number[] = [];
    const now = instant(5_100_000);
    while (source.nextTimeout() <= now) {
      due.push(source.nextTimeout() - START);
      source.pollBytes(now);
    }
    // Video each 40 ms and sound each 20 ms, in the order of time.
    expect(due).toEqual([0, 0, 20_000, 40_000, 40_000, 60_000, 80_000, 80_000, 100_000]);
    expect(source.pollBytes(now)).toBeUndefined();
  });

  test("is the same each time", () => {
    const run = (): string => {
      const source = new TestSource({ start: START });
      return Array.from({ length: 50 }, () => toHex(source.pollBytes(source.nextTimeout() as Instant)!)).join();
    };
    const [first, second] = [run(), run()];
    expect(first === second).toBe(true);
  });

  test.each([
    [{ frameRate: 0 }, "frameRate must be a whole number from 1 to 100, not 0"],
    [{ frameRate: 29.97 }, "frameRate must be a whole number from 1 to 100, not 29.97"],
    [{ hasVideo: false, hasAudio: false }, "a source needs video or audio"],
  ])("refuses %j", (options, message) => {
    expect(() => new TestSource({ start: START, ...options })).toThrow(message);
  });

  test("shows a clock of which only what changes is sent", () => {
    expect([clockText(0, 30), clockText(3 * 30 + 15, 30), clockText(75 * 30, 30)]).toEqual([
      "00:00:00",
      "00:03:15",
      "01:15:00",
    ]);
    const before = blocksOf(8, 30);
    const changed = blocksOf(9, 30).flatMap((block, index) => (block === before[index] ? [] : [index]));
    // One digit, and the runner with the place that it left.
    expect(changed).toEqual([28, 58, 59]);
  });
});

describe("H.264", () => {
  test("says its size and profile in its parameter sets", () => {
    const bits = new BitWriter();
    // Ids, frame numbers of 8 bits, order of decoding, one reference, no gaps, 10 × 6 macroblocks, and the stop bit.
    for (const value of [0, 4, 2, 1]) bits.ue(value);
    bits.write(0, 1);
    for (const value of [9, 5]) bits.ue(value);
    bits.write(0b11001, 5);
    const sps = `6742c01e${toHex(bits.finish())}`;
    const avcC = toHex(new H264Encoder(10, 6).configuration());
    expect(avcC.slice(16)).toContain(`0142c01effe100${(sps.length / 2).toString(16).padStart(2, "0")}${sps}0100`);
  });

  test("keeps bytes that look like a start code apart", () => {
    const pixels = new Uint8Array(384);
    const unit = new H264Encoder(1, 1).keyframe([pixels]).subarray(4);
    const isStart = (at: number): boolean => unit[at] === 0 && unit[at + 1] === 0 && unit[at + 2]! <= 2;
    expect([...unit.keys()].filter(isStart)).toEqual([]);
    // One byte more for each two zeros.
    expect(unit.length).toBeGreaterThan(384 + 384 / 2);
  });

  test("a picture without a difference skips all macroblocks", () => {
    const encoder = new H264Encoder(10, 6);
    const unit = encoder.difference([]);
    // ue(0) ue(5) ue(0), frame 1, 000, ue(0), ue(1), then ue(60) skipped, and the stop bit.
    const bits = new BitWriter();
    for (const value of [0, 5, 0]) bits.ue(value);
    bits.write(1, 8);
    bits.write(0, 3);
    for (const value of [0, 1, 60]) bits.ue(value);
    bits.write(1, 1);
    expect(toHex(unit)).toBe(`0000000${unit.length - 4}41${toHex(bits.finish())}`);
  });

  test.each([
    [0, 1, "80"],
    [1, 3, "40"],
    [3, 5, "20"],
    [254, 15, "01fe"],
    [255, 17, "008000"],
  ])("Exp-Golomb of %i has %i bits", (value, _, hex) => {
    const bits = new BitWriter();
    bits.ue(value);
    expect(toHex(bits.finish())).toBe(hex);
  });
});

describe("FLAC", () => {
  const samples = Int16Array.from({ length: BLOCK }, (_, i) => i - 480);

  test.each([
    [0, "fff87a0800"],
    [0x7f, "fff87a087f"],
    [0x80, "fff87a08c280"],
    [0x12345, "fff87a08f0928d85"],
    [2 ** 31 - 1, "fff87a08fdbfbfbfbfbf"],
  ])("frame %i has its number and right checksums", (number, head) => {
    for (const content of [undefined, samples]) {
      const frame = flacFrame(number, content);
      const headLength = head.length / 2 + 3;
      expect(toHex(frame.subarray(0, headLength - 3))).toBe(head);
      expect(remainder(frame.subarray(0, headLength), 8, 0x07)).toBe(0);
      expect(remainder(frame, 16, 0x8005)).toBe(0);
      expect(frame.length).toBe(headLength + 1 + (content === undefined ? 2 : BLOCK * 2) + 2);
    }
  });
});
