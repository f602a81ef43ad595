/** Sessions of Warp and of the base draft over one link in virtual time: the same cases for both. */

import { describe, expect, test } from "vitest";
import { instant } from "../../base/time.ts";
import { concat, utf8 } from "../../wire/text.ts";
import { PlayableStream } from "../assembly/index.ts";
import {
  BASE_MESSAGES,
  BaseSession,
  emitBaseMessage,
  emitOpenMessage,
  emitStreamHeaders,
} from "../base-draft/index.ts";
import { emitBox, STYP } from "../bmff/index.ts";
import type { OrderedCarrier } from "../carrier.ts";
import { Packager } from "../packager/index.ts";
import { TestSource } from "../test-source/index.ts";
import { emitWarpMessage, storedPrecedence, WarpSession } from "../warp/index.ts";
import type { SegmentSessionOptions } from "./index.ts";
import { type AnySession, SegmentLink } from "./testing/link.ts";

interface Protocol {
  readonly name: string;
  create(options: SegmentSessionOptions, role: "client" | "server"): AnySession;
  initHead(id: number): Uint8Array;
  segmentHead(init: number): Uint8Array;
}

const headers = (of: Parameters<typeof emitStreamHeaders>[0]): Uint8Array =>
  concat(emitBaseMessage(BASE_MESSAGES.headers, emitStreamHeaders(of)), emitOpenMessage(BASE_MESSAGES.segment));

const PROTOCOLS: readonly Protocol[] = [
  {
    name: "Warp",
    create: (options) => new WarpSession(options) as unknown as AnySession,
    initHead: (id) => emitWarpMessage({ init: { id } }),
    segmentHead: (init) => emitWarpMessage({ segment: { init, timestamp: 0 } }),
  },
  {
    name: "the base draft",
    create: (options, role) => new BaseSession({ ...options, role }) as unknown as AnySession,
    initHead: (id) => headers({ id, order: -9 }),
    segmentHead: (init) => headers({ depends: [init] }),
  },
];

const source = new TestSource({ start: instant(0), hasVideo: false });
const INIT = source.pollBytes(instant(0))!;
const SOUND = Array.from({ length: 3 }, () => source.pollBytes(source.nextTimeout())!);
const OTHER_INIT = new TestSource({ start: instant(0), hasAudio: false }).pollBytes(instant(0))!;

describe.each(PROTOCOLS)("$name", (protocol) => {
  const link = (limits: Partial<SegmentSessionOptions> = {}, options?: ConstructorParameters<typeof SegmentLink>[1]) =>
    new SegmentLink((carrier: OrderedCarrier, role) => protocol.create({ carrier, ...limits }, role), options);

  test("delivers every frame in order, as a file that a player takes, and ends with code 0", () => {
    const run = link();
    run.run(2_000);
    run.stopSource();
    run.server.end(run.now);
    run.run(50);
    const times = run.of("fragment").map(({ fragment }) => [fragment.key, fragment.time] as const);
    for (const [key, count] of [
      ["video-1", 60],
      ["audio-2", 100],
    ] as const) {
      const own = times.filter(([of]) => of === key).map(([, time]) => time);
      expect(own).toHaveLength(count);
      expect(own).toEqual([...own].sort((a, b) => a - b));
    }
    expect([run.of("skip"), run.of("restart")]).toEqual([[], []]);
    expect(run.up.closed ?? run.down.closed).toEqual({ code: 0, reason: "" });
    expect(run.clientEvents.at(-1)).toMatchObject({ type: "closed", code: 0, isOurs: false });

    const playable = new PlayableStream();
    const packager = new Packager();
    for (const event of run.assembled) playable.handle(event, instant(0));
    for (let bytes = playable.pollBytes(); bytes !== undefined; bytes = playable.pollBytes()) packager.push(bytes);
    packager.end();
    let objects = 0;
    for (let event = packager.pollEvent(); event !== undefined; event = packager.pollEvent()) {
      if (event.type === "notice") throw new Error(event.notice.message);
      if (event.type === "object") objects += 1;
    }
    expect(objects).toBe(160);
  });

  test("keeps sound and skips video on a slow link, and catches up at once", () => {
    const run = link();
    run.rate = 200;
    run.run(1_500);
    run.rate = 60;
    run.run(3_000);
    run.rate = 2_000;
    run.run(1_500);
    const sound = run.of("fragment").filter(({ fragment }) => fragment.key === "audio-2");
    expect(sound).toHaveLength(300);
    expect(Math.max(...sound.map(({ fragment }) => fragment.delay))).toBeLessThan(100);
    const [skip] = run.of("skip");
    expect(
      run.of("skip").every(({ key, from, to, reason }) => key === "video-1" && to > from && reason === "late"),
    ).toBe(true);
    expect(skip!.to - skip!.from).toBeGreaterThan(0.3);
    const last = run.of("fragment").at(-1)!.fragment;
    expect(last.time).toBeGreaterThan(5.9);
    // The consumer gave up what it skipped.
    expect(run.up.stops.length).toBeGreaterThan(0);
    expect(run.serverEvents.filter((event) => event.type === "dropped").map((event) => event.dropped.reason)).toContain(
      "stopped",
    );
  });

  test("a recorder that waits gets everything", () => {
    const run = link({}, { assembly: { maxWait: 60_000 } });
    run.rate = 60;
    run.run(2_500);
    run.rate = 2_000;
    run.run(500);
    expect(run.of("skip")).toEqual([]);
    expect(run.of("fragment").filter(({ fragment }) => fragment.key === "video-1")).toHaveLength(90);
  });

  test.each([
    ["queued", { maxQueued: 30_000 }],
    ["segments", { maxSegments: 4 }],
    ["age", { maxAge: 500 }],
  ] as const)("a queue that is too long is cut at its tail: %s", (reason, limits) => {
    const run = link(limits, { assembly: { maxWait: 60_000 } });
    run.rate = 10;
    run.run(4_000);
    const dropped = run.serverEvents.flatMap((event) => (event.type === "dropped" ? [event.dropped] : []));
    expect(dropped.map((each) => each.reason)).toContain(reason);
    expect(run.down.resets.every(({ code }) => code === 0)).toBe(true);
    const videos = dropped.filter(({ label }) => label.track?.kind === "video").map(({ label }) => label.group);
    // The oldest first, and never an initialization segment.
    expect(videos).toEqual([...videos].sort((a, b) => a - b));
    expect(dropped.every(({ label }) => label.kind === "media")).toBe(true);
    expect(run.server.queued).toBeLessThan(200_000);
  });

  test("without streams, the lowest make room, and the newest go when there are some", () => {
    const run = link();
    run.rate = 20;
    run.down.streamsLeft = 5;
    run.run(2_500);
    expect(run.serverEvents.some((event) => event.type === "dropped" && event.dropped.reason === "streams")).toBe(true);
    run.down.streamsLeft = 10;
    run.server.handleStreamsAvailable();
    run.rate = 2_000;
    run.run(1_000);
    expect(run.of("fragment").at(-1)!.fragment.time).toBeGreaterThan(3.3);
  });

  test("while paused, no segment begins", () => {
    const run = link();
    run.run(500);
    run.server.isPaused = true;
    run.run(2_000);
    expect(run.of("fragment").at(-1)!.fragment.time).toBeLessThan(1);
    run.server.isPaused = false;
    run.run(1_000);
    expect(run.of("skip").map(({ reason }) => reason)).toEqual(["gap", "gap"]);
    expect(run.of("fragment").at(-1)!.fragment.time).toBeGreaterThan(3.3);
  });

  /** A client that gets streams of our making. */
  function client(limits: Partial<SegmentSessionOptions> = {}) {
    const run = link(limits);
    run.stopSource();
    let next = 3;
    const push = (fin: boolean, ...parts: readonly Uint8Array[]): number => {
      const stream = next;
      next += 4;
      run.client.handleStream(stream, "uni");
      for (const part of parts) run.client.handleData(stream, "uni", part, false, run.now);
      if (fin) run.client.handleData(stream, "uni", new Uint8Array(0), true, run.now);
      run.run(5);
      return stream;
    };
    return { run, push };
  }

  test("media before its initialization segment waits for it", () => {
    const { run, push } = client();
    push(true, protocol.segmentHead(7), STYP, ...SOUND);
    expect(run.of("fragment")).toEqual([]);
    expect(run.client.held).toBe(SOUND.reduce((sum, { length }) => sum + length, 0));
    push(true, protocol.initHead(7), INIT);
    expect(run.of("fragment")).toHaveLength(3);
    expect(run.client.held).toBe(0);
  });

  test("without its initialization segment it is given up, after a time and beyond a size", () => {
    const { run, push } = client({ initTimeout: 200, maxWaiting: 2_000 });
    const first = push(false, protocol.segmentHead(7), STYP, SOUND[0]!);
    run.run(300);
    expect(run.up.stops).toEqual([{ stream: first, code: 0 }]);
    const large = push(false, protocol.segmentHead(7), ...Array.from({ length: 40 }, () => SOUND[1]!));
    expect(run.up.stops.at(-1)).toEqual({ stream: large, code: 0 });
    expect(run.client.held).toBe(0);
    expect(run.client.isClosed).toBe(false);
  });

  test("an id with other bytes ends the session", () => {
    const { run, push } = client();
    push(true, protocol.initHead(7), INIT);
    push(true, protocol.initHead(7), INIT);
    expect(run.client.isClosed).toBe(false);
    push(true, protocol.initHead(7), OTHER_INIT);
    expect(run.up.closed).toEqual({ code: 1, reason: "another initialization segment 7" });
  });

  test("a malformed stream is refused, and the session goes on", () => {
    const { run, push } = client();
    push(true, protocol.initHead(7), INIT);
    const bad = push(false, utf8("nothing of the kind"));
    const strange = push(false, protocol.segmentHead(7), emitBox("mdat"));
    expect(run.up.stops).toEqual([
      { stream: bad, code: 1 },
      { stream: strange, code: 1 },
    ]);
    expect(run.clientEvents.filter(({ type }) => type === "refused")).toHaveLength(2);
    push(true, protocol.segmentHead(7), STYP, ...SOUND);
    expect(run.of("fragment")).toHaveLength(3);
  });

  test("a stream that is reset in a fragment keeps those before it", () => {
    const { run, push } = client();
    push(true, protocol.initHead(7), INIT);
    const stream = push(false, protocol.segmentHead(7), STYP, SOUND[0]!, SOUND[1]!.subarray(0, -1));
    expect(run.client.held).toBeGreaterThan(0);
    run.client.handleReset(stream, 0);
    run.run(5);
    expect([run.of("fragment").length, run.client.held]).toEqual([1, 0]);
    expect(run.clientEvents.at(-1)).toMatchObject({ type: "segment-end", isComplete: false });
  });

  test("streams in both directions, too many streams, and too many initialization segments", () => {
    const { run, push } = client({ maxStreams: 2, maxInits: 2 });
    run.client.handleStream(1, "bidi");
    expect([run.up.stops, run.up.resets]).toEqual([[{ stream: 1, code: 1 }], [{ stream: 1, code: 1 }]]);
    for (const id of [1, 2, 3]) push(false, protocol.segmentHead(id), STYP);
    expect(run.up.stops.at(-1)).toEqual({ stream: 11, code: 0 });
    const other = client({ maxInits: 2 });
    for (const id of [1, 2, 3]) other.push(true, protocol.initHead(id), INIT);
    expect(other.run.up.closed).toEqual({ code: 1, reason: "too many initialization segments" });
  });

  test("incomplete boxes have a limit together", () => {
    const { run, push } = client({ maxHeld: 1_000 });
    push(true, protocol.initHead(7), INIT);
    const [sound] = SOUND;
    const large = concat(sound!.subarray(0, sound!.length - 1));
    const streams = Array.from({ length: 12 }, () => push(false, protocol.segmentHead(7), STYP, large));
    expect(run.up.stops.length).toBeGreaterThan(0);
    expect(run.client.held).toBeLessThanOrEqual(1_000 + large.length);
    expect(streams).toContain(run.up.stops[0]!.stream);
  });
});

test("stored media goes oldest first", () => {
  const run = new SegmentLink((carrier) => {
    return new WarpSession({
      carrier,
      precedence: storedPrecedence,
      maxAge: Number.POSITIVE_INFINITY,
    }) as unknown as AnySession;
  });
  run.rate = 60;
  run.run(3_000);
  const orders = [...run.down.streams.values()].map(({ order }) => order);
  expect(Math.max(...orders)).toBeLessThan(2 ** 51);
  expect(run.of("fragment").filter(({ fragment }) => fragment.key === "video-1")[0]?.fragment.time).toBe(0);
  expect(run.server.nextTimeout()).toBeUndefined();
});
