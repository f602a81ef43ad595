/** How a session ends on the stream of its request. Peers differ in what they send besides the CLOSE capsule. */

import { expect, test } from "vitest";
import { capsule } from "../../http/capsules/index.ts";
import type { SessionStreams } from "../../webtransport/h3/index.ts";
import {
  type CloseInfo,
  closeValue,
  type SessionEvent,
  WebTransportCapsule,
  WT_ERRORS,
} from "../../webtransport/index.ts";
import { toHex } from "../../wire/hex.ts";
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
    cancel: () => log.push("reset"),
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
  expect(log).toEqual(["reset", "over"]);
});
