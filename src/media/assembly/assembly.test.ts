/** Segments of a source of our own, in orders that networks, relays and encoders cause. */

import { describe, expect, test } from "vitest";
import { instant } from "../../base/time.ts";
import {
  boxesIn,
  emitFragment,
  type InitSegment,
  NON_SYNC_SAMPLE,
  parseInitSegment,
  SYNC_SAMPLE,
} from "../bmff/index.ts";
import { Packager } from "../packager/index.ts";
import { type IncomingSegment, readFragment } from "../segments/index.ts";
import { TestSource } from "../test-source/index.ts";
import { type AssemblyEvent, type AssemblyOptions, PlayableStream, SegmentAssembly } from "./index.ts";

const initOf = (frameRate = 30): InitSegment =>
  parseInitSegment(new TestSource({ start: instant(0), hasAudio: false, frameRate }).pollBytes(instant(0))!);
const INIT = initOf();
const SOUND = parseInitSegment(new TestSource({ start: instant(0), hasVideo: false }).pollBytes(instant(0))!);
/** Units in a second of the video. */
const SECOND = 30 * 512;

class Scene {
  readonly assembly: SegmentAssembly;
  readonly events: AssemblyEvent[] = [];
  readonly stopped: number[] = [];
  now = instant(0);
  #sequence = 0;

  constructor(options?: AssemblyOptions) {
    this.assembly = new SegmentAssembly(options);
  }

  segment(timestamp: number | undefined, init = INIT): IncomingSegment {
    this.#sequence += 1;
    const sequence = this.#sequence;
    return { track: init.tracks[0]!, init, timestamp, sequence, stop: () => this.stopped.push(sequence) };
  }

  /** A fragment of ten frames that begins at `seconds`. */
  fragment(segment: IncomingSegment, seconds: number, shift: readonly number[] = []): void {
    const { timescale, id } = segment.track;
    const duration = Math.round(timescale / 30);
    const samples = Array.from({ length: 10 }, (_, i) => ({
      size: 100,
      duration,
      compositionOffset: (shift[i] ?? 0) * duration,
      flags: i === 0 ? SYNC_SAMPLE : NON_SYNC_SAMPLE,
    }));
    const baseDecodeTime = Math.round(seconds * timescale);
    const bytes = emitFragment({ sequence: 1, trackId: id, baseDecodeTime, samples, payload: [new Uint8Array(1_000)] });
    const content = readFragment({ moof: boxesIn(bytes)[0]!.bytes, offset: 0 }, segment.init);
    this.handle({ type: "fragment", segment, fragment: { bytes, content, wallClock: undefined } });
  }

  end(segment: IncomingSegment, isComplete = true): void {
    this.handle({ type: "segment-end", segment, isComplete });
  }

  /** A whole second of video, in three fragments. */
  whole(start: number, timestamp: number | undefined = start): void {
    const segment = this.segment(timestamp);
    for (const part of [0, 1, 2]) this.fragment(segment, start + part / 3);
    this.end(segment);
  }

  wait(milliseconds: number): void {
    this.now = instant(this.now + milliseconds * 1_000);
    const next = this.assembly.nextTimeout();
    if (next !== undefined && next <= this.now) this.assembly.handleTimeout(this.now);
    this.#drain();
  }

  handle(event: Parameters<SegmentAssembly["handle"]>[0]): void {
    this.assembly.handle(event, this.now);
    this.#drain();
  }

  /** The times of what was told, and what was not: "0 0.3 skip 0.3-2 late". */
  get told(): string {
    const short = (value: number): string => String(Math.round(value * 10) / 10);
    return this.events
      .map((event) => {
        if (event.type === "fragment") return short(event.fragment.time);
        if (event.type === "track") return `track ${event.track.timescale}`;
        return `${event.type} ${short(event.from)}-${short(event.to)}${event.type === "skip" ? ` ${event.reason}` : ""}`;
      })
      .join(" ");
  }

  #drain(): void {
    for (let event = this.assembly.pollEvent(); event !== undefined; event = this.assembly.pollEvent())
      this.events.push(event);
  }
}

const TRACK = `track ${SECOND}`;

describe("an assembly", () => {
  test("puts segments in order that overtake each other", () => {
    const scene = new Scene();
    const [a, b] = [scene.segment(0), scene.segment(1)];
    scene.fragment(a, 0);
    scene.fragment(b, 1);
    scene.fragment(b, 4 / 3);
    expect(scene.assembly.held).toBeGreaterThan(0);
    scene.fragment(a, 1 / 3);
    scene.fragment(a, 2 / 3);
    scene.end(a);
    expect(scene.told).toBe(`${TRACK} 0 0.3 0.7 1 1.3`);
    expect([scene.assembly.held, scene.stopped]).toEqual([0, []]);
  });

  test("gives the rest of a segment up after the wait, and takes it no more", () => {
    const scene = new Scene({ maxWait: 200 });
    const [a, b] = [scene.segment(0), scene.segment(1)];
    scene.fragment(a, 0);
    scene.fragment(b, 1);
    scene.wait(199);
    expect(scene.told).toBe(`${TRACK} 0`);
    scene.wait(1);
    expect(scene.told).toBe(`${TRACK} 0 skip 0.3-1 late 1`);
    scene.fragment(a, 1 / 3);
    expect([scene.told, scene.stopped]).toEqual([`${TRACK} 0 skip 0.3-1 late 1`, [1]]);
    // One that begins before what was told is of no use either.
    scene.fragment(scene.segment(0.5), 0.5);
    expect(scene.stopped).toEqual([1, 3]);
  });

  test("leaves a segment that was cut off at once", () => {
    const scene = new Scene();
    const a = scene.segment(0);
    scene.fragment(a, 0);
    scene.end(a, false);
    scene.whole(1);
    expect(scene.told).toBe(`${TRACK} 0 skip 0.3-1 late 1 1.3 1.7`);
  });

  test("a jump forward is a gap, told after the wait", () => {
    const scene = new Scene();
    scene.whole(0);
    scene.whole(100);
    scene.wait(100);
    expect(scene.told).toBe(`${TRACK} 0 0.3 0.7 skip 1-100 gap 100 100.3 100.7`);
  });

  test("times that go back begin another timeline", () => {
    const scene = new Scene();
    scene.whole(100);
    scene.whole(101);
    scene.whole(0);
    scene.whole(1);
    expect(scene.told).toBe(`${TRACK} 100 100.3 100.7 101 101.3 101.7 restart 102-0 0 0.3 0.7 1 1.3 1.7`);
  });

  test("the message's timestamp counts, not the container's", () => {
    const scene = new Scene();
    scene.whole(50, 7);
    const [first] = scene.events.filter((event) => event.type === "fragment");
    const moof = boxesIn(first!.fragment.bytes)[0]!.bytes;
    expect(readFragment({ moof, offset: 0 }, INIT).baseDecodeTime).toBe(7 * SECOND);
    expect(scene.told).toBe(`${TRACK} 7 7.3 7.7`);
  });

  test("frames out of presentation order keep the order of decoding", () => {
    const scene = new Scene();
    const segment = scene.segment(2 + 1 / 30);
    // Decoded at 2, the first is shown one frame later: its sender says when that is.
    scene.fragment(segment, 2, [1, 3, 1, 0, 3, 1, 0, 3, 1, 0]);
    scene.fragment(segment, 2 + 1 / 3, [2]);
    expect(scene.told).toBe(`${TRACK} 2 2.3`);
  });

  test("two sessions bring the same segments: each is told once", () => {
    const scene = new Scene();
    const old = scene.segment(0);
    scene.fragment(old, 0);
    scene.fragment(old, 1 / 3);
    scene.assembly.handleReconnect();
    const again = { ...scene.segment(0), sequence: 1 };
    for (const part of [0, 1, 2]) scene.fragment(again, part / 3);
    scene.end(old, false);
    scene.end(again);
    scene.whole(1);
    expect(scene.told).toBe(`${TRACK} 0 0.3 0.7 1 1.3 1.7`);
  });

  test("another codec or sampling rate is told before its first fragment", () => {
    const scene = new Scene();
    scene.whole(0);
    const segment = scene.segment(1, initOf(60));
    scene.fragment(segment, 1);
    expect(scene.told).toBe(`${TRACK} 0 0.3 0.7 track ${2 * SECOND} 1`);
  });

  test("bounded memory: it goes on with what it has", () => {
    const scene = new Scene({ maxHeld: 20_000, maxWait: 60_000 });
    const first = scene.segment(0);
    scene.fragment(first, 0);
    for (let second = 1; second < 40; second += 1) scene.whole(second);
    expect(scene.assembly.held).toBeLessThanOrEqual(20_000);
    expect(scene.told).toContain("skip 0.3-1 late 1 ");
    expect(scene.stopped).toEqual([1]);
  });

  test("more tracks than allowed are stopped", () => {
    const scene = new Scene({ maxTracks: 1 });
    scene.whole(0);
    const sound = scene.segment(0, SOUND);
    scene.handle({ type: "segment", segment: sound });
    expect(scene.stopped).toEqual([2]);
  });

  test("says how late each fragment came", () => {
    const scene = new Scene();
    const segment = scene.segment(0);
    scene.fragment(segment, 0);
    scene.wait(533);
    scene.fragment(segment, 1 / 3);
    const delays = scene.events.flatMap((event) =>
      event.type === "fragment" ? [Math.round(event.fragment.delay)] : [],
    );
    expect(delays).toEqual([0, 200]);
  });
});

describe("a playable stream", () => {
  const sound = (id: number): InitSegment => {
    const { bytes } = SOUND;
    const copy = bytes.slice();
    const text = [..."tkhd"].map((each) => each.charCodeAt(0));
    const at = copy.findIndex((_, i) => text.every((code, j) => copy[i + j] === code));
    copy[at + 4 + 15] = id;
    const trex = [..."trex"].map((each) => each.charCodeAt(0));
    const other = copy.findIndex((_, i) => trex.every((code, j) => copy[i + j] === code));
    copy[other + 4 + 7] = id;
    return parseInitSegment(copy);
  };

  test("joins tracks of the same number, and waits for both kinds", () => {
    const scene = new Scene();
    const playable = new PlayableStream();
    const packager = new Packager();
    const video = scene.segment(0);
    const audio = scene.segment(0, sound(1));
    scene.fragment(video, 0);
    scene.fragment(audio, 0);
    for (const event of scene.events) playable.handle(event, scene.now);
    const parts: Uint8Array[] = [];
    for (let bytes = playable.pollBytes(); bytes !== undefined; bytes = playable.pollBytes()) parts.push(bytes);
    for (const part of parts) packager.push(part);
    packager.end();
    expect(packager.init!.segment.tracks.map(({ id, kind }) => [id, kind])).toEqual([
      [1, "video"],
      [2, "audio"],
    ]);
    const ids: number[] = [];
    for (let event = packager.pollEvent(); event !== undefined; event = packager.pollEvent())
      if (event.type === "object") ids.push(event.object.track.id);
    expect(ids).toEqual([1, 2]);
  });

  test("begins with one track after a wait, and again when another comes", () => {
    const scene = new Scene();
    const playable = new PlayableStream({ trackWait: 300 });
    const segment = scene.segment(0);
    scene.fragment(segment, 0);
    for (const event of scene.events) playable.handle(event, scene.now);
    expect(playable.pollBytes()).toBeUndefined();
    expect(playable.nextTimeout()).toBe(300_000);
    playable.handleTimeout(instant(300_000));
    const types = (bytes: Uint8Array | undefined) => boxesIn(bytes!).map(({ type }) => type);
    expect([types(playable.pollBytes()), types(playable.pollBytes())]).toEqual([
      ["ftyp", "moov"],
      ["moof", "mdat"],
    ]);
    const count = scene.events.length;
    scene.fragment(scene.segment(0, SOUND), 0);
    for (const event of scene.events.slice(count)) playable.handle(event, scene.now);
    expect(types(playable.pollBytes())).toEqual(["ftyp", "moov"]);
  });
});
