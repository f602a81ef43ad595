/** Drafts 14 and 16: what is said on the shared control stream, and how it is limited. */

import { beforeEach, describe, expect, test } from "vitest";
import { instant } from "../../../../base/time.ts";
import { utf8 } from "../../../../wire/text.ts";
import { ControlCodec } from "../../codec.ts";
import { ControlReader } from "../../control-reader.ts";
import { PUBLISH_DONE_CODES, REQUEST_ERRORS, SESSION_ERRORS, STREAM_ERRORS } from "../../errors.ts";
import type { ControlMessage } from "../../messages.ts";
import { MoqSession, type NewRequest } from "../index.ts";
import { MemoryCarrier, Pair } from "../testing/pair.ts";

const track = { namespace: [utf8("live")], name: utf8("video") };
const prefix = [utf8("live")];
const SUBSCRIBE: NewRequest = { type: "subscribe", track, parameters: { filter: { type: "next-group" } } };
const CONTROL = 0;

describe.each([14, 16] as const)("draft %i", (draft) => {
  const codec = new ControlCodec(draft);
  const bytes = (message: ControlMessage): Uint8Array => codec.emit(message).slice();
  const version = 0xff00_0000 + draft;
  const setup: ControlMessage = { type: "client-setup", versions: [version], options: {} };
  let pair: Pair;
  beforeEach(() => {
    pair = new Pair(draft);
  });

  const tell = (session: MoqSession, ...messages: readonly ControlMessage[]): void => {
    for (const message of messages) session.handleData(CONTROL, "bidi", bytes(message), false, instant(0));
  };

  /** A server that a test speaks to as a client. */
  function server(maxRequests = 20) {
    const carrier = new MemoryCarrier(new Map(), 1);
    const said: ControlMessage[] = [];
    const reader = new ControlReader(codec);
    carrier.write = (_, written) => {
      reader.push(written);
      for (let message = reader.poll(); message !== undefined; message = reader.poll()) said.push(message);
    };
    const session = new MoqSession({ draft, role: "server", carrier, maxRequests });
    session.start();
    session.handleStream(CONTROL, "bidi");
    return { session, carrier, said };
  }

  test("requests wait for the peer's setup and for its limit, and go in order", () => {
    const ids = Array.from({ length: 30 }, () => pair.client.session.request(SUBSCRIBE)!);
    expect(ids.slice(0, 3)).toEqual([0, 2, 4]);
    // What ends while it waits is said after it.
    pair.client.session.cancel(58);
    pair.settle();
    // The server allows 20 at a time.
    const seen = pair.server.take("request").map(({ message }) => message.requestId);
    expect(seen).toEqual(ids.slice(0, 20));
    const { code, sentence: reason } = REQUEST_ERRORS.DOES_NOT_EXIST;
    for (const id of seen) pair.server.session.send(id, { type: "request-error", code, reason });
    pair.settle();
    const later = pair.server.events();
    expect(later.map((event) => (event.type === "request" ? event.message.requestId : event))).toEqual([
      ...seen.map((requestId) => ({ type: "end", requestId, reason: { type: "finished" } })),
      ...ids.slice(20),
      { type: "end", requestId: 58, reason: { type: "cancelled", code: STREAM_ERRORS.CANCELLED.code } },
    ]);
    expect(pair.client.session.openRequests).toBe(9);
  });

  test("hundreds of requests pass through a small window, one after the other", () => {
    pair.settle();
    for (let i = 0; i < 200; i += 1) {
      const id = pair.client.session.request(SUBSCRIBE)!;
      pair.settle();
      if (i % 2 === 0) pair.client.session.cancel(id);
      else pair.server.session.cancel(id);
      pair.settle();
    }
    expect([pair.client.session.openRequests, pair.server.session.openRequests]).toEqual([0, 0]);
    expect(pair.client.take("closed")).toEqual([]);
  });

  test("a thousand requests may wait, and no more", () => {
    const ids = Array.from({ length: 1_001 }, () => pair.client.session.request(SUBSCRIBE));
    expect([ids.at(-2), ids.at(-1)]).toEqual([1_998, undefined]);
  });

  test("REQUESTS_BLOCKED brings a new limit as soon as there is one", () => {
    const { session, said } = server(4);
    tell(session, setup);
    for (const requestId of [0, 2]) tell(session, { type: "subscribe", requestId, track, parameters: {} });
    session.cancel(0);
    tell(session, { type: "requests-blocked", requestId: 8 });
    tell(session, { type: "requests-blocked", requestId: 10 });
    expect(said.filter(({ type }) => type === "max-request-id")).toEqual([{ type: "max-request-id", requestId: 10 }]);
    const [first] = said;
    expect(first).toMatchObject({ type: "server-setup", options: { maxRequestId: 8 } });
  });

  test("codes have the numbers of the draft on the wire", () => {
    const { session, said } = server();
    tell(session, setup, { type: "subscribe", requestId: 0, track, parameters: {} });
    session.send(0, { type: "subscribe-ok", alias: 1, parameters: {} });
    const done = bytes({
      type: "publish-done",
      requestId: 0,
      status: PUBLISH_DONE_CODES.TOO_FAR_BEHIND.code,
      reason: "",
    });
    // Type, length, request id, and a status of 6, which is 5 since draft 18.
    expect([...done.subarray(3, 5)]).toEqual([0, 6]);
    session.cancel(0, STREAM_ERRORS.TOO_FAR_BEHIND.code);
    expect(said.at(-1)).toMatchObject({ type: "publish-done", status: PUBLISH_DONE_CODES.TOO_FAR_BEHIND.code });
  });

  test("answers and ends may cross the end of a request", () => {
    pair.settle();
    const id = pair.client.session.request(SUBSCRIBE)!;
    pair.settle();
    pair.server.session.send(id, { type: "subscribe-ok", alias: 1, parameters: {} });
    pair.client.session.cancel(id);
    pair.server.session.cancel(id);
    pair.settle();
    expect([pair.client.session.isClosed, pair.server.session.isClosed]).toEqual([false, false]);
    expect(pair.server.session.openRequests + pair.client.session.openRequests).toBe(0);
  });

  test("each kind of request is ended by its own message", () => {
    pair.settle();
    const { session } = pair.client;
    const requests: readonly NewRequest[] = [
      { type: "fetch", track, parameters: {} },
      { type: "publish", track, alias: 5, parameters: {} },
      { type: "publish-namespace", namespace: prefix, parameters: {} },
      { type: "subscribe-namespace", prefix, parameters: {} },
    ];
    for (const side of ["client", "server"] as const) {
      const ids = requests.map((each) => session.request(each)!);
      pair.settle();
      for (const id of ids.slice(1)) pair.server.session.send(id, { type: "request-ok", parameters: {} });
      pair.settle();
      pair.server.events();
      pair.client.events();
      for (const id of ids) pair[side].session.cancel(id);
      pair.settle();
      const other = side === "client" ? pair.server : pair.client;
      const ended = other.events().flatMap((event) => (event.type === "end" ? [event.requestId] : []));
      // In draft 14 a publisher cannot end a subscription to namespaces: UNSUBSCRIBE_NAMESPACE is the subscriber's.
      const isSilent = draft === 14 && side === "server";
      expect(ended).toEqual(isSilent ? ids.slice(0, 3) : ids);
      if (isSilent) session.cancel(ids[3]!);
    }
    expect(pair.server.session.openRequests + pair.client.session.openRequests).toBe(0);
  });

  test("namespaces come as messages of their subscription, whatever the draft says", () => {
    pair.settle();
    const id = pair.client.session.request({ type: "subscribe-namespace", prefix, parameters: {} })!;
    pair.settle();
    expect(pair.server.take("request")).toMatchObject([{ message: { type: "subscribe-namespace", prefix } }]);
    const { session } = pair.server;
    session.send(id, { type: "request-ok", parameters: {} });
    for (let i = 0; i < 40; i += 1) {
      session.send(id, { type: "namespace", suffix: [utf8(`${i}`)] });
      if (i % 2 === 1) session.send(id, { type: "namespace-done", suffix: [utf8(`${i}`)] });
    }
    pair.settle();
    const types = pair.client.take("message").map(({ message }) => message.type);
    expect(types.filter((type) => type === "namespace")).toHaveLength(40);
    expect(types.filter((type) => type === "namespace-done")).toHaveLength(20);
    pair.client.session.cancel(id);
    pair.settle();
    expect(pair.server.take("end")).toMatchObject([{ requestId: id, reason: { type: "cancelled" } }]);
    expect(pair.client.session.isClosed || pair.server.session.isClosed).toBe(false);
  });

  test("an update has an id of its own, and its answer finds the request", () => {
    pair.settle();
    const [first, second] = [pair.client.session.request(SUBSCRIBE)!, pair.client.session.request(SUBSCRIBE)!];
    pair.settle();
    for (const id of [first, second]) {
      pair.server.session.send(id, {
        type: "subscribe-ok",
        alias: id,
        parameters: { largest: { group: 7, object: 2 } },
      });
    }
    pair.settle();
    pair.client.events();
    pair.client.session.update(second, { priority: 1 });
    pair.client.session.update(first, { priority: 2 });
    pair.settle();
    const updates = pair.server.take("message");
    expect(updates.map(({ requestId }) => requestId)).toEqual([second, first]);
    if (draft === 14) {
      // It has all fields of a subscription: the filter is what "next-group" meant.
      const filter = { type: "start", start: { group: 8, object: 0 } };
      expect(updates[0]!.message).toMatchObject({ parameters: { priority: 1, forward: true, filter } });
    }
    for (const id of [first, second]) pair.server.session.send(id, { type: "request-ok", parameters: {} });
    pair.settle();
    const answers = pair.client.take("message").map(({ requestId }) => requestId);
    expect(answers).toEqual(draft === 14 ? [second, first] : [first, second]);
  });

  test("a fetch ends with its objects, on both sides", () => {
    pair.settle();
    const id = pair.client.session.request({ type: "fetch", track, parameters: {} })!;
    pair.settle();
    const sender = pair.server.session.openFetch(id)!;
    pair.server.session.send(id, { type: "fetch-ok", endOfTrack: false, end: { group: 0 }, parameters: {} }, true);
    pair.settle();
    expect([pair.server.session.openRequests, pair.client.session.openRequests]).toEqual([1, 1]);
    sender.end();
    pair.settle();
    expect([pair.server.session.openRequests, pair.client.session.openRequests]).toEqual([0, 0]);
  });

  test.each<[string, keyof typeof SESSION_ERRORS, (session: MoqSession) => void]>([
    [
      "a wrong parity",
      "INVALID_REQUEST_ID",
      (s) => tell(s, setup, { type: "subscribe", requestId: 1, track, parameters: {} }),
    ],
    [
      "an id beyond the limit",
      "TOO_MANY_REQUESTS",
      (s) => tell(s, setup, { type: "subscribe", requestId: 40, track, parameters: {} }),
    ],
    [
      "a request before the setup",
      "PROTOCOL_VIOLATION",
      (s) => tell(s, { type: "subscribe", requestId: 0, track, parameters: {} }),
    ],
    ["a second setup", "PROTOCOL_VIOLATION", (s) => tell(s, setup, setup)],
    [
      "the setup of a server",
      "PROTOCOL_VIOLATION",
      (s) => tell(s, { ...setup, type: "server-setup" } as ControlMessage),
    ],
    [
      "an answer to a request that never was",
      "PROTOCOL_VIOLATION",
      (s) => tell(s, setup, { type: "subscribe-ok", requestId: 1, alias: 1, parameters: {} }),
    ],
    [
      "the end of a request that never was",
      "PROTOCOL_VIOLATION",
      (s) => tell(s, setup, { type: "unsubscribe", requestId: 0 }),
    ],
    [
      "an end of the wrong kind",
      "PROTOCOL_VIOLATION",
      (s) =>
        tell(
          s,
          setup,
          { type: "subscribe", requestId: 0, track, parameters: {} },
          { type: "fetch-cancel", requestId: 0 },
        ),
    ],
    [
      "a limit that does not grow",
      "PROTOCOL_VIOLATION",
      (s) => tell(s, setup, { type: "max-request-id", requestId: 0 }),
    ],
    [
      "GOAWAY with a URI from a client",
      "PROTOCOL_VIOLATION",
      (s) => tell(s, setup, { type: "goaway", uri: "https://x" }),
    ],
    [
      "the end of the control stream",
      "PROTOCOL_VIOLATION",
      (s) => s.handleData(CONTROL, "bidi", bytes(setup), true, instant(0)),
    ],
    [
      "a second control stream",
      "PROTOCOL_VIOLATION",
      (s) => {
        tell(s, setup);
        s.handleStream(4, "bidi");
        s.handleData(4, "bidi", bytes(setup), false, instant(0));
      },
    ],
    [
      "an unknown message",
      "PROTOCOL_VIOLATION",
      (s) => {
        tell(s, setup);
        s.handleData(CONTROL, "bidi", Uint8Array.of(0x3e, 0, 0), false, instant(0));
      },
    ],
    [
      "an alias of two tracks",
      "DUPLICATE_TRACK_ALIAS",
      (s) => {
        tell(s, setup);
        for (const requestId of [0, 2]) tell(s, { type: "publish", requestId, track, alias: 1, parameters: {} });
      },
    ],
  ])("%s closes the session with %s", (_, name, attack) => {
    const { session, carrier } = server();
    attack(session);
    expect(carrier.closed?.code).toBe(SESSION_ERRORS[name].code);
    expect(session.openRequests).toBe(0);
  });
});

describe("draft 14", () => {
  const codec = new ControlCodec(14);

  test("a server that does not speak a version of the client says so", () => {
    const pair = new Pair(14);
    const message = codec.emit({ type: "client-setup", versions: [0xff00_000b], options: {} }).slice();
    pair.server.session.handleStream(100, "bidi");
    pair.server.session.handleData(100, "bidi", message, false, instant(0));
    expect(pair.server.carrier.closed?.code).toBe(SESSION_ERRORS.VERSION_NEGOTIATION_FAILED.code);
  });

  test("a client does not take a version that it did not offer", () => {
    const pair = new Pair(14);
    const message = codec.emit({ type: "server-setup", versions: [0xff00_000b], options: {} }).slice();
    pair.client.session.handleData(0, "bidi", message, false, instant(0));
    expect(pair.client.carrier.closed?.code).toBe(SESSION_ERRORS.VERSION_NEGOTIATION_FAILED.code);
  });
});

describe("draft 16", () => {
  const codec = new ControlCodec(16);
  const subscribe = codec
    .emit({ type: "subscribe-namespace", requestId: 1, prefix, interest: 0, parameters: {} })
    .slice();

  test("a stream about namespaces may come before the setup", () => {
    const pair = new Pair(16);
    pair.client.session.handleStream(1, "bidi");
    pair.client.session.handleData(1, "bidi", subscribe, false, instant(0));
    expect(pair.client.events()).toEqual([]);
    pair.settle();
    expect(pair.client.take("request")).toMatchObject([{ message: { type: "subscribe-tracks", prefix } }]);
  });

  test("such streams are bounded", () => {
    const pair = new Pair(16);
    for (let i = 0; i < 100; i += 1) {
      pair.client.session.handleStream(101 + 2 * i, "bidi");
      pair.client.session.handleData(101 + 2 * i, "bidi", subscribe, false, instant(0));
    }
    // Each is reset and stopped, beside the 16 that wait: what is sent begins with the control stream.
    expect(pair.client.carrier.sent.length).toBeGreaterThanOrEqual(2 * (100 - 16));
  });

  test("what the draft does not know is left unsaid", () => {
    const pair = new Pair(16);
    pair.settle();
    const id = pair.client.session.request({ type: "subscribe-tracks", prefix, parameters: {} })!;
    pair.settle();
    pair.server.session.send(id, { type: "request-ok", parameters: {} });
    pair.server.session.send(id, { type: "publish-skipped", suffix: [], name: utf8("x") });
    pair.settle();
    expect(pair.client.take("message").map(({ message }) => message.type)).toEqual(["request-ok"]);
  });
});
