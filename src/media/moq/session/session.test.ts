/** Two sessions in virtual time: requests, objects, GOAWAY, tokens, and a peer that breaks the rules. */

import { beforeEach, describe, expect, test } from "vitest";
import { instant } from "../../../base/time.ts";
import { fromHex, toHex } from "../../../wire/hex.ts";
import { utf8 } from "../../../wire/text.ts";
import { ControlCodec } from "../codec.ts";
import { emitDatagram } from "../data/datagram.ts";
import { PUBLISH_DONE_CODES, REQUEST_ERRORS, SESSION_ERRORS, STREAM_ERRORS } from "../errors.ts";
import { Dialect } from "../fields.ts";
import type { MoqSession, NewRequest } from "./index.ts";
import { RequestIds } from "./request-ids.ts";
import { Pair } from "./testing/pair.ts";

const track = { namespace: [utf8("live")], name: utf8("video") };
const SUBSCRIBE: NewRequest = { type: "subscribe", track, parameters: { filter: { type: "next-group" } } };
const HEADER = {
  group: 3,
  subgroup: 0,
  priority: 7,
  hasProperties: false,
  endsGroup: true,
  startsSubgroup: true,
} as const;
const object = (number: number, payloadLength: number) => ({
  object: number,
  properties: [],
  status: "normal" as const,
  payloadLength,
});

/** Bytes on a stream that the other side of a pair does not know of. */
function feed(session: MoqSession, stream: number, direction: "uni" | "bidi", bytes: Uint8Array, fin = false): void {
  if (stream >= 99) session.handleStream(stream, direction);
  session.handleData(stream, direction, bytes, fin, instant(0));
}

describe.each([14, 16, 18, 20] as const)("draft %i", (draft) => {
  let pair: Pair;
  beforeEach(() => {
    pair = new Pair(draft, { implementation: "nagare", maxTokenCache: 100 });
    pair.settle();
  });

  test("both sides hear of the other's setup", () => {
    // Up to draft 16 with the limit of requests that the session keeps.
    const limit = draft < 18 ? { maxRequestId: 40 } : {};
    expect(pair.client.take("setup")).toEqual([
      { type: "setup", options: { implementation: "nagare", maxTokenCache: 100, ...limit } },
    ]);
    expect(pair.server.take("setup")).toEqual([{ type: "setup", options: limit }]);
  });

  /** Subscribes; returns the request's id. The server accepts with this alias. */
  function subscribed(alias = 9): number {
    const id = pair.client.session.request(SUBSCRIBE)!;
    pair.settle();
    const [request] = pair.server.take("request");
    expect(request!.message).toMatchObject({ type: "subscribe", requestId: id, track });
    pair.server.session.send(id, { type: "subscribe-ok", alias, parameters: {} });
    pair.settle();
    return id;
  }

  test("a subscription brings objects, and ends with the number of streams", () => {
    const id = subscribed();
    expect(pair.client.take("message")).toMatchObject([{ requestId: id, message: { type: "subscribe-ok", alias: 9 } }]);
    const sender = pair.server.session.openSubgroup(id, HEADER)!;
    sender.object(object(0, 4));
    sender.payload(utf8("abcd"));
    sender.object(object(1, 0));
    sender.end();
    const { session } = pair.server;
    session.send(id, { type: "publish-done", status: 2, streamCount: session.streamCount(id), reason: "over" });
    pair.settle();
    const events = pair.client.events();
    const payload = events.flatMap((event) => (event.type === "payload" ? [toHex(event.bytes)] : [])).join("");
    expect(payload).toBe("61626364");
    expect(events.filter(({ type }) => type !== "payload")).toMatchObject([
      {
        type: "subgroup",
        requestId: id,
        header: { ...HEADER, startsSubgroup: draft < 18 ? undefined : true, alias: 9 },
      },
      { type: "object", object: object(0, 4) },
      { type: "object", object: object(1, 0) },
      { type: "stream-end", code: undefined },
      { type: "message", message: { type: "publish-done", streamCount: 1 } },
      { type: "end", requestId: id, reason: { type: "finished" } },
    ]);
    expect([pair.client.session.openRequests, pair.server.session.openRequests]).toEqual([0, 0]);
  });

  test("data that comes before its alias waits, and goes on", () => {
    const id = pair.client.session.request(SUBSCRIBE)!;
    pair.settle();
    pair.server.session.send(id, { type: "subscribe-ok", alias: 5, parameters: {} });
    const [ok, rest] = [pair.server.carrier.sent.splice(0), pair.client.events()];
    expect(rest.map(({ type }) => type)).toEqual(["setup"]);
    const sender = pair.server.session.openSubgroup(id, HEADER)!;
    sender.object(object(0, 1));
    sender.payload(utf8("a"));
    sender.end();
    pair.settle();
    expect(pair.client.events()).toEqual([]);
    expect(pair.client.session.held).toBeGreaterThan(0);
    for (const delivery of ok) delivery(pair.client.session);
    // The answer first: who hears of an object knows its track.
    expect(pair.client.events().map(({ type }) => type)).toEqual([
      "message",
      "subgroup",
      "object",
      "payload",
      "stream-end",
    ]);
    expect([pair.client.session.held, pair.client.session.nextTimeout()]).toEqual([0, undefined]);
  });

  test("PUBLISH_DONE that overtakes streams ends the subscription after them", () => {
    const id = subscribed();
    pair.client.events();
    const { session, carrier } = pair.server;
    const sender = session.openSubgroup(id, HEADER)!;
    sender.object(object(0, 1));
    sender.payload(utf8("a"));
    sender.end();
    const late = carrier.sent.splice(0);
    session.send(id, { type: "publish-done", status: 2, streamCount: 1, reason: "" });
    pair.settle();
    expect(pair.client.events().map(({ type }) => type)).toEqual(["message"]);
    carrier.sent.push(...late);
    pair.settle();
    expect(pair.client.events().map(({ type }) => type)).toEqual([
      "subgroup",
      "object",
      "payload",
      "stream-end",
      "end",
    ]);
    expect([pair.client.session.openRequests, pair.client.session.nextTimeout()]).toEqual([0, undefined]);
  });

  test("a subscription that is done does not wait for streams that never come", () => {
    const id = subscribed();
    pair.client.events();
    pair.server.session.send(id, { type: "publish-done", status: 2, streamCount: 7, reason: "" });
    pair.settle();
    expect(pair.client.session.nextTimeout()).toBe(2_000_000);
    pair.client.session.handleTimeout(instant(2_000_000));
    expect(pair.client.take("end")).toMatchObject([{ requestId: id, reason: { type: "finished" } }]);
  });

  test("an update is answered as a message of its request", () => {
    const id = subscribed();
    pair.client.events();
    pair.client.session.update(id, { priority: 3, forward: false });
    pair.settle();
    expect(pair.server.take("message")).toMatchObject([
      { requestId: id, message: { type: "request-update", parameters: { priority: 3, forward: false } } },
    ]);
    pair.server.session.send(id, { type: "request-ok", parameters: {} });
    pair.settle();
    expect(pair.client.take("message")).toMatchObject([{ requestId: id, message: { type: "request-ok" } }]);
  });

  test("data whose alias never comes is refused after two seconds", () => {
    feed(pair.client.session, 101, "uni", fromHex("14 63 00 00 00 00 01 61"), false);
    expect(pair.client.session.nextTimeout()).toBe(2_000_000);
    pair.client.session.handleTimeout(instant(2_000_000));
    expect([pair.client.session.held, pair.client.session.nextTimeout(), pair.client.carrier.sent.length]).toEqual([
      0,
      undefined,
      1,
    ]);
  });

  test("thousands of streams that wait for an alias are bounded", () => {
    for (let i = 0; i < 3_000; i += 1) {
      feed(pair.client.session, 101 + 2 * i, "uni", fromHex("14 63 00 00 00 00 01 61"), false);
    }
    expect(pair.client.session.held).toBeLessThan(64 * 8);
    feed(pair.client.session, 99, "uni", fromHex(`14 63 00 00 00 ${"00".repeat(300_000)}`), false);
    expect([pair.client.session.held < 300_000, pair.client.session.isClosed]).toEqual([true, false]);
  });

  test("a request is refused with a reason", () => {
    const id = pair.client.session.request(SUBSCRIBE)!;
    pair.settle();
    const { code, sentence } = REQUEST_ERRORS.DOES_NOT_EXIST;
    pair.server.session.send(id, { type: "request-error", code, reason: sentence });
    pair.settle();
    expect(pair.client.take("message")).toMatchObject([{ requestId: id, message: { type: "request-error", code } }]);
    expect(pair.client.session.openRequests + pair.server.session.openRequests).toBe(0);
  });

  test("a request is cancelled from either side", () => {
    const first = subscribed(1);
    pair.client.session.cancel(first);
    pair.settle();
    expect(pair.server.take("end")).toEqual([
      { type: "end", requestId: first, reason: { type: "cancelled", code: STREAM_ERRORS.CANCELLED.code } },
    ]);
    // Its alias may be used again.
    const second = subscribed(1);
    pair.server.session.cancel(second, STREAM_ERRORS.TOO_FAR_BEHIND.code);
    pair.settle();
    const events = pair.client.events();
    if (draft < 18) {
      // PUBLISH_DONE says it, with the number that the draft has for it.
      const { code: status } = PUBLISH_DONE_CODES.TOO_FAR_BEHIND;
      expect(events.at(-2)).toMatchObject({ type: "message", message: { type: "publish-done", status } });
    }
    const reason = { type: draft < 18 ? "finished" : "cancelled" };
    expect(events.filter(({ type }) => type === "end")).toMatchObject([{ requestId: second, reason }]);
    expect(pair.client.session.openRequests + pair.server.session.openRequests).toBe(0);
  });

  test("a publisher publishes, and the objects of its subgroups come", () => {
    const id = pair.client.session.request({ type: "publish", track, alias: 77, parameters: {} })!;
    pair.settle();
    pair.server.session.send(id, { type: "request-ok", parameters: { forward: true } });
    const sender = pair.client.session.openSubgroup(id, HEADER)!;
    sender.object(object(0, 0));
    sender.reset(STREAM_ERRORS.DELIVERY_TIMEOUT.code);
    const datagram = {
      alias: 77,
      group: 4,
      object: 0,
      priority: 1,
      properties: [],
      endsGroup: false,
      status: "normal" as const,
      payload: utf8("d"),
    };
    pair.client.carrier.sendDatagram(emitDatagram(datagram, new Dialect(draft)).slice());
    pair.settle();
    expect(pair.server.events().slice(1)).toMatchObject([
      { type: "request", message: { type: "publish", alias: 77 } },
      { type: "subgroup", requestId: id },
      { type: "object" },
      { type: "stream-end", code: STREAM_ERRORS.DELIVERY_TIMEOUT.code },
      { type: "datagram", requestId: id, datagram: { group: 4, payload: utf8("d") } },
    ]);
  });

  test("a fetch brings its objects on one stream, in the order that was asked for", () => {
    const parameters = {
      groupOrder: "descending" as const,
      filter: { type: "range" as const, start: { group: 1, object: 0 }, endGroup: 2 },
    };
    const id = pair.client.session.request({ type: "fetch", track, parameters })!;
    pair.settle();
    pair.server.session.send(
      id,
      { type: "fetch-ok", endOfTrack: false, end: { group: 2, object: 0 }, parameters: {} },
      true,
    );
    const sender = pair.server.session.openFetch(id)!;
    for (const group of [2, 1]) {
      sender.object({ group, object: 0, subgroup: 0, priority: 1, properties: [], status: "normal", payloadLength: 1 });
      sender.payload(utf8(String(group)));
    }
    sender.end();
    pair.settle();
    const groups = pair.client.take("object").map((event) => ("group" in event.object ? event.object.group : -1));
    expect(groups).toEqual([2, 1]);
  });

  test("namespaces come and go on the stream of their request", () => {
    const id = pair.client.session.request({ type: "subscribe-namespace", prefix: [utf8("live")], parameters: {} })!;
    pair.settle();
    pair.server.session.send(id, { type: "request-ok", parameters: {} });
    pair.server.session.send(id, { type: "namespace", suffix: [utf8("a")] });
    pair.server.session.send(id, { type: "namespace-done", suffix: [utf8("a")] });
    pair.settle();
    expect(pair.client.take("message").map(({ message }) => message.type)).toEqual([
      "request-ok",
      "namespace",
      "namespace-done",
    ]);
  });

  test("after GOAWAY nothing new begins, and the peer has to leave in time", () => {
    const id = subscribed();
    pair.server.session.goaway("https://b.example", 500, instant(1_000));
    pair.settle();
    expect(pair.client.take("goaway")).toEqual([
      { type: "goaway", uri: "https://b.example", timeout: draft < 18 ? 0 : 500 },
    ]);
    expect(pair.client.session.request(SUBSCRIBE)).toBeUndefined();
    // What runs goes on.
    expect(pair.server.session.openSubgroup(id, HEADER)).toBeDefined();
    expect(pair.server.session.nextTimeout()).toBe(501_000);
    pair.server.session.handleTimeout(instant(501_000));
    pair.settle();
    expect(pair.client.take("closed")).toMatchObject([{ code: SESSION_ERRORS.GOAWAY_TIMEOUT.code, isOurs: false }]);
  });

  test("a request that crosses GOAWAY is refused with GOING_AWAY", () => {
    pair.server.session.goaway("", 0, instant(0));
    pair.client.session.request(SUBSCRIBE);
    pair.settle();
    expect(pair.client.take("message")).toMatchObject([
      // Older drafts have no number for it.
      { message: { type: "request-error", code: draft < 18 ? 0 : REQUEST_ERRORS.GOING_AWAY.code } },
    ]);
  });

  test("tokens are registered once, and referred to later", () => {
    const value = utf8("secret");
    const ask = (tokens: NewRequest["parameters"]["tokens"]) => {
      pair.client.session.request({ ...SUBSCRIBE, parameters: { tokens: tokens! } });
      pair.settle();
      return pair.server.take("request").map((event) => event.tokens);
    };
    expect(ask([{ action: "register", alias: 1, type: 0, value }])).toEqual([[{ type: 0, value }]]);
    expect(ask([{ action: "use-alias", alias: 1 }])).toEqual([[{ type: 0, value }]]);
    expect(ask([{ action: "delete", alias: 1 }])).toEqual([[]]);
    ask([{ action: "use-alias", alias: 1 }]);
    expect(pair.client.take("closed")).toMatchObject([{ code: SESSION_ERRORS.UNKNOWN_AUTH_TOKEN_ALIAS.code }]);
  });

  test("too many tokens close the session", () => {
    const value = new Uint8Array(100);
    pair.client.session.request({
      ...SUBSCRIBE,
      parameters: { tokens: [{ action: "register", alias: 1, type: 0, value }] },
    });
    pair.settle();
    expect(pair.server.carrier.closed?.code).toBe(SESSION_ERRORS.AUTH_TOKEN_CACHE_OVERFLOW.code);
  });

  test("the peer may stop a subgroup, and the application hears of it", () => {
    const id = subscribed();
    const sender = pair.server.session.openSubgroup(id, HEADER)!;
    pair.server.session.handleStopped(sender.stream, STREAM_ERRORS.CANCELLED.code);
    expect(pair.server.take("stopped")).toEqual([{ type: "stopped", stream: sender.stream, code: 1 }]);
  });

  test("the fetch stream of a request that is not ours is refused", () => {
    feed(pair.client.session, 101, "uni", fromHex("05 08"), false);
    expect([pair.client.carrier.sent.length, pair.client.session.isClosed]).toEqual([1, false]);
  });
});

describe.each([18, 20] as const)("streams of requests in draft %i", (draft) => {
  let pair: Pair;
  beforeEach(() => {
    pair = new Pair(draft);
    pair.settle();
  });

  test("FIN of the side that asked cancels up to draft 18, and later does not", () => {
    const codec = new ControlCodec(draft);
    const bytes = codec.emit({ type: "subscribe", requestId: 0, track, parameters: {} }).slice();
    feed(pair.server.session, 100, "bidi", bytes, true);
    expect(pair.server.take("end").length).toBe(draft === 18 ? 1 : 0);
  });

  test("more requests than allowed are refused, and the session goes on", () => {
    for (let i = 0; i < 25; i += 1) pair.client.session.request(SUBSCRIBE);
    pair.settle();
    expect(pair.server.take("request")).toHaveLength(20);
    const refused = pair.client.take("message");
    expect(refused.map(({ message }) => message.type === "request-error" && message.code)).toEqual(
      new Array(5).fill(REQUEST_ERRORS.EXCESSIVE_LOAD.code),
    );
    expect(pair.server.session.isClosed).toBe(false);
  });

  test("without a stream a request is not made", () => {
    pair.client.carrier.streamsLeft = 0;
    expect(pair.client.session.request(SUBSCRIBE)).toBeUndefined();
    expect(pair.client.session.openRequests).toBe(0);
  });

  const codec = new ControlCodec(draft);
  const bytes = (message: Parameters<ControlCodec["emit"]>[0]): Uint8Array => codec.emit(message).slice();
  const subscribe = (requestId: number): Uint8Array => bytes({ type: "subscribe", requestId, track, parameters: {} });

  test.each<[string, keyof typeof SESSION_ERRORS, (session: MoqSession) => void]>([
    ["an odd request id of a client", "INVALID_REQUEST_ID", (s) => feed(s, 100, "bidi", subscribe(3), false)],
    [
      "a request id twice",
      "INVALID_REQUEST_ID",
      (s) => {
        for (const stream of [100, 102]) feed(s, stream, "bidi", subscribe(0), false);
      },
    ],
    ["a request id far ahead", "TOO_MANY_REQUESTS", (s) => feed(s, 100, "bidi", subscribe(100_000), false)],
    [
      "a request stream that begins with an answer",
      "PROTOCOL_VIOLATION",
      (s) => feed(s, 100, "bidi", bytes({ type: "publish-done", status: 0, reason: "" }), false),
    ],
    [
      "a request stream that ends without a request",
      "PROTOCOL_VIOLATION",
      (s) => feed(s, 100, "bidi", new Uint8Array(0), true),
    ],
    [
      "a second control stream",
      "PROTOCOL_VIOLATION",
      (s) => feed(s, 100, "uni", bytes({ type: "setup", options: {} }), false),
    ],
    ["the end of the control stream", "PROTOCOL_VIOLATION", (s) => feed(s, 0, "uni", new Uint8Array(0), true)],
    ["the reset of the control stream", "PROTOCOL_VIOLATION", (s) => s.handleReset(0, 0)],
    ["a request on the control stream", "PROTOCOL_VIOLATION", (s) => feed(s, 0, "uni", subscribe(0), false)],
    [
      "GOAWAY with a URI from a client",
      "PROTOCOL_VIOLATION",
      (s) => feed(s, 0, "uni", bytes({ type: "goaway", uri: "https://x", timeout: 0 }), false),
    ],
    [
      "GOAWAY twice",
      "PROTOCOL_VIOLATION",
      (s) => {
        for (let i = 0; i < 2; i += 1) feed(s, 0, "uni", bytes({ type: "goaway", uri: "", timeout: 0 }), false);
      },
    ],
    ["an unknown type of stream", "PROTOCOL_VIOLATION", (s) => feed(s, 100, "uni", fromHex("0700"), false)],
    [
      "an alias of two tracks",
      "DUPLICATE_TRACK_ALIAS",
      (s) => {
        for (const requestId of [0, 2])
          feed(
            s,
            100 + requestId,
            "bidi",
            bytes({ type: "publish", requestId, track, alias: 1, parameters: {} }),
            false,
          );
      },
    ],
  ])("%s closes the session with %s", (_, name, attack) => {
    pair.server.events();
    attack(pair.server.session);
    expect(pair.server.carrier.closed?.code).toBe(SESSION_ERRORS[name].code);
    expect(pair.server.events().at(-1)).toMatchObject({ type: "closed", isOurs: true });
    expect(pair.server.session.openRequests).toBe(0);
  });

  test("what comes late on a stream that is over is ignored", () => {
    const id = pair.client.session.request(SUBSCRIBE)!;
    pair.settle();
    pair.server.events();
    pair.client.session.cancel(id);
    pair.settle();
    feed(pair.server.session, 100, "bidi", subscribe(2));
    const [request] = pair.server.take("request");
    pair.server.session.cancel(request!.message.requestId);
    pair.server.session.handleData(100, "bidi", subscribe(4), true, instant(0));
    expect([pair.server.session.isClosed, pair.server.session.openRequests]).toEqual([false, 0]);
  });
});

test("request ids may overtake each other", () => {
  const ids = new RequestIds("server");
  for (const id of [4, 0, 2, 6]) ids.accept(id);
  expect(() => ids.accept(4)).toThrow("4 was used before");
  expect([ids.take(), ids.take()]).toEqual([1, 3]);
});
