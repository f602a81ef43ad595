/** Arbitrary and mutated bytes in every state of both roles yield events or one ProtocolError, and nothing else. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runs } from "../../test/properties/runs.ts";
import { ProtocolError } from "../base/errors.ts";
import { SeededRng } from "../base/rng.ts";
import { pureEngine } from "../crypto/pure/index.ts";
import { concat, utf8 } from "../wire/text.ts";
import { createTlsClient } from "./client.ts";
import { EncryptionLevel, type TicketPolicy, type TlsHandshake } from "./handshake.ts";
import { emitMessage, MESSAGE_TYPES, type MessageName } from "./messages/message.ts";
import { createTlsServer } from "./server.ts";
import { MemoryStrikeRegister } from "./strike-register.ts";
import { clientConfig, eventOf, type Flight, NOW, Pair, serverConfig } from "./testing/pair.ts";
import { TicketKeys } from "./tickets.ts";

const tickets = (): TicketPolicy => ({
  keys: new TicketKeys(pureEngine, new Uint8Array(32), new SeededRng(5)),
  earlyData: { context: utf8("context"), register: new MemoryStrikeRegister() },
});
const good = new Pair({ server: { tickets: tickets() } }).run();
const retried = new Pair({ server: { groups: ["secp256r1"], tickets: tickets() } }).run();
const { session } = eventOf(good.clientEvents, "session")!;
const resuming = { session, earlyData: true, rng: new SeededRng(6) };
const resumed = new Pair({ client: resuming, server: { tickets: tickets() } }).run();

/** Feeds bytes and answers every verdict request. Swallows the error that ends the handshake, and no other. */
function feed(machine: TlsHandshake, flights: readonly Flight[]): void {
  try {
    for (const { level, bytes } of flights) {
      machine.handleCrypto(level, bytes, NOW);
      for (let event = machine.pollEvent(); event !== undefined; event = machine.pollEvent()) {
        if (event.type === "verify-certificate") machine.certificateVerdict(undefined, NOW);
      }
      while (machine.pollTransmit() !== undefined);
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    expect(error.layer).toBe("transport");
  }
}

function freshClient(): TlsHandshake {
  const client = createTlsClient(clientConfig());
  client.start(NOW);
  return client;
}

const names = Object.keys(MESSAGE_TYPES) as MessageName[];
const anyMessage = fc
  .tuple(fc.constantFrom(...names), fc.uint8Array({ maxLength: 200 }))
  .map(([name, body]) => emitMessage(name, body));
const anyBytes = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.array(anyMessage, { maxLength: 4 }).map((m) => concat(...m)),
);
const anyLevel = fc.constantFrom(EncryptionLevel.initial, EncryptionLevel.handshake, EncryptionLevel.oneRtt);

/** Mutations of a valid stream: a changed byte, a removed byte, a repeated run. */
const mutations = fc.array(fc.record({ kind: fc.nat(2), at: fc.nat(), value: fc.nat(255) }), {
  minLength: 1,
  maxLength: 3,
});

function mutate(flights: readonly Flight[], changes: readonly { kind: number; at: number; value: number }[]): Flight[] {
  const result = [...flights];
  for (const { kind, at, value } of changes) {
    const index = at % result.length;
    const { level, bytes } = result[index]!;
    const place = Math.floor(at / result.length) % bytes.length;
    const before = bytes.subarray(0, place);
    const rest = bytes.subarray(place + 1);
    const changed = [
      () => concat(before, Uint8Array.of(value), rest),
      () => concat(before, rest),
      () => concat(before, bytes.subarray(place, place + value), bytes.subarray(place)),
    ][kind]!();
    result[index] = { level, bytes: changed };
  }
  return result;
}

describe("a client survives", () => {
  it("arbitrary bytes in every state", () => {
    fc.assert(
      fc.property(fc.nat(good.toClient.length), anyLevel, anyBytes, (count, level, bytes) => {
        feed(freshClient(), [...good.toClient.slice(0, count), { level, bytes }]);
      }),
      { numRuns: runs(300) },
    );
  });
  it("a mutated flight, and a mutated flight after a retry", () => {
    fc.assert(
      fc.property(fc.constantFrom(good.toClient, retried.toClient), mutations, (flights, changes) => {
        feed(freshClient(), mutate(flights, changes));
      }),
      { numRuns: runs(300) },
    );
  });
});

describe("a client that resumes survives", () => {
  it("a mutated flight, and arbitrary bytes after each message", () => {
    fc.assert(
      fc.property(fc.nat(resumed.toClient.length), anyLevel, anyBytes, mutations, (count, level, bytes, changes) => {
        for (const flights of [
          mutate(resumed.toClient, changes),
          [...resumed.toClient.slice(0, count), { level, bytes }],
        ]) {
          const client = createTlsClient(clientConfig({ ...resuming, rng: new SeededRng(6) }));
          client.start(NOW);
          feed(client, flights);
        }
      }),
      { numRuns: runs(300) },
    );
  });
});

describe("a server survives", () => {
  it("a mutated flight that resumes", () => {
    fc.assert(
      fc.property(mutations, (changes) => {
        feed(createTlsServer(serverConfig({ tickets: tickets() })), mutate(resumed.toServer, changes));
      }),
      { numRuns: runs(300) },
    );
  });

  it("arbitrary bytes in every state", () => {
    fc.assert(
      fc.property(fc.nat(good.toServer.length), anyLevel, anyBytes, (count, level, bytes) => {
        feed(createTlsServer(serverConfig()), [...good.toServer.slice(0, count), { level, bytes }]);
      }),
      { numRuns: runs(300) },
    );
  });
  it("a mutated flight, and a mutated flight after a retry", () => {
    fc.assert(
      fc.property(fc.boolean(), mutations, (isRetried, changes) => {
        const server = createTlsServer(serverConfig(isRetried ? { groups: ["secp256r1"] } : {}));
        feed(server, mutate(isRetried ? retried.toServer : good.toServer, changes));
      }),
      { numRuns: runs(300) },
    );
  });
});
