import { describe, expect, test } from "vitest";
import { SchedulerTree } from "../quic/scheduler/index.ts";
import { concat, utf8 } from "../wire/text.ts";
import type { VarInt } from "../wire/varint.ts";
import { H3_ERRORS, type H3ErrorName } from "./errors.ts";
import { H3Pair } from "./testing/pair.ts";
import { frame, headers, RawPeer, REQUEST, settings, varint } from "./testing/raw-peer.ts";

const UPDATE = 0xf0700;
const PUSH_UPDATE = 0xf0701;

const update = (id: VarInt, value: string, type = UPDATE): Uint8Array => frame(type, concat(varint(id), utf8(value)));

const GET = { method: "GET", scheme: "https", authority: "a.test", path: "/", fields: [] } as const;

/** A server, and a client that has sent SETTINGS. */
function server(options: ConstructorParameters<typeof RawPeer>[1] = {}) {
  const peer = new RawPeer("server", options);
  const control = peer.openControl();
  return {
    peer,
    control: (...bytes: Uint8Array[]) => peer.send(control, concat(...bytes)),
    request: (...fields: [string, string][]): number => {
      const id = peer.openRequest();
      peer.send(id, headers([...REQUEST, ...fields]), true);
      return id;
    },
    placeOf: (id: number) => peer.victim.transport.priorities.get(id),
    get: (id: number) => peer.victim.connection.priorities.get(id),
  };
}

const errorOf = (name: H3ErrorName): number => H3_ERRORS[name].code;

describe("a request's priority", () => {
  test.each([
    [undefined, { urgency: 3, incremental: false }],
    ["u=1, i", { urgency: 1, incremental: true }],
    ["u=9", { urgency: 3, incremental: false }],
    ["rubbish,,", { urgency: 3, incremental: false }],
  ])("of the field %j", (value, place) => {
    const { request, placeOf, get } = server();
    const id = request(...(value === undefined ? [] : [["priority", value] as [string, string]]));
    expect(placeOf(id)).toEqual(place);
    expect(get(id)).toEqual(place);
  });

  test("changes with the response's field, member by member (§8)", () => {
    const { peer, request, placeOf } = server();
    const id = request(["priority", "u=5, i"]);
    peer.victim.connection.inform(id, 103, [["priority", "u=0"]]);
    expect(placeOf(id)).toEqual({ urgency: 5, incremental: true });
    peer.victim.connection.respond(id, 200, [["priority", "u=1"]], false);
    expect(placeOf(id)).toEqual({ urgency: 1, incremental: true });
  });

  test("of a tunnel is incremental unless the field says otherwise (§11)", () => {
    const { peer, placeOf } = server({ enableConnectProtocol: true });
    const head = [
      [":method", "CONNECT"],
      [":authority", "a.test:1"],
    ] as const;
    for (const [fields, incremental] of [
      [[], true],
      [[["priority", "i=?0"]], false],
    ] as const) {
      const id = peer.openRequest();
      peer.send(id, headers([...head, ...fields]));
      expect(placeOf(id)).toEqual({ urgency: 3, incremental });
    }
  });
});

describe("PRIORITY_UPDATE (§7.2)", () => {
  test("replaces the field as a whole, and keeps what the response said", () => {
    const { peer, control, request, placeOf } = server();
    const id = request(["priority", "u=1, i"]);
    control(update(id, "u=5"));
    expect(placeOf(id)).toEqual({ urgency: 5, incremental: false });
    expect(peer.victim.of("priority")).toEqual([
      { type: "priority", id, priority: { urgency: 5, incremental: false } },
    ]);
    peer.victim.connection.respond(id, 200, [["priority", "i"]], false);
    control(update(id, ""));
    expect(placeOf(id)).toEqual({ urgency: 3, incremental: true });
  });

  test("before the request: the newest counts, not the field", () => {
    const { control, request, placeOf } = server();
    control(update(0, "u=6"), update(4, "u=7"), update(0, "u=2, i"));
    expect(placeOf(request(["priority", "u=5"]))).toEqual({ urgency: 2, incremental: true });
    expect(placeOf(request())).toEqual({ urgency: 7, incremental: false });
    expect(placeOf(request())).toEqual({ urgency: 3, incremental: false });
  });

  test("between a stream's first byte and its head", () => {
    const { peer, control, placeOf } = server();
    const id = peer.openRequest();
    const head = headers(REQUEST);
    peer.send(id, head.subarray(0, 3));
    control(update(id, "u=0"));
    peer.send(id, head.subarray(3), true);
    expect(placeOf(id)).toEqual({ urgency: 0, incremental: false });
  });

  test("after the response was written but not delivered still moves it", () => {
    const { peer, control, request, placeOf } = server({ window: 10 });
    const id = request();
    peer.victim.connection.respond(id, 200, [], false);
    peer.victim.connection.writeData(id, new Uint8Array(1_000), true);
    control(update(id, "u=6"));
    expect(placeOf(id)).toEqual({ urgency: 6, incremental: false });
  });

  test("for a request that has ended, or with a value that does not parse, is ignored", () => {
    const { peer, control, request, placeOf } = server();
    const id = request();
    control(update(id, "u=1,,"), update(id, "\xff"), update(id, "u=99"));
    expect(placeOf(id)).toEqual({ urgency: 3, incremental: false });
    peer.victim.connection.cancel(id);
    peer.run();
    control(update(id, "u=1"));
    expect(placeOf(id)).toEqual({ urgency: 3, incremental: false });
    expect(peer.closeCode).toBeUndefined();
  });

  test.each([
    ["H3_ID_ERROR", "a stream of the server", update(1, "u=1")],
    ["H3_ID_ERROR", "a unidirectional stream", update(2, "u=1")],
    ["H3_ID_ERROR", "a stream beyond the limit", update(400, "u=1")],
    ["H3_ID_ERROR", "the largest id", update({ high: 0x3fffffff, low: 0xfffffffc }, "u=1")],
    ["H3_ID_ERROR", "a push", update(0, "u=1", PUSH_UPDATE)],
    ["H3_FRAME_ERROR", "nothing", frame(UPDATE)],
    ["H3_FRAME_ERROR", "half an id", frame(UPDATE, Uint8Array.of(0x40))],
    ["H3_EXCESSIVE_LOAD", "2 kB", update(0, "u=1,".repeat(512))],
  ] as const)("%s for %s", (code, _of, bytes) => {
    const { peer, control } = server();
    control(bytes);
    expect(peer.closeCode).toBe(errorOf(code));
  });

  test.each(["server", "client"] as const)("H3_FRAME_UNEXPECTED for a %s on a request stream", (role) => {
    const peer = new RawPeer(role);
    peer.openControl();
    const id = peer.openRequest();
    peer.send(id, concat(headers(peer.head), update(0, "u=1")));
    expect(peer.closeCode).toBe(errorOf("H3_FRAME_UNEXPECTED"));
  });

  test("H3_FRAME_UNEXPECTED for a client, and H3_MISSING_SETTINGS before SETTINGS", () => {
    const client = new RawPeer("client");
    client.openControl(settings(), update(0, "u=1"));
    expect(client.closeCode).toBe(errorOf("H3_FRAME_UNEXPECTED"));
    const early = new RawPeer("server");
    early.openControl(update(0, "u=1"));
    expect(early.closeCode).toBe(errorOf("H3_MISSING_SETTINGS"));
  });

  test("waits for at most as many requests as the stream limit allows", () => {
    const { peer, control, request, placeOf } = server({ maxBidiStreams: 1_000 });
    for (let round = 0; round < 3; round += 1) for (let id = 0; id < 1_000; id += 1) control(update(id * 4, "u=0"));
    expect(peer.closeCode).toBeUndefined();
    // Of 256 that are kept, the oldest has made room.
    expect(placeOf(request())).toEqual({ urgency: 3, incremental: false });
  });
});

describe("a client", () => {
  test("sends its field, and PRIORITY_UPDATE with what differs from the defaults", () => {
    const pair = new H3Pair();
    pair.run();
    const { connection } = pair.client;
    const id = connection.request({ ...GET, fields: [["priority", "u=5"]] }, true)!;
    pair.run();
    expect(pair.server.connection.priorities.get(id)).toEqual({ urgency: 5, incremental: false });
    connection.priorities.reprioritize(id, { urgency: 1, incremental: true });
    pair.run();
    expect(pair.server.connection.priorities.get(id)).toEqual({ urgency: 1, incremental: true });
    connection.priorities.reprioritize(id, { urgency: 3 });
    pair.run();
    expect(pair.server.connection.priorities.get(id)).toEqual({ urgency: 3, incremental: false });
    const sent = pair.client.transport.writes.map(({ bytes }) => Buffer.from(bytes).toString("hex"));
    expect(sent.slice(-2)).toEqual(["800f07000700753d312c2069", "800f07000100"]);
    expect(() => connection.priorities.reprioritize(id, { urgency: 8 })).toThrow(RangeError);
  });

  test("gives its own content a place only if the field has one", () => {
    const pair = new H3Pair();
    pair.run();
    const { connection, transport } = pair.client;
    const first = connection.request(GET, false)!;
    const second = connection.request({ ...GET, fields: [["priority", "u=6"]] }, false)!;
    expect(transport.priorities.has(first)).toBe(false);
    expect(transport.priorities.get(second)).toEqual({ urgency: 6, incremental: false });
  });
});

test("control and QPACK streams go before all content", () => {
  const { peer } = server();
  const { priorities, streams } = peer.victim.transport;
  const own = [...streams.keys()].filter((id) => id % 4 === 3);
  expect(own).not.toHaveLength(0);
  for (const id of own) expect(priorities.get(id)).toEqual({ urgency: 0, incremental: true });
});

describe("behind an intermediary (§13.1)", () => {
  test("clients take turns, and each one's requests go by their priority", () => {
    const { peer, request, placeOf } = server();
    const tree = new SchedulerTree<string>();
    peer.victim.transport.openSession = (urgency) => tree.openSession(urgency);
    const ids = [
      request(["x-forwarded-for", "192.0.2.1"], ["priority", "u=5"]),
      request(["x-forwarded-for", "192.0.2.1"], ["priority", "u=1"]),
      request(["x-forwarded-for", "192.0.2.1"], ["priority", "u=1, i"]),
      request(["x-forwarded-for", "192.0.2.2"], ["priority", "u=7"]),
      request(["via", "1.1 cache"], ["priority", "u=7"]),
    ];
    const places = ids.map((id) => placeOf(id)!);
    const groups = places.map((place) => ("group" in place ? place.group : undefined));
    expect(new Set(groups).size).toBe(3);
    expect(groups[0]).toBe(groups[2]);
    const [low, sequential, incremental] = places.map((place) => ("group" in place ? place.sendOrder : 0));
    expect(sequential).toBeGreaterThan(incremental!);
    expect(incremental).toBeGreaterThan(low!);
  });
});
