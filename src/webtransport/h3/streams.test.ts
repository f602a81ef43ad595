/** The streams of WebTransport sessions, between two connections and from peers that break the rules. */

import { beforeEach, describe, expect, test } from "vitest";
import { H3_ERRORS } from "../../h3/errors.ts";
import { StreamClaims } from "../../h3/index.ts";
import { frame, headers, RawPeer, REQUEST, varint } from "../../h3/testing/raw-peer.ts";
import type { StreamDirection, StreamId } from "../../quic/index.ts";
import { fromHex } from "../../wire/hex.ts";
import { concat, fromUtf8, utf8 } from "../../wire/text.ts";
import { toHttpCode, WT_ERRORS } from "../error-codes.ts";
import type { SessionStreams, SessionStreamsHandler } from "./session-streams.ts";
import { WebTransportStreams } from "./webtransport-streams.ts";

const UNI = 0x54;
const BIDI = 0x41;
const EXTENDED = [[":method", "CONNECT"], [":protocol", "webtransport"], ...REQUEST.slice(1)] as const;

class Recorder implements SessionStreamsHandler {
  readonly events: string[] = [];
  readonly ids: StreamId[] = [];

  handleStream(id: StreamId, direction: StreamDirection): void {
    this.ids.push(id);
    this.events.push(`${direction} stream`);
  }
  handleReadable(): void {}
  handleWritable(): void {
    this.events.push("writable");
  }
  handleReset(_id: StreamId, code: number | undefined): void {
    this.events.push(`reset ${code}`);
  }
  handleStopped(_id: StreamId, code: number | undefined): void {
    this.events.push(`stopped ${code}`);
  }
  handleFinished(): void {
    this.events.push("finished");
  }
  handleStreamsAvailable(direction: StreamDirection): void {
    this.events.push(`${direction} available`);
  }
}

let peer: RawPeer;
let streams: WebTransportStreams;
let session: SessionStreams;
let handler: Recorder;

/** A server, and a client that sends what it likes. */
beforeEach(() => {
  const claims = new StreamClaims();
  const options = { enableConnectProtocol: true, claims, maxBidiStreams: 100, maxUniStreams: 100 };
  // The claims are those of the streams below, which are there before anything arrives.
  peer = new RawPeer("server", options);
  streams = new WebTransportStreams(peer.victim.transport, claims, () => peer.victim.connection.nextRequestId);
  peer.openControl();
  handler = new Recorder();
});

function openSession(): StreamId {
  const id = peer.openRequest();
  peer.send(id, headers(EXTENDED));
  session = streams.add(id);
  return id;
}

function textOf(id: StreamId): string {
  let text = "";
  for (let chunk = session.read(id); chunk !== undefined; chunk = session.read(id)) text += fromUtf8(chunk.bytes);
  return text;
}

const { stops, resets } = {
  stops: () => peer.victim.transport.stops,
  resets: () => peer.victim.transport.resets,
};

describe("streams of the peer", () => {
  test("begin with their session's id, however it is split", () => {
    openSession();
    session.handler = handler;
    const header = concat(varint(BIDI), varint(0), utf8("hello"));
    const id = peer.transport.openStream("bidi")!;
    for (const byte of header) peer.send(id, new Uint8Array([byte]));
    expect(handler.events).toEqual(["bidi stream"]);
    expect(textOf(id)).toBe("hello");
    peer.send(id, utf8("!"), true);
    expect(textOf(id)).toBe("!");
  });

  test("with a session id of 8 bytes, and nothing else, are streams too", () => {
    openSession();
    session.handler = handler;
    peer.openUni(UNI, fromHex("c000000000000000"));
    expect(handler.events).toEqual(["uni stream"]);
  });

  test("that overtake their session wait for it", () => {
    const early = peer.openUni(UNI, varint(0), utf8("early"));
    const id = openSession();
    expect(id).toBe(0);
    session.handler = handler;
    expect(textOf(early)).toBe("early");
    expect(handler.ids).toEqual([early]);
  });

  test("for a session that has not been accepted wait too, 24 in all; the others are refused", () => {
    for (let n = 0; n < 20; n += 1) peer.openUni(UNI, varint(0));
    openSession();
    const late = Array.from({ length: 10 }, () => peer.openUni(UNI, varint(0)));
    expect(stops().size).toBe(6);
    expect(stops().get(late.at(-1)!)).toBe(WT_ERRORS.WT_BUFFERED_STREAM_REJECTED);
    session.handler = handler;
    expect(handler.ids).toHaveLength(24);
    peer.openUni(UNI, varint(0));
    expect(handler.ids).toHaveLength(25);
  });

  test("of 10,000 for a session that never comes, at most 24 are held", () => {
    for (let n = 0; n < 10_000; n += 1) {
      peer.victim.transport.peer.grantStreams("uni", 1);
      peer.openUni(UNI, varint(4000));
    }
    expect(stops().size).toBe(10_000 - 24);
    expect(peer.closeCode).toBeUndefined();
  });

  test("that are reset while they wait are forgotten", () => {
    openSession();
    const id = peer.transport.openStream("bidi")!;
    peer.send(id, concat(varint(BIDI), varint(0)));
    peer.transport.reset(id, 7);
    peer.run();
    session.handler = handler;
    expect(handler.events).toEqual([]);
    expect([session.size, resets().get(id)]).toEqual([0, WT_ERRORS.WT_SESSION_GONE]);
  });

  test("for a session that has ended are refused with WT_SESSION_GONE", () => {
    openSession();
    session.close();
    const id = peer.openUni(UNI, varint(0));
    expect(stops().get(id)).toBe(WT_ERRORS.WT_SESSION_GONE);
    const both = peer.transport.openStream("bidi")!;
    peer.send(both, concat(varint(BIDI), varint(0)));
    expect([stops().get(both), resets().get(both)]).toEqual([WT_ERRORS.WT_SESSION_GONE, WT_ERRORS.WT_SESSION_GONE]);
  });

  test.each([1, 2, 3, 6])("with the session id %d, which is not that of a request, are H3_ID_ERROR", (id) => {
    peer.openUni(UNI, varint(id));
    expect(peer.closeCode).toBe(H3_ERRORS.H3_ID_ERROR.code);
  });

  test("a stream signal within a request is H3_FRAME_ERROR (§4.3)", () => {
    const id = peer.openRequest();
    peer.send(id, concat(headers(EXTENDED), frame(BIDI, varint(0))));
    expect(peer.closeCode).toBe(H3_ERRORS.H3_FRAME_ERROR.code);
  });

  test("that end inside their header are forgotten", () => {
    const id = peer.transport.openStream("uni")!;
    peer.send(id, concat(varint(UNI), fromHex("40")), true);
    const both = peer.transport.openStream("bidi")!;
    peer.send(both, concat(varint(BIDI), fromHex("40")), true);
    expect(peer.closeCode).toBeUndefined();
    expect(resets().get(both)).toBe(WT_ERRORS.WT_SESSION_GONE);
  });
});

describe("errors of a stream", () => {
  test("have the application's codes, and others have none", () => {
    openSession();
    session.handler = handler;
    const ids = [30, undefined].map((code) => {
      const id = peer.openUni(UNI, varint(0));
      peer.transport.reset(id, code === undefined ? H3_ERRORS.H3_INTERNAL_ERROR.code : toHttpCode(code));
      peer.run();
      return id;
    });
    expect(handler.events).toEqual(["uni stream", "reset 30", "uni stream", "reset undefined"]);
    expect(ids).toHaveLength(2);
    expect(session.size).toBe(0);
  });

  test("ours are mapped, and a stopped stream is reset, which makes room for another", () => {
    openSession();
    session.handler = handler;
    const id = session.open("bidi")!;
    session.stopSending(id, 255);
    expect(stops().get(id)).toBe(toHttpCode(255));
    peer.run();
    peer.transport.stopSending(id, toHttpCode(1));
    peer.run();
    expect(handler.events).toEqual(["stopped 1"]);
    expect([session.size, resets().get(id)]).toEqual([0, toHttpCode(1)]);
  });
});

describe("our streams", () => {
  test("begin with type and session id", () => {
    const sessionId = openSession();
    const [uni, bidi] = [session.open("uni")!, session.open("bidi")!];
    const written = (id: StreamId) => peer.victim.transport.writes.find((write) => write.id === id)!.bytes;
    expect(written(uni)).toEqual(concat(varint(UNI), varint(sessionId)));
    expect(written(bidi)).toEqual(concat(varint(BIDI), varint(sessionId)));
  });

  test("end with the session, and its slot is free", () => {
    openSession();
    session.handler = handler;
    const id = session.open("bidi")!;
    session.close();
    expect([stops().get(id), resets().get(id)]).toEqual([WT_ERRORS.WT_SESSION_GONE, WT_ERRORS.WT_SESSION_GONE]);
    expect([session.open("uni"), session.size, streams.sessions]).toEqual([undefined, 0, 0]);
  });

  test("that are finished are forgotten", () => {
    openSession();
    session.handler = handler;
    for (let n = 0; n < 5; n += 1) {
      const id = session.open("uni")!;
      session.write(id, utf8("x"), true);
    }
    peer.run();
    expect(handler.events.filter((event) => event === "finished")).toHaveLength(5);
    expect(session.size).toBe(0);
  });
});
