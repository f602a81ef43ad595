/** How a session ends on the stream of its request. Peers differ in what they send besides the CLOSE capsule. */

import { describe, expect, test } from "vitest";
import { H3_ERRORS } from "../../h3/index.ts";
import { capsule } from "../../http/capsules/index.ts";
import type { SessionStreams } from "../../webtransport/h3/index.ts";
import {
  type CloseInfo,
  closeValue,
  type SessionEvent,
  WebTransportCapsule,
  WT_ERRORS,
} from "../../webtransport/index.ts";
import { fromHex, toHex } from "../../wire/hex.ts";
import { concat } from "../../wire/text.ts";
import { H3Body, type H3ExchangeHost } from "../quic/h3-stream.ts";
import { H3Tunnel } from "../quic/h3-tunnel.ts";
import { sessionIn } from "./tunnel-carrier.ts";

const BYE: CloseInfo = { closeCode: 42, reason: "bye" };
const CLOSE = capsule(WebTransportCapsule.CLOSE, closeValue(BYE));

/** A server's session, and what happens to the stream of its request. */
function serve() {
  const log: string[] = [];
  const received: Uint8Array[] = [];
  const h3 = {
    readData: () => {
      const bytes = received.shift();
      return bytes && { bytes, fin: false };
    },
    writeData: (_id: number, bytes: Uint8Array, fin: boolean) => {
      log.push(fin ? "fin" : `data ${toHex(bytes)}`);
      return true;
    },
    stopReading: () => log.push("stop"),
    cancel: (_id: number, code: number) => log.push(`reset ${code.toString(16)}`),
  };
  const host = { h3, pump: () => undefined, onExchangeClosed: () => log.push("over") } as unknown as H3ExchangeHost;
  const streams = { close: () => undefined } as unknown as SessionStreams;
  const parts = { datagrams: undefined, sessionStreams: streams };
  const tunnel = new H3Tunnel(
    host,
    0,
    new H3Body(host, 0, false),
    { protocol: "webtransport" },
    parts,
    () => undefined,
  );
  const session = sessionIn(tunnel);
  const receive = (bytes: Uint8Array): void => {
    received.push(bytes);
    tunnel.handleData();
  };
  const events = (): SessionEvent[] => {
    const all: SessionEvent[] = [];
    for (let next = session.pollEvent(); next !== undefined; next = session.pollEvent()) all.push(next);
    return all;
  };
  return { log, tunnel, session, receive, events };
}

test("our end waits for the peer's; Chromium takes a session whose request is stopped for cut off", () => {
  const { log, tunnel, session, receive, events } = serve();
  session.close(BYE);
  expect(log).toEqual([`data ${toHex(CLOSE)}`, "fin"]);
  receive(CLOSE); // both closed at once
  tunnel.handleFinished();
  expect(log.slice(2)).toEqual(["over"]);
  expect(events()).toEqual([{ type: "closed", info: BYE, error: undefined }]);
});

test("the peer's end has its code and reason, although it stopped our direction first, as webtransport-go does", () => {
  const { log, tunnel, receive, events } = serve();
  tunnel.handleStopped(WT_ERRORS.WT_SESSION_GONE);
  receive(CLOSE);
  tunnel.handleFinished();
  expect(events()).toEqual([{ type: "closed", info: BYE, error: undefined }]);
  expect(log).toEqual(["fin", "over"]);
});

test("a request that is stopped with another code is cut off", () => {
  const { log, tunnel, events } = serve();
  tunnel.handleStopped(0x10c);
  expect(events()).toMatchObject([{ type: "closed", error: expect.any(Error) }]);
  expect(log).toEqual(["reset 10c", "over"]);
});

const close = (reason: Uint8Array): Uint8Array => capsule(WebTransportCapsule.CLOSE, Uint8Array.of(0, 0, 0, 7), reason);

describe("capsules that break the rules cut the session off with H3_MESSAGE_ERROR:", () => {
  test.each([
    ["a reason of 1,025 bytes", close(new Uint8Array(1025).fill(0x61))],
    ["a reason of 2^62 - 1 bytes, none of which has arrived", fromHex("6843ffffffffffffffff")],
    ["a reason that is not UTF-8", close(fromHex("c3"))],
    ["a CLOSE without a whole code", capsule(WebTransportCapsule.CLOSE, fromHex("000007"))],
    ["a DRAIN with content", capsule(WebTransportCapsule.DRAIN, fromHex("00"))],
    ["bytes after CLOSE", concat(CLOSE, fromHex("00"))],
  ])("%s", (_, bytes) => {
    const { log, receive, events } = serve();
    receive(bytes);
    const { H3_MESSAGE_ERROR } = H3_ERRORS;
    expect(log).toContain(`reset ${H3_MESSAGE_ERROR.code.toString(16)}`);
    expect(events()).toHaveLength(1);
  });

  test("an end inside of CLOSE, at every byte", () => {
    for (let length = 1; length < CLOSE.length; length += 1) {
      const { log, tunnel, receive, events } = serve();
      for (const byte of CLOSE.subarray(0, length)) receive(Uint8Array.of(byte));
      tunnel.handleFinished();
      expect(log).toEqual(["reset 10e", "over"]);
      expect(events()).toMatchObject([{ type: "closed", error: expect.any(Error) }]);
    }
  });
});

test("a CLOSE that is split at each byte, after capsules that nobody knows, is one", () => {
  const { tunnel, receive, events } = serve();
  for (const byte of concat(capsule(0x17, new Uint8Array(70)), CLOSE)) receive(Uint8Array.of(byte));
  tunnel.handleFinished();
  expect(events()).toEqual([{ type: "closed", info: BYE, error: undefined }]);
});
