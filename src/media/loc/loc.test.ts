/** LOC: frames without a container, and the properties that stand for it. */

import { describe, expect, test } from "vitest";
import { type Instant, instant } from "../../base/time.ts";
import { fromHex, toHex } from "../../wire/hex.ts";
import { concat, equalBytes, latin1 } from "../../wire/text.ts";
import { emitAudioEntry, emitBox, emitInit, parseInitSegment } from "../bmff/index.ts";
import { type MediaObject, Packager } from "../packager/index.ts";
import { TestSource, type TestSourceOptions } from "../test-source/index.ts";
import { decoderDescription, emitLocProperties, locObjects, parseLocProperties } from "./index.ts";

function objects(options: Partial<TestSourceOptions> = {}): MediaObject[] {
  const source = new TestSource({ start: instant(0), ...options });
  const packager = new Packager();
  while (source.nextTimeout() < 1_100_000) packager.push(source.pollBytes(source.nextTimeout() as Instant)!);
  const found: MediaObject[] = [];
  for (let event = packager.pollEvent(); event !== undefined; event = packager.pollEvent()) {
    if (event.type === "object") found.push(event.object);
  }
  return found;
}

describe("a packager's objects", () => {
  test("become frames with a time, and the decoder's configuration where a decoder can begin", () => {
    const [first, ...rest] = objects({ hasAudio: false });
    const [keyframe] = locObjects(first!);
    const end = first!.bytes.subarray(first!.bytes.length - keyframe!.payload.length);
    expect(equalBytes(keyframe!.payload, end)).toBe(true);
    const facts = parseLocProperties(keyframe!.properties);
    expect(facts).toMatchObject({ timestamp: 0, timescale: 15_360, frameMarking: { isIndependent: true } });
    expect(toHex(facts.videoConfig!)).toMatch(/^0142c01e/);
    const [second] = locObjects(rest[0]!);
    expect(parseLocProperties(second!.properties)).toEqual({
      timestamp: 512,
      timescale: 15_360,
      frameMarking: { isStart: true, isEnd: true, isIndependent: false, isDiscardable: false },
    });
  });

  test("with a wall clock have microseconds since 1970", () => {
    const [, second] = objects({ hasAudio: false, wallClock: 1_700_000_000_000 });
    const { timestamp, timescale } = parseLocProperties(locObjects(second!)[0]!.properties);
    expect([timestamp, timescale]).toEqual([1_700_000_000_033_333, undefined]);
  });

  test("of sound carry the configuration once in each group", () => {
    const configured = objects({ hasVideo: false }).filter(
      (object) => parseLocProperties(locObjects(object)[0]!.properties).audioConfig !== undefined,
    );
    expect(configured.map(({ group, object }) => [group, object])).toEqual([
      [0, 0],
      [1, 0],
    ]);
  });
});

describe("properties", () => {
  const facts = {
    timestamp: 7,
    timescale: 90_000,
    videoConfig: Uint8Array.of(1),
    audioConfig: Uint8Array.of(2),
    frameMarking: { isStart: true, isEnd: false, isIndependent: true, isDiscardable: true },
    audioLevel: { hasVoice: true, level: 30 },
  };

  test("have the numbers of version 04, or those of the older table, in order; both are read", () => {
    const types = (numbers: "loc-04" | "moqt-18") => emitLocProperties(facts, numbers).map(({ type }) => type);
    expect(types("loc-04")).toEqual([0x08, 0x09, 0x0c, 0x0d, 0x0f, 0x10]);
    expect(types("moqt-18")).toEqual([0x06, 0x08, 0x0a, 0x0c, 0x0d, 0x0f]);
    for (const numbers of ["loc-04", "moqt-18"] as const) {
      expect(parseLocProperties(emitLocProperties(facts, numbers))).toEqual(facts);
    }
    expect(emitLocProperties({ frameMarking: facts.frameMarking })[0]!.value).toEqual(Uint8Array.of(0xb0));
  });

  test("that are not known, or have the wrong kind of value, are ignored", () => {
    const strange = [
      { type: 0x3e, value: 1 },
      { type: 0x10, value: Uint8Array.of(1) },
      { type: 0x08, value: 0 },
      { type: { high: 1, low: 0 }, value: 2 },
    ];
    expect(parseLocProperties(strange)).toEqual({});
  });
});

test("Opus and FLAC are described as WebCodecs wants them", () => {
  const description = (entry: string, box: string, hex: string): string => {
    const configuration = emitBox(box, fromHex(hex));
    const sound = { channels: 2, sampleRate: 48_000, bits: 16 };
    const init = emitInit([
      { id: 1, timescale: 48_000, size: undefined, entry: emitAudioEntry(entry, sound, configuration) },
    ]);
    return toHex(decoderDescription(parseInitSegment(init).tracks[0]!));
  };
  const head = toHex(latin1("OpusHead"));
  expect(description("Opus", "dOps", "00 02 0138 0000bb80 fffe 00")).toBe(`${head}01023801${"80bb0000"}feff00`);
  expect(description("Opus", "dOps", "00 02")).toBe("");
  expect(description("fLaC", "dfLa", "00000000 80000001 aa")).toBe(
    toHex(concat(latin1("fLaC"), fromHex("80000001aa"))),
  );
});
