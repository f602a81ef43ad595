/** Catalogs of MSF and hang: samples, changes, conversion, what is refused, and a stream that becomes a catalog and a player's track. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { instant } from "../../base/time.ts";
import { utf8 } from "../../wire/text.ts";
import { Packager } from "../packager/index.ts";
import { TestSource } from "../test-source/index.ts";
import { failureOf } from "../testing/failure.ts";
import {
  type Catalog,
  CatalogError,
  type CatalogTrack,
  catalogTrackOf,
  emitHang,
  emitMsf,
  MsfReader,
  parseHang,
  parseMsf,
  playerTrackOf,
} from "./index.ts";

const json = (value: unknown): Uint8Array => utf8(JSON.stringify(value));
const failure = (run: () => unknown): string => failureOf(CatalogError, run);

const TRACKS = [
  {
    name: "1080p",
    packaging: "loc",
    isLive: true,
    role: "video",
    codec: "av01.0.08M.10.0.110.09",
    width: 1920,
    height: 1080,
    framerate: 30,
    bitrate: 1_500_000,
    renderGroup: 1,
    altGroup: 2,
    targetLatency: 2_000,
    initRef: "a",
    somethingNew: true,
  },
  { name: "audio", packaging: "loc", isLive: true, codec: "opus", samplerate: 48_000, channelConfig: "2", lang: "en" },
  { name: "log", packaging: "moqlog", isLive: true },
];
const WHOLE = {
  version: "draft-03",
  generatedAt: 1_746_104_606_044,
  tracks: TRACKS,
  initDataList: [{ id: "a", type: "inline", data: "AQID" }],
};

describe("MSF", () => {
  test("a catalog is read", () => {
    expect(parseMsf(json(WHOLE))).toEqual({
      generatedAt: 1_746_104_606_044,
      tracks: [
        {
          name: "1080p",
          kind: "video",
          packaging: "loc",
          role: "video",
          isLive: true,
          codec: "av01.0.08M.10.0.110.09",
          description: Uint8Array.of(1, 2, 3),
          width: 1920,
          height: 1080,
          framerate: 30,
          bitrate: 1_500_000,
          targetLatency: 2_000,
          renderGroup: 1,
          altGroup: 2,
        },
        {
          name: "audio",
          kind: "audio",
          packaging: "loc",
          isLive: true,
          codec: "opus",
          sampleRate: 48_000,
          channels: 2,
          language: "en",
        },
        { name: "log", kind: "other", packaging: "moqlog", isLive: true },
      ],
    });
  });

  test("objects after the first change it", () => {
    const reader = new MsfReader();
    reader.push(json(WHOLE));
    const clone = { parentName: "1080p", name: "720p", width: 1280, height: 720 };
    const { tracks } = reader.push(
      json({
        deltaUpdate: [
          { op: "clone", tracks: [clone] },
          { op: "update", tracks: [{ parentName: "audio", bitrate: 64_000 }] },
          { op: "remove", tracks: [{ name: "log" }] },
          { op: "add", tracks: [{ name: "captions", packaging: "loc", role: "caption", isLive: true }] },
        ],
      }),
    );
    expect(tracks.map(({ name }) => name)).toEqual(["1080p", "audio", "720p", "captions"]);
    expect(tracks[2]).toMatchObject({
      codec: "av01.0.08M.10.0.110.09",
      width: 1280,
      description: Uint8Array.of(1, 2, 3),
    });
    expect(tracks[1]).toMatchObject({ bitrate: 64_000, codec: "opus" });
    expect(failure(() => reader.push(json({ deltaUpdate: [{ op: "remove", tracks: [{ name: "log" }] }] })))).toBe(
      'DELTA deltaUpdate[0].tracks[0]: no track "log"',
    );
    // What was there before a change that fails stays.
    expect(reader.push(json({ deltaUpdate: [] })).tracks).toHaveLength(4);
    expect(reader.push(json({ deltaUpdate: [], isComplete: true }))).toMatchObject({ isComplete: true });
  });

  test.each<[string, unknown]>([
    ["VERSION catalog.version: no version; 1 and draft-NN are read", { tracks: [] }],
    ['VERSION catalog.version: the version "2.0"; 1 and draft-NN are read', { version: "2.0", tracks: [] }],
    ["MALFORMED catalog: has to be an object", []],
    ["MALFORMED catalog.tracks: has to be an array", { version: 1, tracks: {} }],
    ["MALFORMED tracks[0].name: is missing", { version: 1, tracks: [{}] }],
    ['MALFORMED tracks[1].name: "a" is there twice', { version: 1, tracks: [{ name: "a" }, { name: "a" }] }],
    [
      "MALFORMED tracks[0].width: has to be a number that is not negative",
      { version: 1, tracks: [{ name: "a", width: -1 }] },
    ],
    ["MALFORMED tracks[0].initData: has to be Base64", { version: 1, tracks: [{ name: "a", initData: "*" }] }],
    ["MALFORMED tracks[0].isLive: has to be true or false", { version: 1, tracks: [{ name: "a", isLive: 1 }] }],
    ["DELTA catalog: a change without a catalog before it", { deltaUpdate: [] }],
    ["TOO_LARGE tracks[0].label: 5000 characters", { version: 1, tracks: [{ name: "a", label: "x".repeat(5_000) }] }],
    [
      "TOO_LARGE tracks[0].initData: more than 65536 bytes",
      { version: 1, tracks: [{ name: "a", initData: "A".repeat(90_000) }] },
    ],
  ])("%s", (message, value) => {
    expect(failure(() => parseMsf(json(value)))).toBe(message);
  });

  test("a catalog that is too large, or not JSON, is refused", () => {
    const tracks = Array.from({ length: 257 }, (_, i) => ({ name: `${i}` }));
    expect(failure(() => parseMsf(json({ version: 1, tracks })))).toContain("TOO_LARGE");
    expect(failure(() => parseMsf(new Uint8Array(2_000_000)))).toContain("TOO_LARGE catalog: 2000000 bytes");
    expect(failure(() => parseMsf(utf8("{")))).toBe("MALFORMED catalog: not JSON");
    expect(failure(() => parseMsf(Uint8Array.of(0xff)))).toBe("MALFORMED catalog: not UTF-8");
    expect(failure(() => parseMsf(utf8("[".repeat(100_000))))).toBe("MALFORMED catalog: not JSON");
  });
});

describe("hang", () => {
  const CATALOG = {
    video: {
      renditions: {
        "video/hd": {
          codec: "avc1.64001f",
          container: { kind: "cmaf", init: "AQID" },
          codedWidth: 1280,
          codedHeight: 720,
          framerate: 29.97,
          bitrate: 3_000_000,
        },
      },
      rotation: 90,
    },
    audio: {
      renditions: {
        sound: {
          codec: "opus",
          container: { kind: "legacy" },
          description: "0aff",
          sampleRate: 48_000,
          numberOfChannels: 2,
          jitter: 20,
        },
      },
    },
    chat: { anything: true },
  };

  test("a catalog is read", () => {
    expect(parseHang(json(CATALOG))).toEqual({
      tracks: [
        {
          name: "video/hd",
          kind: "video",
          packaging: "cmaf",
          isLive: true,
          codec: "avc1.64001f",
          init: Uint8Array.of(1, 2, 3),
          width: 1280,
          height: 720,
          framerate: 29.97,
          bitrate: 3_000_000,
        },
        {
          name: "sound",
          kind: "audio",
          packaging: "legacy",
          isLive: true,
          codec: "opus",
          description: Uint8Array.of(0x0a, 0xff),
          sampleRate: 48_000,
          channels: 2,
          jitter: 20,
        },
      ],
    });
  });

  test("older catalogs are read: a list of video, one audio, and no container", () => {
    const old = {
      video: [{ track: { name: "v" }, config: { codec: "vp09" } }],
      audio: { track: { name: "a" }, config: { codec: "opus", sampleRate: 48_000, numberOfChannels: 1 } },
    };
    expect(parseHang(json(old)).tracks.map(({ name, packaging }) => `${name} ${packaging}`)).toEqual([
      "v legacy",
      "a legacy",
    ]);
  });

  test("names are only names", () => {
    const renditions = JSON.parse('{"__proto__": {"codec": "opus"}, "constructor": {"codec": "x"}}');
    const { tracks } = parseHang(json({ audio: { renditions } }));
    expect(tracks.map(({ name }) => name)).toContain("constructor");
    expect(failure(() => parseHang(json({ audio: { renditions: { a: {} } } })))).toBe(
      "MALFORMED audio.renditions.a.codec: is missing",
    );
    expect(failure(() => parseHang(json({ video: [{}] })))).toBe(
      "MALFORMED video[0]: has to have a track and a config",
    );
    expect(failure(() => parseHang(json({ audio: { renditions: { a: { codec: "x", description: "zz" } } } })))).toBe(
      "MALFORMED audio.renditions.a.description: has to be hexadecimal",
    );
  });
});

const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const count = fc.integer({ min: 1, max: 100_000 });
const init = fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => new Uint8Array(bytes));
const track: fc.Arbitrary<CatalogTrack> = fc
  .record({
    kind: fc.constantFrom("video" as const, "audio" as const),
    packaging: fc.constantFrom("cmaf", "loc"),
    codec: fc.string({ minLength: 1, maxLength: 9 }),
    data: optional(init),
    size: count,
    bitrate: optional(count),
    jitter: optional(count),
  })
  .map(({ kind, packaging, codec, data, size, bitrate, jitter }) => ({
    name: "",
    kind,
    packaging,
    isLive: true,
    codec,
    ...(data === undefined ? {} : packaging === "cmaf" ? { init: data } : { description: data }),
    ...(kind === "video" ? { width: size, height: size, framerate: 30 } : { sampleRate: size, channels: 2 }),
    ...(bitrate === undefined ? {} : { bitrate }),
    ...(jitter === undefined ? {} : { jitter }),
  }));
// Video first, as hang has it.
const catalogs: fc.Arbitrary<Catalog> = fc.array(track, { maxLength: 6 }).map((tracks) => ({
  tracks: tracks
    .map((each, i) => ({ ...each, name: `t${i}` }))
    .sort((a, b) => (a.kind < b.kind ? 1 : a.kind > b.kind ? -1 : 0)),
}));

describe("conversion", () => {
  test("what both formats know survives the way through both", () => {
    fc.assert(
      fc.property(catalogs, (catalog) => {
        expect(parseHang(emitHang(catalog))).toEqual(catalog);
        const msf = parseMsf(emitMsf(catalog));
        expect(msf.tracks.map(({ role: _, ...rest }) => rest)).toEqual(catalog.tracks);
        expect(parseHang(emitHang(msf))).toEqual(catalog);
      }),
    );
  });

  test("any bytes are a catalog or a CatalogError", () => {
    const value = fc.oneof(
      fc.json().map(utf8),
      fc.uint8Array().map((bytes) => new Uint8Array(bytes)),
    );
    fc.assert(
      fc.property(value, (bytes) => {
        for (const parse of [parseMsf, parseHang]) failure(() => parse(bytes));
      }),
    );
  });
});

test("a stream becomes a catalog, and the catalog what a player begins with", () => {
  const source = new TestSource({ start: instant(0) });
  const packager = new Packager();
  packager.push(source.pollBytes(instant(0))!);
  const event = packager.pollEvent();
  if (event?.type !== "init") throw new Error("no initialization segment");
  const { tracks } = event.init.segment;
  const catalog = { tracks: tracks.map((each) => catalogTrackOf(each, { targetLatency: 500 })) };
  for (const read of [parseMsf(emitMsf(catalog)), parseHang(emitHang(catalog))]) {
    expect(read.tracks.map((each) => playerTrackOf(each))).toEqual(tracks);
    expect(read.tracks.map(({ codec }) => codec)).toEqual(tracks.map(({ codec }) => codec.name));
  }
  const loc = catalogTrackOf(tracks[0]!, { packaging: "loc", name: "v" });
  expect(loc).toMatchObject({ name: "v", packaging: "loc", description: tracks[0]!.codec.configuration });
  expect(failure(() => playerTrackOf(loc))).toBe('NO_INIT track "v": no CMAF header; it is packaged as loc');
  const broken: CatalogTrack = { ...catalog.tracks[0]!, name: "b", init: Uint8Array.of(0, 0, 0, 9) };
  expect(failure(() => playerTrackOf(broken))).toContain('NO_INIT track "b": its CMAF header is malformed');
});
