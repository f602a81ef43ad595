/** Streams of extensions: claimed by type and handed over with the data already read. Other streams are unaffected. */

import { describe, expect, test } from "vitest";
import { ProtocolError } from "../base/errors.ts";
import { SeededRng } from "../base/rng.ts";
import type { StreamId } from "../quic/transport.ts";
import { concat, fromUtf8, utf8 } from "../wire/text.ts";
import { type VarInt, wideInt } from "../wire/varint.ts";
import { H3_ERRORS } from "./errors.ts";
import { StreamClaims, type StreamEvent, type StreamOwner } from "./stream-claims.ts";
import type { MemoryTransport } from "./testing/memory-transport.ts";
import { H3Pair } from "./testing/pair.ts";
import { data, frame, headers, RawPeer, REQUEST, settings, varint } from "./testing/raw-peer.ts";

const UNI = 0x54;
const BIDI = 0x41;
const code = (name: keyof typeof H3_ERRORS): number => H3_ERRORS[name].code;

/** Collects the data of its streams. */
class Collector implements StreamOwner {
  readonly types = new Map<StreamId, VarInt>();
  readonly text = new Map<StreamId, string>();
  readonly ended = new Set<StreamId>();
  readonly events: StreamEvent[] = [];
  available = 0;
  transport!: MemoryTransport;

  handleStream(id: StreamId, type: VarInt, bytes: Uint8Array, fin: boolean): void {
    this.types.set(id, type);
    this.#add(id, bytes, fin);
    this.#read(id);
  }

  handleEvent(event: StreamEvent): void {
    this.events.push(event);
    if (event.type === "stream-readable") this.#read(event.id);
  }

  handleStreamsAvailable(): void {
    this.available += 1;
  }

  #read(id: StreamId): void {
    for (let chunk = this.transport.read(id); chunk !== undefined; chunk = this.transport.read(id)) {
      this.#add(id, chunk.bytes, chunk.fin);
    }
  }

  #add(id: StreamId, bytes: Uint8Array, fin: boolean): void {
    this.text.set(id, (this.text.get(id) ?? "") + fromUtf8(bytes));
    if (fin) this.ended.add(id);
  }
}

function claimed(role: "client" | "server", options: ConstructorParameters<typeof RawPeer>[1] = {}) {
  const owner = new Collector();
  const claims = new StreamClaims();
  claims.claim("uni", UNI, owner);
  claims.claim("bidi", BIDI, owner);
  const peer = new RawPeer(role, { ...options, claims });
  owner.transport = peer.victim.transport;
  return { owner, claims, peer };
}

const roles = ["client", "server"] as const;

describe("a claimed unidirectional stream", () => {
  test.each(roles)("goes to its owner, however it is split (%s)", (role) => {
    const { owner, peer } = claimed(role, { maxRead: 1 });
    peer.openControl();
    const id = peer.openUni(UNI, utf8("hello"));
    peer.send(id, utf8(", world"), true);
    expect(owner.types.get(id)).toBe(UNI);
    expect(owner.text.get(id)).toBe("hello, world");
    expect(owner.ended).toEqual(new Set([id]));
    expect(peer.closeCode).toBeUndefined();
  });

  test("may have a type of 62 bits, distinct from adjacent ones", () => {
    const { claims, owner, peer } = claimed("server");
    const type = wideInt(0x3fff_ffff, 0xffff_fff0);
    claims.claim("uni", type, owner);
    const id = peer.openUni(type, utf8("x"));
    const other = peer.openUni(wideInt(0x3fff_ffff, 0xffff_fff1), utf8("x"));
    expect(owner.types.get(id)).toEqual(type);
    expect(owner.types.has(other)).toBe(false);
    expect(peer.victim.transport.stops.get(other)).toBe(code("H3_STREAM_CREATION_ERROR"));
  });

  test("delivers its reset to the owner, until the owner releases the stream", () => {
    const { claims, owner, peer } = claimed("server");
    const id = peer.openUni(UNI, utf8("x"));
    const released = peer.openUni(UNI, utf8("x"));
    claims.release(released);
    for (const each of [id, released]) peer.transport.reset(each, 7);
    peer.run();
    expect(owner.events).toEqual([{ type: "stream-reset", id, code: 7 }]);
    expect(peer.closeCode).toBeUndefined();
  });

  test.each(roles)("does not affect the streams of HTTP/3 (%s)", (role) => {
    const { peer } = claimed(role);
    const before = peer.openUni(UNI);
    peer.openControl(settings([6, 1000]));
    expect(peer.victim.of("settings")).toHaveLength(1);
    // It may end, unlike the control stream.
    peer.send(before, utf8("bye"), true);
    expect(peer.closeCode).toBeUndefined();
    expect(peer.victim.transport.stops.size).toBe(0);
  });
});

describe("a claimed bidirectional stream", () => {
  test("of a client goes to its owner, and other streams are still requests", () => {
    const { owner, peer } = claimed("server", { maxRead: 1 });
    const id = peer.transport.openStream("bidi")!;
    const request = peer.transport.openStream("bidi")!;
    peer.send(id, concat(varint(BIDI), utf8("raw")));
    peer.send(request, headers(REQUEST), true);
    peer.send(id, utf8(" bytes"), true);
    expect(owner.text.get(id)).toBe("raw bytes");
    expect(owner.ended.has(id)).toBe(true);
    expect(peer.victim.of("request")).toMatchObject([{ id: request, head: { path: "/" } }]);
    expect(peer.victim.connection.openRequests).toBe(1);
  });

  test("of a server goes to its owner", () => {
    const { owner, peer } = claimed("client");
    const id = peer.transport.openStream("bidi")!;
    peer.send(id, concat(varint(BIDI), utf8("raw")), true);
    expect(owner.text.get(id)).toBe("raw");
    expect(peer.closeCode).toBeUndefined();
  });

  test.each([
    ["another type", concat(varint(0x42), utf8("x"))],
    ["a request", headers(REQUEST)],
    ["nothing at all", new Uint8Array(0)],
  ])("of a server with %s is a connection error", (_, bytes) => {
    const { peer } = claimed("client");
    peer.send(peer.transport.openStream("bidi")!, bytes, true);
    expect(peer.closeCode).toBe(code("H3_STREAM_CREATION_ERROR"));
  });

  test("of a server is a connection error as soon as it is opened, without a claim", () => {
    const peer = new RawPeer("client");
    // No byte of it needs to be read.
    peer.send(peer.transport.openStream("bidi")!, new Uint8Array(0), true);
    expect(peer.closeCode).toBe(code("H3_STREAM_CREATION_ERROR"));
  });

  test.each(["request", "control"])("as a frame later on a %s stream is a frame error", (place) => {
    const { peer } = claimed("server");
    if (place === "control") peer.openControl(settings(), frame(BIDI));
    else peer.send(peer.transport.openStream("bidi")!, concat(headers(REQUEST), frame(BIDI)));
    expect(peer.closeCode).toBe(code("H3_FRAME_ERROR"));
  });

  test("STOP_SENDING before the first byte reaches the owner, or the request", () => {
    const { owner, peer } = claimed("server");
    const id = peer.transport.openStream("bidi")!;
    const request = peer.transport.openStream("bidi")!;
    for (const each of [id, request]) peer.transport.stopSending(each, 9);
    peer.run();
    peer.send(id, varint(BIDI));
    peer.send(request, headers(REQUEST), true);
    expect(owner.events).toEqual([{ type: "stream-stopped", id, code: 9 }]);
    expect(peer.victim.of("stopped")).toEqual([{ type: "stopped", id: request, code: 9 }]);
  });

  test("a request that is reset before its first byte counts as cancelled", () => {
    const { peer } = claimed("server", { maxBidiStreams: 1000 });
    for (let i = 0; i < 300 && peer.closeCode === undefined; i += 1) {
      peer.transport.reset(peer.transport.openStream("bidi")!, 0);
      peer.run();
    }
    expect(peer.closeCode).toBe(code("H3_EXCESSIVE_LOAD"));
  });

  test("is accepted while the connection drains, and a request is not", () => {
    const { owner, peer } = claimed("server");
    peer.send(peer.transport.openStream("bidi")!, headers(REQUEST), true);
    peer.victim.connection.goaway();
    const id = peer.transport.openStream("bidi")!;
    const request = peer.transport.openStream("bidi")!;
    peer.send(id, concat(varint(BIDI), utf8("still")));
    peer.send(request, headers(REQUEST), true);
    expect(owner.text.get(id)).toBe("still");
    expect(peer.victim.transport.resets.get(request)).toBe(code("H3_REQUEST_REJECTED"));
  });

  test("that ends inside its type is an incomplete request", () => {
    const { peer } = claimed("server");
    const id = peer.transport.openStream("bidi")!;
    peer.send(id, Uint8Array.of(0x40), true);
    expect(peer.closeCode).toBe(code("H3_FRAME_ERROR"));
  });
});

describe("an owner's own streams", () => {
  test("are adopted: it receives their events, and HTTP/3 ignores their end", () => {
    const owner = new Collector();
    const claims = new StreamClaims();
    const pair = new H3Pair({ client: { claims } }).run();
    const { transport } = pair.client;
    owner.transport = transport;
    const uni = transport.openStream("uni")!;
    const bidi = transport.openStream("bidi")!;
    for (const id of [uni, bidi]) {
      claims.adopt(id, owner);
      transport.write(id, concat(varint(0x21), varint(0)), false);
    }
    pair.run();
    // The server stops the stream of unknown type.
    pair.server.transport.stopSending(bidi, 3);
    pair.run();
    expect(owner.events.filter(({ type }) => type === "stream-stopped").map(({ id }) => id)).toEqual([uni, bidi]);
    expect(transport.closed).toBeUndefined();
  });

  test("deliver an event when there is credit for more of them", () => {
    const { owner, peer } = claimed("client", { maxUniStreams: 2 });
    expect(peer.victim.transport.openStream("uni")).toBeUndefined();
    peer.victim.transport.grantStreams("uni", 1);
    peer.run();
    expect(owner.available).toBe(1);
  });
});

describe("the registry", () => {
  test.each([
    ["uni", 0x00],
    ["uni", 0x03],
    ["uni", 0x21],
    ["uni", UNI],
    ["bidi", 0x01],
    ["bidi", 0x06],
    ["bidi", 0x21 + 0x1f * 7],
    ["bidi", BIDI],
  ] as const)("refuses claims of %s %i", (direction, type) => {
    const { claims, owner } = claimed("server");
    expect(() => claims.claim(direction, type, owner)).toThrow(RangeError);
  });

  test("an error thrown by an owner closes the connection", () => {
    const claims = new StreamClaims();
    const fault = new ProtocolError("http", H3_ERRORS.H3_ID_ERROR, "session");
    claims.claim("uni", UNI, {
      handleStream: () => {
        throw fault;
      },
      handleEvent: () => {},
    });
    const peer = new RawPeer("server", { claims, rng: new SeededRng(1) });
    peer.openUni(UNI, data(3));
    expect(peer.closeCode).toBe(code("H3_ID_ERROR"));
  });
});
