/** What leaves next, what is late, joins, fills, and tokens that are said once: in sessions of all drafts. */

import { beforeEach, describe, expect, test } from "vitest";
import { after, instant, millis } from "../../../base/time.ts";
import { utf8 } from "../../../wire/text.ts";
import { REQUEST_ERRORS, STREAM_ERRORS } from "../errors.ts";
import type { KeyValue, Parameters } from "../model.ts";
import { joinTrack, type MoqEvent, sendOrderOf, TokenRegistry } from "./index.ts";
import { CONTROL_ORDER, REQUEST_ORDER } from "./send-order.ts";
import { Pair } from "./testing/pair.ts";

const track = { namespace: [utf8("live")], name: utf8("video") };
const largest = { group: 7, object: 3 };
const HEADER = { subgroup: 0, priority: 7, hasProperties: true, endsGroup: false, startsSubgroup: true } as const;
const at = (ms: number) => after(instant(0), millis(ms));
const object = (number: number, payloadLength: number, properties: readonly KeyValue[] = []) => ({
  object: number,
  properties,
  status: "normal" as const,
  payloadLength,
});

describe.each([14, 16, 18, 20] as const)("draft %i", (draft) => {
  let pair: Pair;
  beforeEach(() => {
    pair = new Pair(draft);
    pair.settle();
  });

  /** A subscription of the client that the server accepted. */
  function subscribed(parameters: Parameters, properties: readonly KeyValue[] = [], alias = 1): number {
    const id = pair.client.session.request({ type: "subscribe", track, parameters })!;
    pair.settle();
    pair.server.session.send(id, { type: "subscribe-ok", alias, parameters: { largest }, properties });
    pair.settle();
    return id;
  }

  const orderOf = (stream: number): number => pair.server.carrier.orders.get(stream)!;

  test("streams leave by the subscriber's priority, the publisher's, groups, and subgroups", () => {
    const first = subscribed({ priority: 1, groupOrder: "descending" }, [], 1);
    const second = subscribed({ priority: 2, groupOrder: "ascending" }, [], 2);
    const { session } = pair.server;
    const open = (id: number, group: number, subgroup: number, priority: number) =>
      session.openSubgroup(id, { ...HEADER, group, subgroup, priority })!.stream;
    const streams = [
      open(second, 8, 0, 0),
      open(second, 9, 0, 0),
      open(second, 8, 0, 5),
      open(first, 8, 0, 9),
      open(first, 9, 1, 9),
      open(first, 9, 0, 9),
    ];
    const [a, b, c, d, e, f] = streams.map(orderOf);
    expect([f! > e!, e! > d!, d! > a!, a! > b!, b! > c!]).toEqual([true, true, true, true, true]);
    expect(REQUEST_ORDER.sendOrder).toBeGreaterThan(f!);
    expect([...pair.client.carrier.orders.values()]).toContain(CONTROL_ORDER.sendOrder);
  });

  test("an update of the priority moves streams that are open", () => {
    const id = subscribed({ priority: 200 });
    const { stream } = pair.server.session.openSubgroup(id, { ...HEADER, group: 8 })!;
    const before = orderOf(stream);
    pair.client.session.update(id, { priority: 1 });
    pair.settle();
    expect(orderOf(stream)).toBeGreaterThan(before);
  });

  test("an object that is late resets its stream, before or while it is written", () => {
    const id = subscribed({ objectDeliveryTimeout: 500 });
    const { session } = pair.server;
    const waiting = session.openSubgroup(id, { ...HEADER, group: 8 })!;
    expect(waiting.object(object(0, 2), at(0), at(499))).toBe(true);
    expect(waiting.payload(utf8("a"), at(499))).toBe(true);
    expect(waiting.payload(utf8("b"), at(500))).toBe(false);
    const late = session.openSubgroup(id, { ...HEADER, group: 9 })!;
    expect(late.object(object(0, 1), at(0), at(500))).toBe(false);
    pair.settle();
    const codes = pair.client.take("stream-end").map(({ code }) => code);
    expect(codes).toContain(STREAM_ERRORS.DELIVERY_TIMEOUT.code);
    expect([waiting.isOpen, late.isOpen]).toEqual([false, false]);
  });

  test("an object whose payload does not come in time is reset by the clock", () => {
    const id = subscribed({ objectDeliveryTimeout: 500 });
    const { session } = pair.server;
    const sender = session.openSubgroup(id, { ...HEADER, group: 8 })!;
    sender.object(object(0, 2), at(100));
    expect(session.nextTimeout()).toBe(at(600));
    session.handleTimeout(at(600));
    expect(pair.server.take("expired")).toEqual([{ type: "expired", stream: sender.stream, requestId: id }]);
    expect(session.nextTimeout()).toBeUndefined();
    // One that is complete is not late.
    const complete = session.openSubgroup(id, { ...HEADER, group: 9 })!;
    complete.object(object(0, 1), at(600));
    complete.payload(utf8("x"), at(601));
    expect(session.nextTimeout()).toBeUndefined();
  });

  test("a fetch has the priority of its request", () => {
    const ids = [10, 3].map(
      (priority) => pair.client.session.request({ type: "fetch", track, parameters: { priority } })!,
    );
    pair.settle();
    const [low, high] = ids.map((id) => orderOf(pair.server.session.openFetch(id)!.stream));
    expect(high).toBeGreaterThan(low!);
  });

  test("a join brings the current group from its beginning, and then what comes next", () => {
    const join = joinTrack(pair.client.session, track, 1, { priority: 5 })!;
    pair.settle();
    const { session } = pair.server;
    const requests = pair.server.take("request").map(({ message }) => message.type);
    expect(requests).toEqual(draft === 20 ? ["subscribe"] : ["subscribe", "fetch"]);
    if (draft !== 20) expect(session.planFetch(join.fetch)).toBe("pending");
    session.send(join.subscription, { type: "subscribe-ok", alias: 4, parameters: { largest } });
    const plan = draft === 20 ? session.planFill(join.subscription) : session.planFetch(join.fetch);
    expect(plan).toEqual({ track, start: { group: 7, object: 0 }, end: largest, order: "ascending" });
    const selection = session.selection(join.subscription);
    expect(selection?.range).toEqual({ start: { group: 7, object: 4 } });
    const sender = session.openFetch(join.fetch)!;
    sender.object({ ...largest, subgroup: 0, priority: 1, properties: [], status: "normal", payloadLength: 0 });
    sender.end();
    if (draft !== 20)
      session.send(join.fetch, { type: "fetch-ok", endOfTrack: false, end: largest, parameters: {} }, true);
    pair.settle();
    const events = pair.client.events();
    expect(events.filter(({ type }) => type === "fetch")).toMatchObject([{ requestId: join.fetch }]);
    // The subscription goes on.
    expect(pair.client.session.openRequests).toBe(1);
  });

  test("datagrams go to the subscriber of a track", () => {
    const id = subscribed({});
    const datagram = { group: 9, object: 0, priority: 1, properties: [], endsGroup: false, status: "normal" as const };
    pair.server.session.sendDatagram(id, { ...datagram, payload: utf8("d") });
    pair.settle();
    expect(pair.client.take("datagram")).toMatchObject([{ requestId: id, datagram: { group: 9, payload: utf8("d") } }]);
    expect(pair.client.session.ownRequests()).toMatchObject([{ newestGroup: 9 }]);
  });
});

describe.each([14, 16, 18] as const)("joining fetches of draft %i", (draft) => {
  function fetching(joins: { isRelative: boolean; start: number }, largestOfIt = true, parameters: Parameters = {}) {
    const pair = new Pair(draft);
    pair.settle();
    const id = pair.client.session.request({ type: "subscribe", track, parameters })!;
    pair.settle();
    const told: Parameters = largestOfIt ? { largest } : {};
    pair.server.session.send(id, { type: "subscribe-ok", alias: 1, parameters: told });
    const fetch = pair.client.session.request({ type: "fetch", joins: { requestId: id, ...joins }, parameters: {} })!;
    pair.settle();
    return pair.server.session.planFetch(fetch);
  }

  test("count groups back from the newest, or name the first one", () => {
    const plan = { track, end: largest, order: "ascending" };
    expect(fetching({ isRelative: true, start: 2 })).toEqual({ ...plan, start: { group: 5, object: 0 } });
    expect(fetching({ isRelative: true, start: 99 })).toEqual({ ...plan, start: { group: 0, object: 0 } });
    expect(fetching({ isRelative: false, start: 4 })).toEqual({ ...plan, start: { group: 4, object: 0 } });
  });

  test("are refused if they cannot join", () => {
    const refusal = REQUEST_ERRORS.INVALID_RANGE;
    expect(fetching({ isRelative: false, start: 8 })).toEqual({ refusal });
    expect(fetching({ isRelative: true, start: 0 }, false)).toEqual({ refusal });
    expect(fetching({ isRelative: true, start: 0 }, true, { forward: false })).toEqual({ refusal });
    const pair = new Pair(draft);
    pair.settle();
    const joins = { requestId: 98, isRelative: true, start: 0 };
    const id = pair.client.session.request({ type: "fetch", joins, parameters: {} })!;
    pair.settle();
    expect(pair.server.session.planFetch(id)).toEqual({ refusal: REQUEST_ERRORS.INVALID_JOINING_REQUEST_ID });
  });
});

describe("draft 20", () => {
  const planned = (parameters: Parameters, newest: Parameters = { largest }) => {
    const pair = new Pair(20);
    const id = pair.client.session.request({ type: "subscribe", track, parameters })!;
    pair.settle();
    pair.server.session.send(id, { type: "subscribe-ok", alias: 1, parameters: newest });
    return pair.server.session.planFill(id);
  };

  test("a fill without a filter has that of its subscription, and an empty one means everything", () => {
    const start = { group: 3, object: 1 };
    expect(planned({ fill: {}, filter: { type: "start", start } })).toMatchObject({ start, end: largest });
    expect(planned({ fill: { filter: { type: "all" } } })).toMatchObject({ start: { group: 0, object: 0 } });
    const range = { type: "range" as const, start, endGroup: 4 };
    expect(planned({ fill: { filter: range, groupOrder: "descending" } })).toMatchObject({
      end: { group: 4 },
      order: "descending",
    });
  });

  test("an empty range has no stream", () => {
    expect(planned({ fill: { filter: { type: "next-group" } } })).toBeUndefined();
    expect(planned({ fill: {} }, {})).toBeUndefined();
    expect(planned({})).toBeUndefined();
  });

  test("properties of the first object go before those of the track, and the smaller timeout counts", () => {
    const pair = new Pair(20);
    const id = pair.client.session.request({ type: "subscribe", track, parameters: { objectDeliveryTimeout: 900 } })!;
    pair.settle();
    const properties = [{ type: 0x02, value: 400 }];
    pair.server.session.send(id, { type: "subscribe-ok", alias: 1, parameters: {}, properties });
    const { session } = pair.server;
    const deadlineOf = (first: readonly KeyValue[]) => {
      const sender = session.openSubgroup(id, { ...HEADER, group: 1 })!;
      sender.object(object(0, 1, first), at(0));
      const deadline = session.nextTimeout();
      sender.reset(1);
      return deadline;
    };
    expect([deadlineOf([]), deadlineOf([{ type: 0x02, value: 2_000 }])]).toEqual([at(400), at(900)]);
  });

  test("a subgroup that is not delivered in time is reset after its end", () => {
    const pair = new Pair(20);
    const id = pair.client.session.request({ type: "subscribe", track, parameters: { subgroupDeliveryTimeout: 300 } })!;
    pair.settle();
    const { session } = pair.server;
    session.send(id, { type: "subscribe-ok", alias: 1, parameters: {} });
    const senders = [1, 2].map((group) => {
      const sender = session.openSubgroup(id, { ...HEADER, group })!;
      sender.object(object(0, 0), at(0));
      sender.end(at(10));
      return sender;
    });
    expect(session.nextTimeout()).toBe(at(310));
    session.handleDelivered(senders[0]!.stream);
    session.handleTimeout(at(310));
    const expired: MoqEvent[] = [{ type: "expired", stream: senders[1]!.stream, requestId: id }];
    expect(pair.server.take("expired")).toEqual(expired);
    expect(session.nextTimeout()).toBeUndefined();
  });
});

test("send orders stay within 2^53, whatever numbers they are made of", () => {
  const rank = { subscriber: 0, publisher: 0, order: "ascending", group: 0, subgroup: 0 } as const;
  expect(sendOrderOf(rank).sendOrder).toBeLessThan(REQUEST_ORDER.sendOrder);
  expect(Number.isSafeInteger(CONTROL_ORDER.sendOrder)).toBe(true);
  const last = { subscriber: 999, publisher: 999, order: "ascending", group: 2 ** 52, subgroup: 2 ** 40 } as const;
  expect(sendOrderOf(last).sendOrder).toBe(0);
});

describe("tokens", () => {
  const token = { type: 0, value: utf8("secret") };

  test("are said once where requests keep their order", () => {
    const registry = new TokenRegistry(true);
    expect(registry.say(token)).toEqual({ action: "use-value", ...token });
    registry.handleSetup(50);
    expect(registry.say(token)).toEqual({ action: "register", alias: 0, ...token });
    expect(registry.say(token)).toEqual({ action: "use-alias", alias: 0 });
    // 16 bytes and its value for each: there is no room for a third.
    expect(registry.say({ type: 1, value: utf8("other") }).action).toBe("register");
    expect(registry.say({ type: 2, value: utf8("third") }).action).toBe("use-value");
    expect(registry.retire(token)).toEqual({ action: "delete", alias: 0 });
    expect(registry.retire(token)).toBeUndefined();
    expect(registry.say({ type: 2, value: utf8("third") })).toMatchObject({ action: "register", alias: 2 });
  });

  test.each([16, 18] as const)("are accepted by a peer of draft %i that keeps them", (draft) => {
    const pair = new Pair(draft, { maxTokenCache: 100 });
    pair.settle();
    const actions = [0, 1, 2].map((i) => {
      const said = pair.client.session.sayToken(token);
      const id = pair.client.session.request({ type: "subscribe", track, parameters: { tokens: [said] } })!;
      pair.settle();
      expect(pair.server.take("request").map(({ tokens }) => tokens)).toEqual([[token]]);
      // The first is answered after the second was made.
      if (i === 1) pair.server.session.send(id - 2, { type: "subscribe-ok", alias: 1, parameters: {} });
      pair.settle();
      return said.action;
    });
    expect(actions).toEqual(["register", draft === 16 ? "use-alias" : "use-value", "use-alias"]);
  });
});
