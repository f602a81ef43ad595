/** What a listener's tickets are bound to: their early data arrives before an address is validated. */

import { expect, test } from "vitest";
import type { SocketAddress } from "../../base/datagrams.ts";
import { SeededRng } from "../../base/rng.ts";
import type { Instant } from "../../base/time.ts";
import { portableEngine } from "../../crypto/portable/index.ts";
import { type ConnectionFactsForTls, connectionConfig } from "../../quic/index.ts";
import { HostilePeer } from "../../quic/testing/hostile-peer.ts";
import { keptSession } from "../../quic/testing/resumption.ts";
import { MemoryStrikeRegister } from "../../tls/index.ts";
import type { ListenerOptions } from "../http/listener.ts";
import { SessionTickets } from "./session-tickets.ts";

const SECRET = new Uint8Array(32).fill(3);
const config = connectionConfig({ engine: portableEngine, rng: new SeededRng(1) });
const from = (host: string, port = 1): ConnectionFactsForTls => {
  const remote: SocketAddress = { family: 4, host, port };
  return { remote, version: () => 1 };
};

/** The options that concern tickets. */
const listener = (options: Partial<ListenerOptions> = {}): SessionTickets =>
  new SessionTickets(config, SECRET, options as ListenerOptions);

interface Return {
  readonly from: ConnectionFactsForTls;
  readonly acceptsTunnels?: boolean;
  readonly tickets?: SessionTickets;
}

/** What a client from 192.0.2.1 gets that returns with its ticket. */
function returning({ from: facts, acceptsTunnels = false, tickets = listener() }: Return) {
  const tls = (known: ConnectionFactsForTls, tunnels: boolean) => ({ tickets: tickets.policy(known, tunnels) });
  const session = keptSession({ start: 0 as Instant, serverTls: tls(from("192.0.2.1"), false) });
  const clientTls = { session, earlyData: true };
  const peer = new HostilePeer({ role: "client", clientTls, serverTls: tls(facts, acceptsTunnels) }).handshake();
  const { resumed, acceptedEarlyData } = peer.connection.handshakeFacts!;
  return { resumed, acceptedEarlyData };
}

const RESUMED = { resumed: true, acceptedEarlyData: false };
const EARLY = { resumed: true, acceptedEarlyData: true };

test("early data is accepted from the address of the ticket, on any port", () => {
  expect(returning({ from: from("192.0.2.1", 2) })).toEqual(EARLY);
});

test("early data is not accepted from another address, which may be spoofed", () => {
  expect(returning({ from: from("192.0.2.2") })).toEqual(RESUMED);
});

test("early data is not accepted under other settings", () => {
  expect(returning({ from: from("192.0.2.1"), acceptsTunnels: true })).toEqual(RESUMED);
});

test("early data is not accepted with a key that other processes may have, unless they share a register", () => {
  const resetKey = new Uint8Array(32);
  expect(returning({ from: from("192.0.2.1"), tickets: listener({ resetKey }) })).toEqual(RESUMED);
  const strikeRegister = new MemoryStrikeRegister();
  expect(returning({ from: from("192.0.2.1"), tickets: listener({ resetKey, strikeRegister }) })).toEqual(EARLY);
});
