/** Warp's streams: the sheet's examples, segments of the test source, and the table of bad input. */

import { describe, expect, test } from "vitest";
import { type Instant, instant } from "../../base/time.ts";
import { fromHex, toHex } from "../../wire/hex.ts";
import { concat, latin1, utf8 } from "../../wire/text.ts";
import { emitBox, emitFragment, type InitSegment, parseInitSegment, STYP, SYNC_SAMPLE, uint32 } from "../bmff/index.ts";
import { TestSource, VIDEO_TRACK } from "../test-source/index.ts";
import { failureOf } from "../testing/failure.ts";
import {
  emitWarpMessage,
  livePrecedence,
  parseWarpMessage,
  storedPrecedence,
  WarpError,
  type WarpEvent,
  WarpStreamReader,
} from "./index.ts";

const source = new TestSource({ start: instant(0), hasAudio: false });
const INIT = source.pollBytes(instant(0))!;
const FRAMES = Array.from({ length: 3 }, () => source.pollBytes(source.nextTimeout() as Instant)!);

function read(parts: readonly Uint8Array[], inits: ReadonlyMap<number, InitSegment> = new Map()): WarpEvent[] {
  const events: WarpEvent[] = [];
  const reader = new WarpStreamReader({ onEvent: (event) => events.push(event), initOf: (id) => inits.get(id) });
  for (const part of parts) reader.push(part);
  reader.end();
  return events;
}

const failure = (run: () => unknown): string => failureOf(WarpError, run);

const json = (text: string): Uint8Array => emitBox("warp", utf8(text));
const SEGMENT = emitWarpMessage({
  segment: { init: 2, timestamp: 4_000, timescale: 1_000 },
  priority: { precedence: 4_000 },
});

describe("messages", () => {
  test("an init message is 25 bytes", () => {
    const box = emitWarpMessage({ init: { id: 2 } });
    expect(toHex(box)).toBe(`00000019${toHex(latin1('warp{"init":{"id":2}}'))}`);
  });

  test("a segment message is the JSON of the drafts", () => {
    const text = '{"segment":{"init":2,"timestamp":4000,"timescale":1000},"priority":{"precedence":4000}}';
    expect(toHex(SEGMENT.subarray(8))).toBe(toHex(utf8(text)));
    expect(parseWarpMessage(utf8(text))).toEqual({
      segment: { init: 2, timestamp: 4_000, timescale: 1_000 },
      priority: { precedence: 4_000 },
    });
  });

  test("the alias of -00, extensions and unknown keys", () => {
    const text = '{"media":{"init":1,"timestamp":5},"x-throttle":{"rate":524288},"other":1}';
    expect(parseWarpMessage(utf8(text))).toEqual({
      segment: { init: 1, timestamp: 5 },
      extensions: { "x-throttle": { rate: 524_288 } },
    });
    expect(() => emitWarpMessage({ extensions: { other: 1 } })).toThrow("other does not begin with x-");
  });

  test("precedence: live media newest first and audio before video, stored media oldest first", () => {
    expect([livePrecedence(2_000, false), livePrecedence(2_000, true), storedPrecedence(2_000)]).toEqual([
      2_000, 5_000, -2_000,
    ]);
  });

  test.each([
    ["[]", "the message is no object"],
    ["nonsense", "not JSON: "],
    ['{"init":{"id":1.5}}', "id is no whole number below 2^53"],
    ['{"init":null}', "init is no object"],
    ['{"segment":{"init":1,"timestamp":9007199254740992}}', "timestamp is no whole number below 2^53"],
    ['{"segment":{"init":1,"timestamp":1,"timescale":0}}', "a timescale of 0"],
    ['{"segment":{"init":1,"timestamp":1,"timescale":-5}}', "a timescale of -5"],
    ['{"priority":{}}', "precedence is no whole number below 2^53"],
  ])("%s: refused", (text, message) => {
    expect(failure(() => parseWarpMessage(utf8(text)))).toContain(`1 Warp stream: ${message}`);
  });
});

describe("streams", () => {
  const inits = new Map([[2, parseInitSegment(INIT)]]);

  test("with an initialization segment", () => {
    const [message, init] = read([emitWarpMessage({ init: { id: 2 } }), INIT]);
    expect(message).toEqual({ type: "message", message: { init: { id: 2 } } });
    expect(init).toMatchObject({ type: "init", id: 2, segment: { tracks: [{ codec: { name: "avc1.42c01e" } }] } });
  });

  test("with a segment bring its fragments, cut anywhere", () => {
    const stream = concat(SEGMENT, STYP, ...FRAMES);
    for (const size of [1, 100, stream.length]) {
      const parts = Array.from({ length: Math.ceil(stream.length / size) }, (_, i) =>
        stream.subarray(i * size, (i + 1) * size),
      );
      const fragments = read(parts, inits).slice(1);
      expect(fragments.map((event) => event.type === "fragment" && event.bytes.length)).toEqual(
        FRAMES.map(({ length }) => length),
      );
      expect(fragments.map((event) => event.type === "fragment" && event.samples?.track.id)).toEqual([1, 1, 1]);
    }
  });

  test("several segments on one stream, as -00 allows", () => {
    const next = emitWarpMessage({ segment: { init: 2, timestamp: 5_000 } });
    expect(read([SEGMENT, STYP, FRAMES[0]!, next, STYP, FRAMES[1]!]).map(({ type }) => type)).toEqual([
      "message",
      "fragment",
      "message",
      "fragment",
    ]);
  });

  test("that are reset in a box keep the fragments before it", () => {
    const events = read([SEGMENT, STYP, FRAMES[0]!, FRAMES[1]!.subarray(0, -5)]);
    expect(events.map(({ type }) => type)).toEqual(["message", "fragment"]);
  });

  const sample = { size: 1, duration: 1, compositionOffset: 0, flags: SYNC_SAMPLE };
  const strange = emitFragment({
    sequence: 1,
    trackId: 9,
    baseDecodeTime: 0,
    samples: [sample],
    payload: [new Uint8Array(1)],
  });

  test.each([
    ["whose first box is not warp", [STYP], "the first box is styp, not warp"],
    ["whose first box is unknown", [emitBox("free")], "the first box is free, not warp"],
    ["that are empty", [], "it ended without a warp box"],
    ["with a short box", [SEGMENT, fromHex("00000004 6d6f6f66")], "moof: a box of 4 bytes is shorter than its header"],
    ["with a box without a size", [SEGMENT, fromHex("00000000 6d646174")], "mdat: a box without a size"],
    ["with a warp box of 70,000 bytes", [uint32(70_000), latin1("warp")], "warp of 70000 bytes is too large"],
    ["with malformed JSON", [json("{")], "not JSON"],
    ["with a fragment that no message describes", [json("{}"), FRAMES[0]!], "a fragment without a segment message"],
    ["with media without moof", [SEGMENT, emitBox("mdat")], "media without a moof box"],
    ["with an init that no message names", [SEGMENT, INIT], "an initialization segment without an init message"],
    ["with a track that the init lacks", [SEGMENT, strange], "a fragment of track 9, which its init lacks"],
  ])("%s: refused", (_, parts, message) => {
    expect(failure(() => read(parts, inits))).toContain(message);
  });

  test("the track of the test source is its init's", () => {
    expect(inits.get(2)!.tracks.map(({ id }) => id)).toEqual([VIDEO_TRACK]);
  });
});
