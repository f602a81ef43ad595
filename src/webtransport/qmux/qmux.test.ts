import { describe, expect, test } from "vitest";
import { after, millis } from "../../base/time.ts";
import { fromHex, toHex } from "../../wire/hex.ts";
import { Reader } from "../../wire/reader.ts";
import { concat, equalBytes, utf8 } from "../../wire/text.ts";
import { parametersFrame, parseQmuxFrame, pingFrame } from "./frames.ts";
import { chooseSubprotocol, offerOf, parseOffer, parseSubprotocol, QMUX_VERSIONS } from "./index.ts";
import { emitParameters } from "./parameters.ts";
import { OWN_PARAMETERS } from "./qmux-connection.ts";
import { QmuxPair } from "./testing/pair.ts";

const PARAMETERS = parametersFrame(emitParameters(OWN_PARAMETERS));
const begun = (...args: ConstructorParameters<typeof QmuxPair>): QmuxPair => new QmuxPair(...args).run();
const ofType = <T extends { type: string }>(events: readonly T[], type: T["type"]) =>
  events.filter((each) => each.type === type);

describe("subprotocols", () => {
  test("name the draft, and the protocol of the application", () => {
    expect(parseSubprotocol("qmux-02.chat")).toEqual({ version: "qmux-02", protocol: "chat" });
    expect(parseSubprotocol("qmux-00")).toEqual({ version: "qmux-00", protocol: "" });
    for (const other of ["qmux-03", "webtransport", "qmux-021", ""]) expect(parseSubprotocol(other)).toBeUndefined();
  });

  test("are offered for each protocol that is a token, and chosen by the newest draft", () => {
    expect(offerOf(["a", "b c"])).toEqual(["qmux-02.a", "qmux-01.a", "qmux-00.a", "qmux-02", "qmux-01", "qmux-00"]);
    const offered = parseOffer("qmux-00.a, graphql-ws,qmux-01.a , qmux-01, webtransport");
    expect(offered).toEqual(["qmux-00.a", "qmux-01.a", "qmux-01"]);
    expect(chooseSubprotocol(offered, "a")).toBe("qmux-01.a");
    expect(chooseSubprotocol(offered, "")).toBe("qmux-01");
    expect(chooseSubprotocol(offered, "b")).toBeUndefined();
  });
});

describe("frames", () => {
  test("are those of QUIC: a STREAM and a MAX_DATA", () => {
    const { client, server } = begun();
    client.messages = [];
    server.connection.handleMessage(fromHex("0e040002"), 0 as never);
    expect(server.poll().at(-1)).toMatchObject({
      type: "closed",
      error: { message: expect.stringContaining("needed 2 bytes") },
    });
    const stream = parseQmuxFrame(new Reader(fromHex("0e0405026869")));
    expect(stream).toEqual({ type: "stream", id: 4, offset: 5, data: utf8("hi"), fin: false });
    expect(parseQmuxFrame(new Reader(fromHex("104400")))).toEqual({ type: "max-data", maximum: 1024 });
  });

  test("begin with the parameters, of which defaults are left out", () => {
    expect(toHex(PARAMETERS.subarray(0, 8))).toBe("ff5153300d0a0d0a");
    const parsed = parseQmuxFrame(new Reader(PARAMETERS));
    expect(parsed).toEqual({ type: "parameters", parameters: OWN_PARAMETERS });
    expect(toHex(emitParameters({ ...OWN_PARAMETERS, maxRecordSize: 20_000 }))).toContain(
      "c571c59429cd084504" + "80004e20",
    );
  });

  test.each([
    ["a parameter of packets", "0100", "parameter 0 is forbidden"],
    ["a list of protocols", "fd4f9c2a8b1e607500", "is forbidden"],
    ["a parameter twice", "04010104010" + "2", "was sent twice"],
    ["extra bytes", "0402" + "0101", "has 1 extra bytes"],
    ["a value cut off", "0408" + "01", "needed 8 bytes"],
    ["a small record", "c571c59429cd0845" + "02" + "4100", "a maximum record size of 256 bytes"],
    ["too many streams", "0808" + "d000000000000100", "more streams than there are ids"],
  ])("with %s are refused", (_, hex, message) => {
    const content = hex === "0100" ? fromHex("000100") : fromHex(hex);
    const { server } = new QmuxPair();
    server.connection.handleMessage(parametersFrame(content), 0 as never);
    expect(server.poll()).toMatchObject([{ type: "closed", error: { message: expect.stringContaining(message) } }]);
    expect(server.connection.closeStatus).toBe(1002);
  });
});

describe.each(QMUX_VERSIONS)("%s", (version) => {
  test("carries streams of both kinds, opened by either side", () => {
    const both = begun(version);
    expect(both.client.isReady && both.server.isReady).toBe(true);
    for (const [near, far, ids] of [
      [both.client, both.server, [0, 2]],
      [both.server, both.client, [1, 3]],
    ] as const) {
      near.poll();
      const bidi = near.connection.openStream("bidi")!;
      const uni = near.connection.openStream("uni")!;
      expect([bidi, uni]).toEqual(ids);
      const long = new Uint8Array(300_000).map((_, i) => i * 7);
      near.connection.write(bidi, long, true);
      near.connection.write(uni, utf8("one "), false);
      near.connection.write(uni, utf8("way"), true);
      both.run();
      expect(ofType(far.poll(), "stream")).toEqual([
        { type: "stream", id: bidi, direction: "bidi" },
        { type: "stream", id: uni, direction: "uni" },
      ]);
      const arrived = far.read(bidi);
      expect(arrived.fin && equalBytes(arrived.bytes, long)).toBe(true);
      expect(far.read(uni)).toEqual({ bytes: utf8("one way"), fin: true });
      far.connection.write(bidi, utf8("answer"), true);
      both.run();
      expect(near.read(bidi)).toEqual({ bytes: utf8("answer"), fin: true });
      expect(ofType(near.poll(), "finished")).toHaveLength(2);
      expect([near.connection.streams.size, far.connection.streams.size]).toEqual([0, 0]);
    }
  });

  test("resets and stops with the application's codes", () => {
    const pair = begun(version);
    const { client, server } = pair;
    const id = client.connection.openStream("bidi")!;
    client.connection.write(id, utf8("x"), false);
    pair.run();
    client.connection.reset(id, 4_000_000_000);
    client.connection.stopSending(id, 30);
    pair.run();
    const events = server.poll();
    expect(ofType(events, "reset")).toEqual([{ type: "reset", id, code: 4_000_000_000 }]);
    expect(ofType(events, "stopped")).toEqual([{ type: "stopped", id, code: 30 }]);
    pair.run();
    expect([client.connection.streams.size, server.connection.streams.size]).toEqual([0, 0]);
  });

  test("ends with a code and a reason", () => {
    const pair = begun(version);
    pair.server.connection.session.close({ closeCode: 42, reason: "bye €" });
    pair.run();
    expect(pair.client.poll()).toEqual([
      { type: "closed", info: { closeCode: 42, reason: "bye €" }, error: undefined },
    ]);
    expect(pair.client.connection.closeStatus).toBe(1000);
  });
});

describe("flow control", () => {
  test("bounds what waits for a reader, and reading grants more", () => {
    const pair = begun();
    const { client, server } = pair;
    const ids = [0, 1, 2].map(() => client.connection.openStream("uni")!);
    const chunk = new Uint8Array(64 * 1024);
    for (const id of ids) for (let n = 0; n < 32; n += 1) client.connection.write(id, chunk, n === 31);
    pair.run();
    expect(server.connection.streams.unread).toBe(OWN_PARAMETERS.maxData);
    let bytes = 0;
    while (ids.some((id) => !client.events.some((each) => each.type === "finished" && each.id === id))) {
      for (const id of ids) bytes += server.read(id).bytes.length;
      pair.run();
      client.events.push(...client.poll());
      if (bytes === 3 * 32 * 64 * 1024) break;
    }
    for (const id of ids) bytes += server.read(id).bytes.length;
    expect(bytes).toBe(3 * 32 * 64 * 1024);
  });

  test("limits streams, and lets new ones be opened when old ones have ended", () => {
    const pair = begun();
    const { client, server } = pair;
    let opened = 0;
    for (let id = client.connection.openStream("uni"); id !== undefined; id = client.connection.openStream("uni")) {
      client.connection.write(id, utf8("x"), true);
      opened += 1;
    }
    expect(opened).toBe(OWN_PARAMETERS.maxStreamsUni);
    pair.run();
    expect(ofType(client.poll(), "streams-available")).toEqual([]);
    for (const event of server.poll()) if (event.type === "stream") server.read(event.id);
    pair.run();
    expect(ofType(client.poll(), "streams-available")).toEqual([{ type: "streams-available", direction: "uni" }]);
    expect(client.connection.openStream("uni")).toBe(4 * opened + 2);
  });

  test("tells the writer when there is room again", () => {
    const pair = begun();
    const id = pair.client.connection.openStream("uni")!;
    expect(pair.client.connection.write(id, new Uint8Array(100_000), false)).toBe(false);
    pair.run();
    expect(ofType(pair.client.poll(), "writable")).toEqual([{ type: "writable", id }]);
  });
});

test("streams of a higher send order go first, and groups take turns", () => {
  const pair = begun();
  const { connection } = pair.client;
  const [low, high, other] = [0, 1, 2].map(() => connection.openStream("uni")!);
  const group = {};
  connection.setOrder(low!, { group, sendOrder: 1 });
  connection.setOrder(high!, { group, sendOrder: 2 });
  for (const id of [low!, high!, other!]) connection.write(id, new Uint8Array(40_000), true);
  const order: number[] = [];
  for (let next = connection.pollMessage(pair.now); next !== undefined; next = connection.pollMessage(pair.now)) {
    const reader = new Reader(next);
    while (!reader.isAtEnd) {
      const frame = parseQmuxFrame(reader);
      if (frame.type === "stream" && order.at(-1) !== frame.id) order.push(frame.id);
    }
  }
  expect(order.filter((id) => id !== other)).toEqual([high, low].flatMap((id) => order.filter((each) => each === id)));
  expect(order.indexOf(other!)).toBeLessThan(order.indexOf(low!));
});

describe("datagrams", () => {
  test("arrive, up to the size that fits a record", () => {
    const pair = begun();
    const { client, server } = pair;
    expect(client.connection.maxDatagramSize).toBe(16_379);
    expect(client.connection.sendDatagram(new Uint8Array(16_379))).toBe("queued");
    expect(client.connection.sendDatagram(new Uint8Array(16_380))).toBe("too-large");
    expect(client.connection.sendDatagram(utf8("late"), after(pair.now, millis(-1)))).toBe("queued");
    expect(client.connection.sendDatagram(utf8("hi"))).toBe("queued");
    pair.run();
    expect(server.poll().map((each) => each.type === "datagram" && each.payload.length)).toEqual([16_379, 2]);
  });

  test("are refused while too many wait", () => {
    const { client } = begun();
    let queued = 0;
    while (client.connection.sendDatagram(new Uint8Array(1000)) === "queued") queued += 1;
    expect(queued).toBe(Math.floor((256 * 1024) / 1064));
  });

  test("draft 00 has none", () => {
    const pair = begun("qmux-00");
    expect(pair.client.connection.sendDatagram(utf8("x"))).toBe("unsupported");
    pair.server.connection.handleMessage(fromHex("310178"), pair.now);
    expect(pair.server.connection.closeStatus).toBe(1002);
  });
});

describe("time", () => {
  test("a session in use answers pings, and a silent peer ends it after 30 s", () => {
    const pair = begun();
    for (let n = 0; n < 10; n += 1) {
      pair.advance(10_000);
      pair.run();
    }
    expect([pair.client.poll(), pair.server.poll()]).toEqual([[], []]);
    for (let n = 0; n < 31; n += 1) pair.advance(1_000);
    expect(pair.client.poll()).toMatchObject([
      { type: "closed", error: { message: "the peer was silent for too long" } },
    ]);
  });

  test("a peer that does not begin is given up after 10 s", () => {
    const pair = new QmuxPair();
    pair.advance(9_999);
    expect(pair.client.poll()).toEqual([]);
    pair.advance(1);
    expect(pair.client.poll()).toMatchObject([{ error: { message: "the peer did not begin QMux" } }]);
  });
});

describe("a violation closes the session with CONNECTION_CLOSE, and WebSocket status 1002", () => {
  const stream = (id: number, offset: number, text: string, fin = false): Uint8Array =>
    concat(Uint8Array.of(fin ? 0x0f : 0x0e, id, offset, text.length), utf8(text));
  const cases: readonly (readonly [string, readonly Uint8Array[], string])[] = [
    ["frames before the parameters", [stream(0, 0, "x")], "before QX_TRANSPORT_PARAMETERS"],
    ["parameters twice", [PARAMETERS, PARAMETERS], "sent twice"],
    ["a gap", [PARAMETERS, stream(0, 5, "x")], "offset 5 follows 0 bytes"],
    ["bytes twice", [PARAMETERS, stream(0, 0, "x"), stream(0, 0, "x")], "offset 0 follows 1 bytes"],
    ["data after the end", [PARAMETERS, stream(0, 0, "x", true), stream(0, 1, "x")], "after the end"],
    ["a stream of ours that is not open", [PARAMETERS, stream(1, 0, "x")], "was not opened"],
    ["data on our one-way stream", [PARAMETERS, stream(3, 0, "x")], "which we send on"],
    ["STOP_SENDING on the peer's own", [PARAMETERS, fromHex("050200")], "which the peer sends on"],
    ["too many streams", [PARAMETERS, fromHex("0e44000000")], "257 of 256 streams"],
    ["more data than allowed on a stream", [PARAMETERS, fromHex("040000" + "80100001")], "FLOW"],
    ["RESET_STREAM_AT, which was not announced", [PARAMETERS, fromHex("2400000503")], "not a frame of QMux"],
    ["a PING of QUIC", [PARAMETERS, fromHex("01")], "not a frame of QMux"],
    ["an unknown type", [PARAMETERS, fromHex("c0000000000000ff")], "unknown type"],
    ["an empty message", [PARAMETERS, new Uint8Array(0)], "has 0 bytes"],
    ["a message above the record size", [PARAMETERS, new Uint8Array(16_383)], "has 16383 bytes"],
    ["pings whose number does not grow", [PARAMETERS, pingFrame(1, false), pingFrame(1, false)], "does not grow"],
    ["an answer to no ping", [PARAMETERS, pingFrame(0, true)], "answers no ping"],
    ["pings that flood", [PARAMETERS, ...Array.from({ length: 17 }, (_, i) => pingFrame(i, false))], "more pings"],
  ];

  test.each(cases)("%s", (_, messages, reason) => {
    const pair = new QmuxPair();
    const { connection } = pair.server;
    for (const message of messages) connection.handleMessage(message, pair.now);
    expect(connection.closeStatus).toBe(1002);
    const last = pair.server.poll().at(-1)!;
    expect(last).toMatchObject({ type: "closed", error: { name: "ProtocolError" } });
    if (reason !== "FLOW") expect(String((last as { error: Error }).error)).toContain(reason);
    const farewell = parseQmuxFrame(new Reader(connection.pollMessage(pair.now)!));
    expect(farewell).toMatchObject({ type: "connection-close", layer: "transport" });
    expect(connection.pollMessage(pair.now)).toBeUndefined();
  });

  test("and the peer learns why", () => {
    const pair = begun();
    pair.server.connection.handleMessage(fromHex("01"), pair.now);
    pair.run();
    expect(pair.client.poll()).toMatchObject([
      { type: "closed", error: { message: "the peer reported FRAME_ENCODING_ERROR: ping: is not a frame of QMux" } },
    ]);
  });
});

test("a reset with a final size below what arrived, as drafts 00 to 02 were implemented, is a reset", () => {
  const pair = begun();
  pair.server.connection.handleMessage(fromHex("0e00000278780400" + "0500"), pair.now);
  expect(ofType(pair.server.poll(), "reset")).toEqual([{ type: "reset", id: 0, code: 5 }]);
});

describe("DRAIN, beyond the draft", () => {
  test("reaches peers that announce that they take it, once, however early it is said", () => {
    const pair = new QmuxPair();
    pair.server.connection.session.drain();
    pair.run();
    pair.server.connection.session.drain();
    pair.run();
    expect(ofType(pair.client.poll(), "draining")).toHaveLength(1);
    const id = pair.client.connection.session.openStream("uni")!;
    pair.client.connection.session.write(id, utf8("still works"), true);
    pair.run();
    expect(pair.server.read(id).bytes).toEqual(utf8("still works"));
  });

  test("is not sent to others", () => {
    const { now, server } = new QmuxPair();
    const { connection } = server;
    const messages = (): Uint8Array[] => [connection.pollMessage(now)].filter((each) => each !== undefined);
    expect(messages()).toHaveLength(1);
    connection.handleMessage(parametersFrame(emitParameters({ ...OWN_PARAMETERS, takesDrain: 0 })), now);
    connection.session.drain();
    expect(messages()).toEqual([]);
  });
});

test("a carrier that ends without a farewell cuts the session off", () => {
  const pair = begun();
  pair.client.connection.handleEnd(new Error("the WebSocket closed with status 1006"));
  expect(pair.client.poll()).toMatchObject([{ type: "closed", error: { message: expect.stringContaining("1006") } }]);
});
