/** What the base draft has beside segments: GOAWAY, messages of applications, and dependencies. */

import { describe, expect, test } from "vitest";
import { millis } from "../../base/time.ts";
import { utf8 } from "../../wire/text.ts";
import { type AnySession, SegmentLink } from "../segments/testing/link.ts";
import {
  BASE_MESSAGES,
  BaseSession,
  emitBaseMessage,
  emitStreamHeaders,
  liveOrder,
  type StreamHeaders,
} from "./index.ts";

function link() {
  const sessions = new Map<string, BaseSession>();
  const run = new SegmentLink((carrier, role) => {
    const session = new BaseSession({ carrier, role });
    sessions.set(role, session);
    return session as unknown as AnySession;
  });
  const events = (type: string) => run.clientEvents.filter((event) => (event.type as string) === type);
  return { run, server: sessions.get("server")!, client: sessions.get("client")!, events };
}

test("a smaller order is sooner: the newest first, and audio before video", () => {
  expect([liveOrder(2_000, false), liveOrder(2_000, true), liveOrder(3_000, false)]).toEqual([-2_000, -5_000, -3_000]);
  const { run, events } = link();
  run.run(100);
  const orders = events("headers").map((event) => (event as unknown as { headers: StreamHeaders }).headers);
  expect(orders.filter(({ id }) => id === undefined)).toEqual([
    { order: -3_000, depends: [2] },
    { order: 0, depends: [1] },
  ]);
});

describe("GOAWAY", () => {
  test("lets segments go on, begins no others, and closes with 1", () => {
    const { run, server, events } = link();
    run.run(500);
    expect(server.goaway("https://other.example/live", 2_000, run.now)).toBe(true);
    run.run(1_900);
    expect(events("goaway")).toEqual([{ type: "goaway", url: "https://other.example/live" }]);
    const last = run.of("fragment").at(-1)!.fragment;
    expect([last.time > 0.9, last.time < 1]).toEqual([true, true]);
    expect(run.down.closed).toBeUndefined();
    run.run(200);
    expect(run.down.closed?.code).toBe(1);
  });

  test("of a client is ignored, and refused when it is asked for", () => {
    const { run, client, server } = link();
    expect(() => client.goaway("https://x.example", 1, run.now)).toThrow("GOAWAY is sent by servers");
    expect(() => server.goaway("http://x.example", 1, run.now)).toThrow("does not begin with https://");
    const { handleStream, handleData } = server;
    handleStream.call(server, 2, "uni");
    const goaway = emitBaseMessage(BASE_MESSAGES.goaway, utf8("https://x.example"));
    for (const part of [emitBaseMessage(BASE_MESSAGES.headers, emitStreamHeaders({})), goaway])
      handleData.call(server, 2, "uni", part, false, run.now);
    run.run(5);
    expect(run.serverEvents.some((event) => (event.type as string) === "goaway")).toBe(false);
    expect(server.nextTimeout() ?? 0).toBeLessThanOrEqual(run.now + millis(10_000));
  });
});

test("messages of applications come in order, on one stream", () => {
  const { run, client } = link();
  run.stopSource();
  client.sendApp(utf8("PAUSE"));
  client.sendApp(utf8("PLAY"));
  run.run(5);
  const messages = run.serverEvents as unknown as { type: string; bytes: Uint8Array; stream: number }[];
  expect(messages.filter(({ type }) => type === "app").map(({ bytes, stream }) => [stream, ...bytes])).toEqual([
    [2, ...utf8("PAUSE")],
    [2, ...utf8("PLAY")],
  ]);
});

test("a message of an application that is too large is refused", () => {
  const { run, client } = link();
  run.stopSource();
  client.sendApp(new Uint8Array(70_000));
  run.run(200);
  expect(run.down.stops).toEqual([{ stream: 2, code: 1 }]);
});

describe("headers", () => {
  function refusals(...all: readonly StreamHeaders[]): string[] {
    const { run, client } = link();
    run.stopSource();
    for (const [index, headers] of all.entries()) {
      const stream = 3 + 4 * index;
      client.handleStream(stream, "uni");
      client.handleData(
        stream,
        "uni",
        emitBaseMessage(BASE_MESSAGES.headers, emitStreamHeaders(headers)),
        false,
        run.now,
      );
    }
    run.run(5);
    return run.clientEvents.flatMap((event) =>
      event.type === "refused" ? [`${event.stream} ${event.error.message}`] : [],
    );
  }

  test.each<[string, StreamHeaders[], string[]]>([
    [
      "in order",
      [
        { id: 1, order: 1 },
        { id: 2, order: 1, depends: [1] },
        { depends: [9], order: 3 },
      ],
      [],
    ],
    ["with an id that is in use", [{ id: 1 }, { id: 1 }], ["7 HEADERS: id 1 is in use"]],
    ["that need themselves", [{ id: 1, depends: [1] }], ["3 HEADERS: streams 1 and 1 need each other"]],
    [
      "in a circle",
      [
        { id: 1, depends: [3] },
        { id: 2, depends: [1] },
        { id: 3, depends: [2] },
      ],
      ["11 HEADERS: streams 3 and 2 need each other"],
    ],
    [
      "before what they need",
      [
        { id: 1, order: 5 },
        { order: 4, depends: [1] },
      ],
      ["7 HEADERS: an order of 4, before the 5 of stream 1 that it needs"],
    ],
  ])("%s", (_, all, expected) => {
    expect(refusals(...all)).toEqual(expected);
  });
});
