/** ClientHellos as large as the channel allows: the work grows with their length, not with its square. */

import { expect, it } from "vitest";
import { SeededRng } from "../base/rng.ts";
import { type Instant, seconds } from "../base/time.ts";
import { pureEngine } from "../crypto/pure/index.ts";
import { createTlsClient } from "./client.ts";
import type { TicketPolicy } from "./handshake.ts";
import { emitClientHello, parseClientHello } from "./messages/client-hello.ts";
import { handshakeMessage, parseBody } from "./messages/message.ts";
import { createTlsServer } from "./server.ts";
import { checkClientHello } from "./server-choice.ts";
import { clientConfig, eventOf, NOW, Pair, serverConfig } from "./testing/pair.ts";
import { type TicketContents, TicketKeys } from "./tickets.ts";

const HELLO = (() => {
  const client = createTlsClient(clientConfig());
  client.start(NOW);
  return parseBody(handshakeMessage(client.pollTransmit()!.bytes), parseClientHello);
})();

/** A list that counts the elements read. */
function counted<T>(list: readonly T[]): { readonly list: readonly T[]; readonly reads: () => number } {
  let reads = 0;
  const proxy = new Proxy(list, {
    get: (target, key, receiver) => {
      if (typeof key === "string" && /^\d+$/.test(key)) reads += 1;
      return Reflect.get(target, key, receiver);
    },
  });
  return { list: proxy, reads: () => reads };
}

it("thousands of key shares are looked up once each", () => {
  const groups = Array.from({ length: 9_000 }, (_, i) => 0x4000 + i);
  const supported = counted(groups);
  const shares = groups.map((group) => ({ group, keyExchange: Uint8Array.of(1) }));
  const extensions = { ...HELLO.extensions, supported_groups: supported.list, key_share: shares };
  checkClientHello({ ...HELLO, extensions });
  expect(supported.reads()).toBeLessThanOrEqual(groups.length);
});

it("of a thousand tickets, four are tried", () => {
  let opened = 0;
  class CountingKeys extends TicketKeys {
    override open(ticket: Uint8Array, now: Instant): TicketContents | undefined {
      opened += 1;
      return super.open(ticket, now);
    }
  }
  const tickets: TicketPolicy = { keys: new CountingKeys(pureEngine, new Uint8Array(32), new SeededRng(1)) };
  const identity = { identity: new Uint8Array(20), obfuscatedTicketAge: 0 };
  const identities = Array.from({ length: 1_000 }, () => identity);
  const binders = identities.map(() => new Uint8Array(32));
  const extensions = { ...HELLO.extensions, psk_key_exchange_modes: [1], pre_shared_key: { identities, binders } };
  const message = emitClientHello({ ...HELLO, extensions });
  expect(message.length).toBeGreaterThan(50_000);
  const server = createTlsServer(serverConfig({ tickets }));
  server.handleCrypto(0, message, NOW);
  expect(opened).toBe(4);
  // The full handshake goes on.
  expect(server.pollTransmit()).toBeDefined();
});

it("a ticket is never longer than the longest names make it", () => {
  const keys = new TicketKeys(pureEngine, new Uint8Array(32), new SeededRng(1));
  const kept = (serverName: string) => {
    const pair = new Pair({
      now: seconds(1) as number as Instant,
      client: { serverName },
      server: { tickets: { keys } },
    }).run();
    expect(pair.isComplete).toBe(true);
    return eventOf(pair.clientEvents, "session")?.session.ticket.length;
  };
  expect(kept("x".repeat(255))).toBeLessThan(450);
  expect(kept("x".repeat(256))).toBeUndefined();
});
