/** moq-lite-05: bytes as moq-dev's codec writes them, two sessions in memory, and a peer that breaks the rules. */

import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { fromHex, toHex } from "../../wire/hex.ts";
import { Reader } from "../../wire/reader.ts";
import { concat, utf8 } from "../../wire/text.ts";
import type { MoqCarrier, SendOrder, StreamDirection, StreamId } from "../moq/index.ts";
import {
  LITE_ERRORS,
  type LiteDelivery,
  type LiteEvent,
  LiteGroupReader,
  LiteSession,
  type LiteSetup,
  litePath,
} from "./index.ts";
import { emitLiteDatagram, emitLiteMessage, LITE, readLiteMessage, unzigzag, zigzag } from "./messages.ts";

type Delivery = (to: LiteSession) => void;

class Link implements MoqCarrier {
  readonly sent: Delivery[] = [];
  readonly written = new Map<StreamId, Uint8Array>();
  readonly orders = new Map<StreamId, number>();
  readonly #directions: Map<StreamId, StreamDirection>;
  #next: number;

  constructor(directions: Map<StreamId, StreamDirection>, first: number) {
    this.#directions = directions;
    this.#next = first;
  }

  openStream(direction: StreamDirection): StreamId {
    const id = this.#next;
    this.#next += 2;
    this.#directions.set(id, direction);
    this.sent.push((to) => to.handleStream(id, direction));
    return id;
  }

  write(stream: StreamId, bytes: Uint8Array, fin: boolean): void {
    this.written.set(stream, concat(this.written.get(stream) ?? new Uint8Array(0), bytes));
    const direction = this.#directions.get(stream)!;
    const half = bytes.length >> 1;
    this.sent.push((to) => to.handleData(stream, direction, bytes.subarray(0, half), false));
    this.sent.push((to) => to.handleData(stream, direction, bytes.subarray(half), fin));
  }

  setOrder(stream: StreamId, { sendOrder }: SendOrder): void {
    this.orders.set(stream, sendOrder);
  }

  reset(stream: StreamId, code: number): void {
    this.sent.push((to) => to.handleReset(stream, code));
  }

  stopSending(stream: StreamId, code: number): void {
    this.sent.push((to) => to.handleStopped(stream, code));
  }

  sendDatagram(bytes: Uint8Array): void {
    this.sent.push((to) => to.handleDatagram(bytes));
  }

  close(code: number, reason: string): void {
    this.sent.push((to) => to.handleClosed(code, reason));
  }
}

class Pair {
  readonly links: readonly [Link, Link];
  readonly client: LiteSession;
  readonly server: LiteSession;

  constructor(setup: LiteSetup = {}) {
    const directions = new Map<StreamId, StreamDirection>();
    this.links = [new Link(directions, 0), new Link(directions, 1)];
    this.client = new LiteSession({ carrier: this.links[0], setup });
    this.server = new LiteSession({ carrier: this.links[1], maxRequests: 20 });
    this.client.start();
    this.server.start();
  }

  settle(): void {
    while (this.links[0].sent.length + this.links[1].sent.length > 0) {
      for (const delivery of this.links[0].sent.splice(0)) delivery(this.server);
      for (const delivery of this.links[1].sent.splice(0)) delivery(this.client);
    }
  }
}

function eventsOf(session: LiteSession): LiteEvent[] {
  const events: LiteEvent[] = [];
  for (let event = session.pollEvent(); event !== undefined; event = session.pollEvent()) events.push(event);
  return events;
}

const LIVE: LiteDelivery = { priority: 9, isOrdered: false, maxLatency: 500 };
const INFO = { priority: 1, isOrdered: false, maxLatency: 10_000, timescale: 1_000 };

describe("bytes", () => {
  test("messages have a length, and optional groups count from 1", () => {
    const subscribe = { id: 3, broadcast: "/a//b/", track: "v", delivery: { ...LIVE, startGroup: 0 } };
    expect(toHex(emitLiteMessage(LITE.subscribe, subscribe, 2))).toBe("020d0303612f620176090041f40100");
    expect(toHex(emitLiteMessage(LITE.announceRequest, { prefix: "", exclude: 0 }, 1))).toBe("01020000");
    expect(toHex(emitLiteMessage(LITE.announcement, { isActive: true, suffix: "x", hops: [7] }))).toBe("050101780107");
    expect(toHex(emitLiteMessage(LITE.trackInfo, INFO))).toBe("060100671043e8");
    expect(toHex(emitLiteMessage(LITE.setup, { path: "/x", origin: 5 }, 1))).toBe("01080202022f78050105");
    const datagram = { subscription: 1, group: 2, timestamp: 3, payload: utf8("p") };
    expect(toHex(emitLiteDatagram(datagram)!)).toBe("01020370");
    expect(emitLiteDatagram({ ...datagram, payload: new Uint8Array(1_198) })).toBeUndefined();
  });

  test("paths lose needless slashes", () => {
    expect(["/a//b/", "a", "", "///"].map(litePath)).toEqual(["a/b", "a", "", ""]);
  });

  test("differences of timestamps may be negative", () => {
    expect([0, -1, 1, -2, 2].map(zigzag)).toEqual([0, 1, 2, 3, 4]);
    fc.assert(fc.property(fc.integer(), (value) => unzigzag(zigzag(value)) === value));
  });

  test("any bytes are a message or a violation", () => {
    const fields = [LITE.setup, LITE.subscribe, LITE.announcement, LITE.announceRequest, LITE.trackInfo, LITE.goaway];
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.constantFrom(...fields), (bytes, field) => {
        const message = concat(Uint8Array.of(bytes.length), new Uint8Array(bytes));
        try {
          readLiteMessage(new Reader(message), field as typeof LITE.setup, "test");
        } catch (error) {
          expect(error).toMatchObject({ code: LITE_ERRORS.PROTOCOL_VIOLATION.code });
        }
      }),
    );
  });

  test("frames are read wherever they are cut", () => {
    const bytes = fromHex("02 05 07  4fa0 03 616263  01 00  04 01 64");
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const reader = new LiteGroupReader();
      const events: unknown[] = [];
      for (const part of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
        reader.push(part);
        for (let event = reader.poll(); event !== undefined; event = reader.poll())
          events.push(
            event.type === "payload" ? toHex(event.bytes) : event.type === "frame" ? event.timestamp : event.sequence,
          );
      }
      reader.end();
      expect(events.filter((each) => typeof each === "number")).toEqual([7, 2_000, 1_999, 2_001]);
      expect(events.filter((each) => typeof each === "string").join("")).toBe("61626364");
    }
  });
});

describe("sessions", () => {
  let pair: Pair;
  beforeEach(() => {
    pair = new Pair({ path: "/live", role: "subscriber" });
    pair.settle();
  });

  test("each side hears of the other's setup", () => {
    expect(eventsOf(pair.server)).toEqual([{ type: "setup", setup: { path: "/live", role: "subscriber" } }]);
    expect(eventsOf(pair.client)).toEqual([{ type: "setup", setup: {} }]);
  });

  test("broadcasts are announced, and go away", () => {
    eventsOf(pair.client);
    const stream = pair.client.requestAnnouncements("live/", 7)!;
    pair.settle();
    expect(eventsOf(pair.server).at(-1)).toEqual({ type: "announce-request", stream, prefix: "live", exclude: 7 });
    pair.server.acceptAnnounce(stream, 4, 1);
    pair.server.announce(stream, { isActive: true, suffix: "a", hops: [1, 2] });
    pair.server.announce(stream, { isActive: false, suffix: "a", hops: [] });
    pair.settle();
    expect(eventsOf(pair.client)).toEqual([
      { type: "announce-ok", stream, origin: 4, active: 1 },
      { type: "announcement", stream, announcement: { isActive: true, suffix: "a", hops: [1, 2] } },
      { type: "announcement", stream, announcement: { isActive: false, suffix: "a", hops: [] } },
    ]);
    pair.client.cancel(stream);
    pair.settle();
    expect(eventsOf(pair.server)).toMatchObject([{ type: "end", stream, code: LITE_ERRORS.CANCELLED.code }]);
    expect([pair.client.openRequests, pair.server.openRequests]).toEqual([0, 0]);
  });

  test("a track says what it is, and a subscription brings groups", () => {
    const track = pair.client.requestTrack("live/a", "video")!;
    const stream = pair.client.subscribe("live/a", "video", LIVE)!;
    pair.settle();
    expect(eventsOf(pair.server).slice(1)).toEqual([
      { type: "track", stream: track, broadcast: "live/a", track: "video" },
      {
        type: "subscribe",
        stream,
        subscribe: {
          id: 0,
          broadcast: "live/a",
          track: "video",
          delivery: { ...LIVE, startGroup: undefined, endGroup: undefined },
        },
      },
    ]);
    pair.server.sendTrackInfo(track, INFO);
    pair.server.answer(stream, { type: "start", group: 4 });
    const group = pair.server.openGroup(stream, 4)!;
    group.frame(90_000, 3);
    group.payload(utf8("abc"));
    group.frame(89_000, 0);
    group.end();
    expect(pair.server.sendDatagram(stream, { group: 5, timestamp: 9, payload: utf8("d") })).toBe(true);
    pair.server.answer(stream, { type: "drop", start: 6, end: 7, code: 2 });
    pair.server.answer(stream, { type: "end", group: 7 }, true);
    pair.settle();
    const events = eventsOf(pair.client).slice(1);
    expect(events.filter(({ type }) => type !== "payload")).toEqual([
      { type: "track-info", stream: track, info: INFO },
      { type: "end", stream: track, code: undefined },
      { type: "answer", stream, answer: { type: "start", group: 4 } },
      { type: "group", stream: group.stream, request: stream, sequence: 4 },
      { type: "frame", stream: group.stream, timestamp: 90_000, length: 3 },
      { type: "frame", stream: group.stream, timestamp: 89_000, length: 0 },
      { type: "group-end", stream: group.stream, code: undefined },
      { type: "datagram", request: stream, datagram: { subscription: 0, group: 5, timestamp: 9, payload: utf8("d") } },
      { type: "answer", stream, answer: { type: "drop", start: 6, end: 7, code: 2 } },
      { type: "answer", stream, answer: { type: "end", group: 7 } },
      { type: "end", stream, code: undefined },
    ]);
    expect([pair.client.openRequests, pair.server.openRequests]).toEqual([0, 0]);
  });

  test("groups that the end of their subscription overtakes still come", () => {
    const stream = pair.client.subscribe("a", "v", LIVE)!;
    pair.settle();
    eventsOf(pair.client);
    const group = pair.server.openGroup(stream, 1)!;
    group.frame(0, 0);
    group.end();
    const late = pair.links[1].sent.splice(0);
    pair.server.answer(stream, { type: "end", group: 1 }, true);
    pair.settle();
    pair.links[1].sent.push(...late);
    pair.settle();
    expect(eventsOf(pair.client).map(({ type }) => type)).toEqual(["answer", "end", "group", "frame", "group-end"]);
  });

  test("a refusal is a reset, and groups of what was cancelled are stopped", () => {
    const refused = pair.client.subscribe("a", "v", LIVE)!;
    const left = pair.client.subscribe("a", "w", LIVE)!;
    pair.settle();
    pair.server.cancel(refused, LITE_ERRORS.NOT_FOUND.code);
    const group = pair.server.openGroup(left, 1)!;
    pair.client.cancel(left);
    pair.settle();
    expect(eventsOf(pair.client)).toContainEqual({ type: "end", stream: refused, code: LITE_ERRORS.NOT_FOUND.code });
    expect(eventsOf(pair.server)).toContainEqual({
      type: "stopped",
      stream: group.stream,
      code: LITE_ERRORS.CANCELLED.code,
    });
    expect(pair.server.openGroup(left, 2)).toBeUndefined();
  });

  test("the highest priority leaves first, and an update changes it", () => {
    const streams = [3, 200].map((priority) => pair.client.subscribe("a", "v", { ...LIVE, priority })!);
    pair.settle();
    const order = (stream: StreamId, sequence: number): number =>
      pair.links[1].orders.get(pair.server.openGroup(stream, sequence)!.stream)!;
    const [low, high] = streams.map((stream) => order(stream, 1));
    expect(high).toBeGreaterThan(low!);
    // The newest first, unless the subscriber wants them in order.
    expect(order(streams[0]!, 2)).toBeGreaterThan(low!);
    pair.client.update(streams[0]!, { ...LIVE, priority: 255, isOrdered: true });
    pair.settle();
    expect(order(streams[0]!, 3)).toBeGreaterThan(high!);
    expect(order(streams[0]!, 4)).toBeLessThan(order(streams[0]!, 3));
  });

  test("a parameter of the setup may come once", () => {
    const session = new LiteSession({ carrier: new Link(new Map(), 1) });
    feed(session, 100, "uni", "01 07 02 02 01 61 02 01 62");
    expect(eventsOf(session)).toMatchObject([{ type: "closed", code: LITE_ERRORS.PROTOCOL_VIOLATION.code }]);
  });

  test("GOAWAY says where to go", () => {
    pair.server.goaway("https://b.example");
    pair.settle();
    expect(eventsOf(pair.client)).toContainEqual({ type: "goaway", uri: "https://b.example" });
  });

  test("streams of unknown types, fetches and probes are reset, and the session goes on", () => {
    for (const [stream, type] of [
      [100, 3],
      [102, 4],
      [104, 60],
    ] as const) {
      pair.server.handleStream(stream, "bidi");
      pair.server.handleData(stream, "bidi", Uint8Array.of(type, 0), false);
    }
    pair.server.handleStream(106, "uni");
    pair.server.handleData(106, "uni", Uint8Array.of(9), false);
    expect([pair.server.isClosed, pair.server.openRequests]).toEqual([false, 0]);
  });

  test("more requests than allowed are reset", () => {
    for (let i = 0; i < 25; i += 1) pair.client.subscribe("a", "v", LIVE);
    pair.settle();
    expect(pair.server.openRequests).toBe(20);
    expect(eventsOf(pair.client).filter(({ type }) => type === "end")).toHaveLength(5);
  });

  test.each<[string, (session: LiteSession) => void]>([
    [
      "a second SETUP",
      (s) => {
        for (const stream of [100, 102]) feed(s, stream, "uni", "01 01 00");
      },
    ],
    ["a URI that is longer than its message", (s) => feed(s, 100, "bidi", "05 01 05")],
    ["a message with bytes after its end", (s) => feed(s, 100, "bidi", "01 03 00 00 00")],
    ["a message that ends early", (s) => feed(s, 100, "bidi", "02 01 00")],
    ["a huge message", (s) => feed(s, 100, "bidi", "02 bfffffff")],
    ["a length above 2^53-1", (s) => feed(s, 100, "bidi", "02 ffffffffffffffff")],
    ["a request that ends in its middle", (s) => feed(s, 100, "bidi", "02 05 00", true)],
    ["a second message on the stream of a track", (s) => feed(s, 100, "bidi", "06 04 01 61 01 76 04 01 61 01 76")],
    ["a datagram without its fields", (s) => s.handleDatagram(Uint8Array.of(1))],
  ])("%s closes the session", (_, attack) => {
    attack(pair.server);
    expect(eventsOf(pair.server).at(-1)).toMatchObject({ type: "closed", code: LITE_ERRORS.PROTOCOL_VIOLATION.code });
    expect(pair.server.openRequests).toBe(0);
  });
});

function feed(session: LiteSession, stream: StreamId, direction: StreamDirection, hex: string, fin = false): undefined {
  session.handleStream(stream, direction);
  session.handleData(stream, direction, fromHex(hex), fin);
}
