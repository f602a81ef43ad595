/** Boxes, initialization segments and fragments: what is read, and what is refused with a place and a reason. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runs } from "../../../test/properties/runs.ts";
import { instant } from "../../base/time.ts";
import { fromHex, toHex } from "../../wire/hex.ts";
import { concat, latin1 } from "../../wire/text.ts";
import { TestSource } from "../test-source/index.ts";
import { failureOf } from "../testing/failure.ts";
import {
  BmffError,
  BmffReader,
  type BmffReaderOptions,
  boxesIn,
  childrenOf,
  emitAudioEntry,
  emitBox,
  emitEventMessage,
  emitFragment,
  emitFullBox,
  emitInit,
  emitReferenceTime,
  emitVideoEntry,
  findBox,
  isSync,
  NON_SYNC_SAMPLE,
  parseEventMessage,
  parseFragment,
  parseInitSegment,
  parseReferenceTime,
  presentationTime,
  STYP,
  SYNC_SAMPLE,
  uint32,
} from "./index.ts";

const INIT = new TestSource({ start: instant(0) }).pollBytes(instant(0))!;
const BYTES = new Uint8Array(50);

const failure = (run: () => unknown): string => failureOf(BmffError, run);

describe("the reader of top-level boxes", () => {
  function read(parts: readonly Uint8Array[], limits: Partial<BmffReaderOptions> = {}) {
    const boxes: string[] = [];
    const skipped: string[] = [];
    const reader = new BmffReader({
      ...limits,
      onBox: (type, bytes, offset) => boxes.push(`${type} ${bytes.length} at ${offset}`),
      onSkip: (type, size) => skipped.push(`${type} ${size}`),
    });
    for (const part of parts) reader.push(part);
    return { boxes, skipped, reader };
  }
  const stream = concat(INIT, emitBox("free", BYTES), emitBox("moof"), emitBox("mdat", BYTES), emitBox("mfra", BYTES));

  test("finds the same boxes however the bytes are cut, and keeps none that it does not need", () => {
    const whole = read([stream]);
    const free = INIT.length;
    expect(whole.boxes.slice(2)).toEqual([`moof 8 at ${free + 58}`, `mdat 58 at ${free + 66}`]);
    expect(whole.skipped).toEqual(["free 58", "mfra 58"]);
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length), { maxLength: 20 }), (cuts) => {
        const ends = [...cuts.sort((a, b) => a - b), stream.length];
        const parts = ends.map((end, index) => stream.subarray(ends[index - 1] ?? 0, end));
        expect(read(parts).boxes).toEqual(whole.boxes);
      }),
      { numRuns: runs(30) },
    );
    expect(read([...stream].map((byte) => Uint8Array.of(byte))).boxes).toEqual(whole.boxes);
  });

  test("a size in 64 bits is read for mdat", () => {
    expect(read([fromHex("00000001 6d646174 0000000000000012 abcd")]).boxes).toEqual(["mdat 18 at 0"]);
  });

  test.each([
    ["a size below 8", "00000007 6d6f6f66", "BOX moof: a box of 7 bytes is shorter than its header"],
    ["no size", "00000000 6d646174", "BOX mdat: a box without a size, to the end of the stream: live media has no end"],
    ["64 bits for moof", "00000001 6d6f6f66", "BOX moof: a 64-bit size, which only mdat may have here"],
    [
      "64 bits, but small",
      "00000001 6d646174 000000000000000f",
      "BOX mdat: a box of 15 bytes is shorter than its header",
    ],
    ["beyond exact numbers", "00000001 6d646174 0020000000000000", "BOX mdat: a size above 2^53-1"],
    ["a large moov", "7fffffff 6d6f6f76", "BOX_TOO_LARGE moov: 2147483647 bytes, and at most 4194304 are accepted"],
    ["an HTML page", `${toHex(latin1("<!DOCTYPE html>"))}`, "no error"],
  ])("%s", (_, hex, message) => {
    expect(failure(() => read([fromHex(hex)]))).toBe(message);
  });

  test("an error stays, and nothing is held after it", () => {
    const { reader } = read([]);
    expect(failure(() => reader.push(fromHex("00000002 6d6f6f66")))).toContain("shorter");
    expect(failure(() => reader.push(INIT))).toContain("shorter");
    expect(reader.held).toBe(0);
  });

  test("an end in the middle of a box says so", () => {
    const { reader } = read([INIT.subarray(0, 20)]);
    expect(failure(() => reader.end())).toBe("BOX ftyp: the stream ended after 20 bytes of it");
  });

  test("keeps what has arrived, not what a header claims", () => {
    const { reader } = read([fromHex("00f00000 6d646174"), new Uint8Array(100)]);
    expect(reader.held).toBeLessThan(5_000);
    for (let i = 0; i < 100; i += 1) reader.push(new Uint8Array(1_000));
    expect(reader.held).toBeLessThan(250_000);
  });

  test("a keyframe of 10 MB fits, and more than 16 MiB passes by without being kept", () => {
    const large = (size: number) => concat(uint32(size + 8), latin1("mdat"), new Uint8Array(size));
    expect(read([large(10_000_000)]).boxes).toEqual(["mdat 10000008 at 0"]);
    const { skipped, reader, boxes } = read([uint32(2 ** 31), latin1("mdat")]);
    for (let i = 0; i < 20; i += 1) reader.push(new Uint8Array(2 ** 20));
    expect([skipped, boxes, reader.held]).toEqual([["mdat 2147483648"], [], 0]);
  });
});

describe("boxes in memory", () => {
  test("children have paths, and their sizes are checked", () => {
    const moov = boxesIn(INIT)[1]!;
    const trak = findBox(childrenOf(moov), "trak")!;
    expect(trak.path).toBe("moov/trak");
    expect(findBox(childrenOf(trak), "mdia")?.path).toBe("moov/trak/mdia");
    const broken = emitBox("moov", uint32(100), latin1("trak"));
    expect(failure(() => childrenOf(boxesIn(broken)[0]!))).toBe("BOX moov/trak: a box of 100 bytes where 8 are left");
    expect(failure(() => boxesIn(concat(STYP, Uint8Array.of(1, 2))))).toBe("BOX file: 2 bytes after the last box");
  });

  test("thousands of empty boxes are refused", () => {
    const many = concat(...Array.from({ length: 4_097 }, () => emitBox("free")));
    expect(failure(() => boxesIn(many))).toBe("BOX free: more than 4096 boxes");
  });

  test("styp is a segment of CMAF", () => {
    expect(toHex(STYP)).toBe(
      `${"0000001c"}${toHex(latin1("styp"))}${toHex(latin1("msdh"))}00000000${toHex(latin1("msdhmsixcmfc"))}`,
    );
  });
});

describe("initialization segments", () => {
  test("say what a decoder must know, for each track", () => {
    const { tracks } = parseInitSegment(INIT);
    expect(tracks.map(({ init, codec, ...track }) => ({ ...track, codec: codec.name }))).toEqual([
      expect.objectContaining({
        id: 1,
        kind: "video",
        timescale: 15_360,
        width: 160,
        height: 96,
        codec: "avc1.42c01e",
      }),
      expect.objectContaining({
        id: 2,
        kind: "audio",
        timescale: 48_000,
        sampleRate: 48_000,
        channels: 1,
        codec: "flac",
      }),
    ]);
    // Each has one of its own.
    expect(tracks.map(({ init }) => parseInitSegment(init).tracks.map(({ id }) => id))).toEqual([[1], [2]]);
  });

  test.each([
    ["avc1", emitBox("avcC", fromHex("01 4d 40 1f")), "avc1.4d401f"],
    ["hvc1", emitBox("hvcC", fromHex("01 01 60000000 b00000000000 5d")), "hvc1.1.6.L93.b0"],
    ["hev1", emitBox("hvcC", fromHex("01 22 20000000 000000000000 96")), "hev1.2.4.H150"],
    ["av01", emitBox("av1C", fromHex("81 08 0c 00")), "av01.0.08M.08"],
    ["av01", emitBox("av1C", fromHex("81 09 cc 00")), "av01.0.09H.10"],
    ["vp09", emitFullBox("vpcC", 1, 0, fromHex("02 33 a2")), "vp09.02.51.10"],
    ["xyz1", new Uint8Array(0), "xyz1"],
  ])("names the video codec of %s", (entry, configuration, name) => {
    const init = emitInit([
      { id: 1, timescale: 90_000, size: { width: 2, height: 2 }, entry: emitVideoEntry(entry, 2, 2, configuration) },
    ]);
    expect(parseInitSegment(init).tracks[0]!.codec.name).toBe(name);
  });

  test.each([
    ["AAC-LC", "03 19 0001 00 04 11 40 15 000000 00000000 00000000 05 02 1190 06 01 02", "mp4a.40.2", "1190"],
    [
      "HE-AAC with long lengths",
      "03808016 0001 00 04 11 40 15 000000 00000000 00000000 05 02 2b92",
      "mp4a.40.5",
      "2b92",
    ],
    ["an escaped object type", "03 16 0001 00 04 11 40 15 000000 00000000 00000000 05 02 f940", "mp4a.40.42", "f940"],
    ["MP3", "03 12 0001 00 04 0d 6b 15 000000 00000000 00000000", "mp4a.6b", ""],
  ])("names the audio codec of %s", (_, descriptors, name, configuration) => {
    const esds = emitFullBox("esds", 0, 0, fromHex(descriptors));
    const entry = emitAudioEntry("mp4a", { channels: 2, sampleRate: 48_000, bits: 16 }, esds);
    const [track] = parseInitSegment(emitInit([{ id: 1, timescale: 48_000, size: undefined, entry }])).tracks;
    expect([track!.codec.name, toHex(track!.codec.configuration)]).toEqual([name, configuration]);
  });

  const video = {
    id: 1,
    timescale: 90_000,
    size: { width: 2, height: 2 },
    entry: emitVideoEntry("xyz1", 2, 2, BYTES.subarray(0, 0)),
  };
  /** With four bytes replaced after the only place of `type`. */
  const patched = (type: string, at: number, value: number): Uint8Array => {
    const bytes = emitInit([video]).slice();
    const name = toHex(latin1(type));
    bytes.set(uint32(value), toHex(bytes).indexOf(name) / 2 + at);
    return bytes;
  };

  test.each([
    ["nothing", STYP, "INIT file: no moov box"],
    [
      "no mvex",
      emitBox("moov"),
      "INIT moov: no mvex box: not a fragmented file; ffmpeg writes one with -movflags +cmaf+frag_keyframe",
    ],
    ["no tracks", emitInit([]), "INIT moov: no tracks"],
    ["the same track twice", emitInit([video, video]), "INIT moov: two tracks with the same id"],
    [
      "too many tracks",
      emitInit(Array.from({ length: 65 }, (_, id) => ({ ...video, id }))),
      "INIT moov: more than 64 tracks",
    ],
    ["a timescale of zero", patched("mdhd", 16, 0), "INIT moov/trak/mdia/mdhd: a timescale of 0"],
    [
      "samples in moov",
      patched("stsz", 12, 9),
      "INIT moov/trak/mdia/minf/stbl/stsz: 9 samples before the first fragment; add -movflags +empty_moov",
    ],
    ["another track's defaults", patched("trex", 8, 3), "INIT moov/mvex: no trex box for track 1"],
  ])("%s: refused", (_, bytes, message) => {
    expect(failure(() => parseInitSegment(bytes))).toBe(message);
  });
});

describe("fragments", () => {
  const init = parseInitSegment(INIT);
  const sample = { size: 4, duration: 512, compositionOffset: 0, flags: NON_SYNC_SAMPLE };
  const content = {
    sequence: 7,
    trackId: 1,
    baseDecodeTime: 2 ** 40,
    samples: [sample],
    payload: [Uint8Array.of(1, 2, 3, 4)],
  };
  const moofOf = (bytes: Uint8Array): Uint8Array => boxesIn(bytes)[0]!.bytes;

  test("are read as they were written", () => {
    const field = {
      size: fc.nat(50),
      duration: fc.nat(9_000),
      compositionOffset: fc.integer({ min: -5_000, max: 5_000 }),
      flags: fc.constantFrom(SYNC_SAMPLE, NON_SYNC_SAMPLE),
    };
    fc.assert(
      fc.property(fc.array(fc.record(field), { maxLength: 20 }), fc.maxSafeNat(), (samples, time) => {
        const baseDecodeTime = Math.floor(time / 4);
        const payload = samples.map(({ size }) => new Uint8Array(size));
        const bytes = emitFragment({ ...content, baseDecodeTime, samples, payload });
        const { sequence, tracks } = parseFragment(moofOf(bytes), init);
        expect([sequence, tracks[0]!.baseDecodeTime]).toEqual([7, baseDecodeTime]);
        expect(tracks[0]!.samples.map(({ offset, decodeTime, ...rest }) => rest)).toEqual(samples);
        const end = tracks[0]!.samples.at(-1);
        if (end !== undefined) expect(end.offset + end.size).toBe(bytes.length);
      }),
    );
  });

  test("take what they do not say from the track's header, and the first sample's flags from the run", () => {
    const tfhd = emitFullBox("tfhd", 0, 0x2_0038, uint32(1, 512, 10, NON_SYNC_SAMPLE));
    const trun = emitFullBox("trun", 0, 0x5, uint32(3, 200, SYNC_SAMPLE));
    const tfdt = emitFullBox("tfdt", 0, 0, uint32(1_000));
    const moof = emitBox("moof", emitFullBox("mfhd", 0, 0, uint32(1)), emitBox("traf", tfhd, tfdt, trun));
    const { samples } = parseFragment(moof, init).tracks[0]!;
    expect(samples.map((each) => [each.offset, each.size, presentationTime(each), isSync(each)])).toEqual([
      [200, 10, 1_000, true],
      [210, 10, 1_512, false],
      [220, 10, 2_024, false],
    ]);
  });

  test("with an anchor count from the beginning of the file", () => {
    const tfhd = emitFullBox("tfhd", 0, 0x1, concat(uint32(1), uint32(0, 5_000)));
    const trun = emitFullBox("trun", 0, 0x201, uint32(1, 16, 9));
    const moof = emitBox("moof", emitFullBox("mfhd", 0, 0, uint32(1)), emitBox("traf", tfhd, trun));
    const [fragment] = parseFragment(moof, init, 4_000).tracks;
    expect(fragment).toMatchObject({ isAnchored: true, baseDecodeTime: undefined, samples: [{ offset: 1_016 }] });
  });

  test.each([
    ["no header", emitBox("moof"), "FRAGMENT moof: no mfhd box"],
    [
      "a track without a header",
      emitBox("moof", emitFullBox("mfhd", 0, 0, uint32(1)), emitBox("traf")),
      "FRAGMENT moof/traf: no tfhd box",
    ],
    [
      "four billion samples in twelve bytes",
      emitBox(
        "moof",
        emitFullBox("mfhd", 0, 0, uint32(1)),
        emitBox("traf", emitFullBox("tfhd", 0, 0, uint32(1)), emitFullBox("trun", 0, 0, uint32(0xffff_ffff))),
      ),
      "FRAGMENT moof/traf/trun: more than 65536 samples",
    ],
    [
      "a run that ends early",
      emitBox(
        "moof",
        emitFullBox("mfhd", 0, 0, uint32(1)),
        emitBox("traf", emitFullBox("tfhd", 0, 0, uint32(1)), emitFullBox("trun", 0, 0x100, uint32(2, 5))),
      ),
      "FRAGMENT moof/traf/trun: needed 4 bytes, 0 left at byte 20",
    ],
  ])("%s: refused", (_, moof, message) => {
    expect(failure(() => parseFragment(moof, init))).toContain(message.replace(/ at byte \d+$/, ""));
  });

  test("of unknown tracks are left out, and named", () => {
    const { tracks, unknownTracks } = parseFragment(moofOf(emitFragment({ ...content, trackId: 9 })), init);
    expect([tracks, unknownTracks]).toEqual([[], [9]]);
  });

  test("any bytes in a fragment or an initialization segment are read or refused", () => {
    const fragment = moofOf(emitFragment(content));
    const outcomes = new Set<string>();
    for (const original of [fragment, INIT]) {
      const bytes = original.slice();
      for (let at = 8; at < original.length; at += 1) {
        for (const value of [0x00, 0x01, 0xff]) {
          bytes[at] = value;
          outcomes.add(failure(() => (original === INIT ? parseInitSegment(bytes) : parseFragment(bytes, init))));
        }
        bytes[at] = original[at]!;
      }
    }
    expect(outcomes.size).toBeGreaterThan(30);
    expect(outcomes).toContain("no error");
  });
});

describe("events and reference times", () => {
  const event = {
    schemeIdUri: "urn:scte:scte35:2013:bin",
    value: "1",
    timescale: 90_000,
    duration: 0xffff_ffff,
    id: 5,
    data: Uint8Array.of(0xfc),
  };

  test.each([
    [{ ...event, presentationTime: 2 ** 45, presentationTimeDelta: undefined }],
    [{ ...event, presentationTime: undefined, presentationTimeDelta: 900 }],
  ])("an event is read as it was written (%#)", (value) => {
    expect(parseEventMessage(boxesIn(emitEventMessage(value))[0]!)).toEqual(value);
  });

  test("a reference time is a wall clock in milliseconds", () => {
    // 2024-01-01T00:00:00.5Z in NTP.
    const box = emitFullBox("prft", 1, 24, concat(uint32(1, 0xe93c_7f00, 0x8000_0000), uint32(1, 0)));
    const time = { trackId: 1, wallClock: 1_704_067_200_500, mediaTime: 2 ** 32 };
    expect(parseReferenceTime(boxesIn(box)[0]!)).toEqual(time);
    expect(parseReferenceTime(boxesIn(emitReferenceTime(time))[0]!)).toEqual(time);
  });

  test("versions that are not known are undefined, and short boxes are refused", () => {
    expect(parseEventMessage(boxesIn(emitFullBox("emsg", 2, 0))[0]!)).toBeUndefined();
    expect(parseReferenceTime(boxesIn(emitFullBox("prft", 2, 0))[0]!)).toBeUndefined();
    expect(failure(() => parseEventMessage(boxesIn(emitFullBox("emsg", 0, 0, latin1("no end")))[0]!))).toContain(
      "EVENT emsg: needed",
    );
  });
});
