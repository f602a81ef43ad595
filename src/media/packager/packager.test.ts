/** The packager: what a live stream of fragments becomes, and what it does with streams that are not as they should be. */

import fc from "fast-check";
import { createFile, type ISOFile, Log, MP4BoxBuffer } from "mp4box";
import { describe, expect, test } from "vitest";
import { runs } from "../../../test/properties/runs.ts";
import { type Instant, instant } from "../../base/time.ts";
import { concat, equalBytes } from "../../wire/text.ts";
import {
  BmffError,
  boxesIn,
  emitBox,
  emitEventMessage,
  emitFragment,
  emitFullBox,
  emitInit,
  emitVideoEntry,
  NON_SYNC_SAMPLE,
  parseFragment,
  STYP,
  SYNC_SAMPLE,
  uint32,
} from "../bmff/index.ts";
import { TestSource, type TestSourceOptions } from "../test-source/index.ts";
import { type MediaObject, Packager, type PackagerEvent, type PackagerOptions } from "./index.ts";

/** The bytes of so many seconds of the test source. */
function recorded(seconds: number, options: Partial<TestSourceOptions> = {}): Uint8Array {
  const source = new TestSource({ start: instant(0), ...options });
  const parts: Uint8Array[] = [];
  while (source.nextTimeout() < seconds * 1_000_000) parts.push(source.pollBytes(source.nextTimeout() as Instant)!);
  return concat(...parts);
}

function eventsOf(packager: Packager): PackagerEvent[] {
  const events: PackagerEvent[] = [];
  for (let event = packager.pollEvent(); event !== undefined; event = packager.pollEvent()) events.push(event);
  return events;
}

function packaged(bytes: Uint8Array, options: PackagerOptions = {}): PackagerEvent[] {
  const packager = new Packager(options);
  packager.push(bytes);
  packager.end();
  return eventsOf(packager);
}

const objectsOf = (events: readonly PackagerEvent[], trackId?: number): MediaObject[] =>
  events.flatMap((event) =>
    event.type === "object" && (trackId ?? event.object.track.id) === event.object.track.id ? [event.object] : [],
  );
const noticesOf = (events: readonly PackagerEvent[]): string[] =>
  events.flatMap((event) => (event.type === "notice" ? [event.notice.message] : []));
const placesOf = (objects: readonly MediaObject[]): string[] =>
  objects.map(({ group, object }) => `${group}.${object}`);

const SOURCE = recorded(2);

describe("a live stream", () => {
  test("has a group for each keyframe, and audio groups beside them", () => {
    const events = packaged(SOURCE);
    expect(events[0]).toMatchObject({ type: "init", init: { id: 1 } });
    expect(noticesOf(events)).toEqual([]);
    const video = objectsOf(events, 1);
    const frames = Array.from({ length: 60 }, (_, i) => `${Math.floor(i / 30)}.${i % 30}`);
    expect(placesOf(video)).toEqual(frames);
    expect(video.map(({ isSync }) => isSync)).toEqual(frames.map((place) => place.endsWith(".0")));
    const audio = objectsOf(events, 2);
    expect(audio.map(({ group }) => group)).toEqual(audio.map(({ decodeTime }) => Math.floor(decodeTime / 48_000)));
    expect(audio).toHaveLength(100);
  });

  test("gives the same objects however it is cut", () => {
    const whole = packaged(SOURCE);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5_000 }), (size) => {
        const packager = new Packager();
        for (let at = 0; at < SOURCE.length; at += size) packager.push(SOURCE.subarray(at, at + size));
        expect(eventsOf(packager).length).toBe(whole.length);
        expect(packager.held).toBe(0);
      }),
      { numRuns: runs(4) },
    );
  });

  test("goes through byte for byte, if each fragment is of one track and one group", () => {
    const bytes = concat(...objectsOf(packaged(SOURCE)).map((object) => object.bytes));
    expect(equalBytes(bytes, SOURCE.subarray(SOURCE.length - bytes.length))).toBe(true);
  });

  test("without video has groups of the given duration", () => {
    const audio = objectsOf(packaged(recorded(2, { hasVideo: false }), { groupDuration: 500, firstGroup: 40 }));
    expect(new Set(audio.map(({ group }) => group))).toEqual(new Set([40, 41, 42, 43]));
  });

  test("with reference times says when each frame was made", () => {
    const wallClock = 1_700_000_000_000;
    const objects = objectsOf(packaged(recorded(1, { wallClock })), 1);
    for (const [index, object] of objects.entries()) {
      expect(object.wallClock).toBeCloseTo(wallClock + (index * 1_000) / 30, 2);
      expect(boxesIn(object.bytes).map(({ type }) => type)).toEqual(["prft", "moof", "mdat"]);
    }
  });

  test("is understood by mp4box after it was cut, a segment type before each group", () => {
    const events = packaged(SOURCE, { objects: "frame" });
    const [init] = events;
    // It takes the header of dfLa's block for more than it is, and says so.
    Log.setLogLevel(Log.error);
    const file: ISOFile = createFile();
    const counts = new Map<number, number>();
    file.onReady = ({ tracks }) => {
      expect(tracks.map(({ codec }) => codec)).toEqual(["avc1.42c01e", "fLaC"]);
      for (const { id } of tracks) file.setExtractionOptions(id, undefined, { nbSamples: 1 });
      file.start();
    };
    file.onSamples = (id, _, samples) => counts.set(id, (counts.get(id) ?? 0) + samples.length);
    const objects = objectsOf(events).map(({ object, bytes }) => (object === 0 ? concat(STYP, bytes) : bytes));
    const stream = concat(init!.type === "init" ? init!.init.segment.bytes : STYP, ...objects);
    file.appendBuffer(MP4BoxBuffer.fromArrayBuffer(stream.slice().buffer, 0));
    file.flush();
    expect([...counts]).toEqual([
      [1, 60],
      [2, 100],
    ]);
  });
});

/** Video of two-byte frames. */
const TIMESCALE = 1_000;
const FRAME = 40;
const entryOf = (type: string) => emitVideoEntry(type, 2, 2, new Uint8Array(0));
const initOf = (type = "abc1", timescale = TIMESCALE): Uint8Array =>
  emitInit([{ id: 1, timescale, size: { width: 2, height: 2 }, entry: entryOf(type) }]);
const frame = (time: number, isKeyframe = false, trackId = 1): Uint8Array =>
  emitFragment({
    sequence: 1,
    trackId,
    baseDecodeTime: time,
    samples: [{ size: 2, duration: FRAME, compositionOffset: 0, flags: isKeyframe ? SYNC_SAMPLE : NON_SYNC_SAMPLE }],
    payload: [Uint8Array.of(time >>> 8, time)],
  });
const key = (time: number): Uint8Array => frame(time, true);

describe("a fragment", () => {
  const samples = [true, false, true, false, false].map((isKeyframe, index) => ({
    size: 3,
    duration: FRAME,
    compositionOffset: index,
    flags: isKeyframe ? SYNC_SAMPLE : NON_SYNC_SAMPLE,
  }));
  const payload = samples.map((_, index) => new Uint8Array(3).fill(index));
  const bytes = emitFragment({ sequence: 1, trackId: 1, baseDecodeTime: 500, samples, payload });

  test("with a keyframe in the middle is cut there", () => {
    const objects = objectsOf(packaged(concat(initOf(), bytes)));
    expect(placesOf(objects)).toEqual(["0.0", "1.0"]);
    expect(objects.map(({ decodeTime, duration, samples: { length } }) => [decodeTime, duration, length])).toEqual([
      [500, 80, 2],
      [580, 120, 3],
    ]);
    for (const object of objects) {
      const [first] = parseFragment(boxesIn(object.bytes)[0]!.bytes, { bytes, tracks: [object.track] }).tracks;
      expect(first!.samples).toEqual(object.samples);
    }
  });

  test("becomes an object for each frame if so asked", () => {
    const objects = objectsOf(packaged(concat(initOf(), bytes), { objects: "frame" }));
    expect(placesOf(objects)).toEqual(["0.0", "0.1", "1.0", "1.1", "1.2"]);
    const frames = objects.map((object) => object.bytes.subarray(object.samples[0]!.offset));
    expect(frames).toEqual(payload);
  });

  test("of two tracks is separated", () => {
    const tracks = [1, 2].map((id) => ({
      id,
      timescale: TIMESCALE,
      size: { width: 2, height: 2 },
      entry: entryOf("abc1"),
    }));
    const traf = (id: number, size: number): Uint8Array => {
      const trun = emitFullBox("trun", 0, 0x205, uint32(1, 0, SYNC_SAMPLE, size));
      return emitBox("traf", emitFullBox("tfhd", 0, 0x2_0000, uint32(id)), emitFullBox("tfdt", 0, 0, uint32(0)), trun);
    };
    const moof = emitBox("moof", emitFullBox("mfhd", 0, 0, uint32(1)), traf(1, 3), traf(2, 2));
    // The data offsets: the first track's data begins the mdat, and the second's follows it.
    const runs = [...moof.keys()].filter((at) => String.fromCharCode(...moof.subarray(at, at + 4)) === "trun");
    moof.set(uint32(moof.length + 8), runs[0]! + 12);
    moof.set(uint32(moof.length + 8 + 3), runs[1]! + 12);
    const objects = objectsOf(packaged(concat(emitInit(tracks), moof, emitBox("mdat", Uint8Array.of(1, 2, 3, 4, 5)))));
    expect(objects.map(({ track, bytes: own }) => [track.id, [...boxesIn(own)[1]!.bytes.subarray(8)]])).toEqual([
      [1, [1, 2, 3]],
      [2, [4, 5]],
    ]);
  });

  test("keeps the events before it, and no more than 256 KiB of them", () => {
    const event = emitEventMessage({
      schemeIdUri: "urn:x",
      value: "",
      timescale: 1,
      presentationTime: 1,
      presentationTimeDelta: undefined,
      duration: 0,
      id: 1,
      data: new Uint8Array(60_000),
    });
    const events = packaged(
      concat(initOf(), event, key(0), ...Array.from({ length: 6 }, () => event), key(40), key(80)),
    );
    const types = objectsOf(events).map((object) =>
      boxesIn(object.bytes)
        .map(({ type }) => type)
        .join(" "),
    );
    expect(types).toEqual(["emsg moof mdat", "emsg emsg emsg emsg moof mdat", "moof mdat"]);
    expect(noticesOf(events)).toHaveLength(2);
  });
});

describe("bad input", () => {
  const cases: readonly (readonly [string, readonly Uint8Array[], readonly string[], readonly string[]])[] = [
    [
      "fragments before their init are dropped",
      [key(0), key(40), initOf(), key(80)],
      ["0.0"],
      ["fragments before the moov box are dropped"],
    ],
    [
      "video before a keyframe is dropped",
      [initOf(), frame(0), frame(40), key(80), frame(120)],
      ["0.0", "0.1"],
      ["track 1: video before a keyframe is dropped"],
    ],
    [
      "boxes of other types are skipped",
      [initOf(), emitBox("sidx"), key(0), emitBox("mfra"), emitBox("mdat")],
      ["0.0"],
      [],
    ],
    ["the same init again changes nothing", [initOf(), key(0), initOf(), frame(40)], ["0.0", "0.1"], []],
    [
      "a change of codec waits for a keyframe",
      [initOf(), key(0), initOf("xyz1"), frame(40), key(80)],
      ["0.0", "1.0"],
      [
        "track 1: was abc1, 2×2, 1000 units per second, is xyz1, 2×2, 1000 units per second",
        "track 1: video before a keyframe is dropped",
      ],
    ],
    [
      "a change of timescale is told",
      [initOf(), key(0), initOf("abc1", 90_000), key(3_600)],
      ["0.0", "1.0"],
      ["track 1: was abc1, 2×2, 1000 units per second, is abc1, 2×2, 90000 units per second"],
    ],
    [
      "times that jump forward",
      [initOf(), key(0), frame(40), frame(5_080), key(5_120)],
      ["0.0", "0.1", "0.2", "1.0"],
      ["track 1: a gap of 5.000 s"],
    ],
    [
      "times that go back",
      [initOf(), key(10_000), frame(10_040), frame(0), frame(40)],
      ["0.0", "0.1", "0.2", "0.3"],
      ["track 1: times went back by 10.080 s"],
    ],
    [
      "fragments of tracks that the init does not have",
      [initOf(), key(0), frame(0, true, 9)],
      ["0.0"],
      ["a fragment for track 9, which moov lacks"],
    ],
  ];

  test.each(cases)("%s", (_, parts, places, notices) => {
    const events = packaged(concat(...parts));
    expect(placesOf(objectsOf(events))).toEqual(places);
    expect(noticesOf(events)).toEqual(notices);
  });

  test("a keyframe of 10 MB is an object; a larger fragment than allowed is dropped with what depends on it", () => {
    const large = (size: number): Uint8Array =>
      emitFragment({
        sequence: 1,
        trackId: 1,
        baseDecodeTime: 0,
        samples: [{ size, duration: FRAME, compositionOffset: 0, flags: SYNC_SAMPLE }],
        payload: [new Uint8Array(size)],
      });
    expect(objectsOf(packaged(concat(initOf(), large(10_000_000))))[0]!.bytes.length).toBeGreaterThan(10_000_000);
    const events = packaged(concat(initOf(), large(3_000), frame(40), key(80)), { maxFragmentData: 2_000 });
    expect(placesOf(objectsOf(events))).toEqual(["0.0"]);
    expect(noticesOf(events)).toEqual([
      "a fragment of 3008 bytes was dropped, up to the next keyframe",
      "track 1: video before a keyframe is dropped",
    ]);
  });

  test("frames that are not in presentation order are told once, and objects say when they are first shown", () => {
    const samples = [80, 160, 40, 0].map((compositionOffset, index) => ({
      size: 1,
      duration: FRAME,
      compositionOffset,
      flags: index === 0 ? SYNC_SAMPLE : NON_SYNC_SAMPLE,
    }));
    const fragment = emitFragment({
      sequence: 1,
      trackId: 1,
      baseDecodeTime: 0,
      samples,
      payload: [new Uint8Array(4)],
    });
    const events = packaged(concat(initOf(), fragment));
    expect(objectsOf(events).map(({ presentationTime }) => presentationTime)).toEqual([80]);
    expect(noticesOf(events)).toEqual([
      "track 1: frames are not in presentation order, which delays live video; use -tune zerolatency",
    ]);
  });

  test("fragments without a time follow each other", () => {
    const untimed = (): Uint8Array => {
      const traf = emitBox(
        "traf",
        emitFullBox("tfhd", 0, 0x2_0000, uint32(1)),
        emitFullBox("trun", 0, 0x705, uint32(1, 0, SYNC_SAMPLE, FRAME, 2, SYNC_SAMPLE)),
      );
      const moof = emitBox("moof", emitFullBox("mfhd", 0, 0, uint32(1)), traf);
      moof.set(uint32(moof.length + 8), moof.length - 20);
      return concat(moof, emitBox("mdat", Uint8Array.of(1, 2)));
    };
    const events = packaged(concat(initOf(), untimed(), untimed(), untimed()));
    expect(objectsOf(events).map(({ decodeTime }) => decodeTime)).toEqual([0, 40, 80]);
    expect(noticesOf(events)).toHaveLength(1);
  });

  test("a sample outside of its data is refused", () => {
    const moof = boxesIn(key(0))[0]!.bytes;
    const packager = new Packager();
    packager.push(concat(initOf(), moof));
    expect(() => packager.push(emitBox("mdat", Uint8Array.of(1)))).toThrow(
      new BmffError("FRAGMENT", "moof/traf/trun", "a sample of 2 bytes is not in the mdat that follows"),
    );
  });

  test("a stream without media says so at its end", () => {
    expect(() => packaged(STYP)).toThrow("the stream ended without a moov box");
  });

  test("hundreds of initialization segments leave nothing behind, and no group number comes twice", () => {
    const packager = new Packager();
    const groups: number[] = [];
    for (let id = 1; id <= 300; id += 1) {
      const init = emitInit([{ id, timescale: TIMESCALE, size: { width: 2, height: 2 }, entry: entryOf("abc1") }]);
      packager.push(concat(init, frame(0, true, id)));
      groups.push(...objectsOf(eventsOf(packager)).map(({ group }) => group));
    }
    expect(groups.join()).toBe(Array.from({ length: 300 }, (_, i) => i).join());
    expect(packager.init?.segment.tracks).toHaveLength(1);
  });
});
