/** The anti-amplification limit (RFC 9000 §8.1), at any time and under any loss. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runs } from "../../../test/properties/runs.ts";
import { type Micros, millis, seconds } from "../../base/time.ts";
import { EncryptionLevel, type TlsIdentity } from "../../tls/index.ts";
import { der, ed25519Identity, makeCertificate } from "../../tls/testing/identity.ts";
import { HostilePeer } from "../testing/hostile-peer.ts";
import { formsOf } from "../testing/initial.ts";
import { Pair } from "../testing/pair.ts";

/** A chain of nine certificates, more than nine kilobytes long. */
function longChain(): TlsIdentity {
  const identity = ed25519Identity();
  const padding = makeCertificate(der(0x30, new Uint8Array(1_000)));
  return { ...identity, chain: [...identity.chain, ...new Array<Uint8Array>(8).fill(padding)] };
}

const identity = longChain();

type Step =
  | { readonly type: "initial" | "junk"; readonly size: number }
  | { readonly type: "wait"; readonly ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ type: fc.constant("initial" as const), size: fc.constant(1_200) }),
  fc.record({ type: fc.constant("junk" as const), size: fc.integer({ min: 30, max: 1_400 }) }),
  fc.record({ type: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 3_000 }) }),
);

/** A client that has sent its ClientHello, but never shows that it receives anything. */
class UnvalidatedClient {
  readonly peer = new HostilePeer({ role: "client", identity, withholdFinished: true, silent: true });
  #received = 0;

  constructor() {
    const { peer } = this;
    const deliverAll = peer.deliverAll.bind(peer);
    peer.deliverAll = (datagrams, from) => {
      for (const { length } of datagrams) this.#received += length;
      return deliverAll(datagrams, from);
    };
    peer.handshake();
  }

  get received(): number {
    return this.#received;
  }

  get sent(): number {
    return this.peer.datagrams.reduce((sum, { length }) => sum + length, 0);
  }
}

describe("an unvalidated client", () => {
  test("is sent at most three times its bytes, after each datagram and each timeout", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
        const client = new UnvalidatedClient();
        const { peer } = client;
        expect(client.sent).toBeLessThanOrEqual(3 * client.received);
        for (const each of steps) {
          if (each.type === "wait") peer.wait(millis(each.ms));
          else if (each.type === "initial") peer.send(EncryptionLevel.initial, [{ type: "ping" }]);
          else {
            const junk = new Uint8Array(each.size);
            // A long header for the connection that no key decrypts.
            junk.set([0xe0, 0, 0, 0, 1, 8, ...peer.destination, 8, ...peer.id]);
            peer.deliver(junk).poll();
          }
          expect(client.sent).toBeLessThanOrEqual(3 * client.received);
        }
      }),
      { numRuns: runs(60) },
    );
  });

  test("is sent ack-eliciting Initials only in full datagrams (RFC 9000 §14.1)", () => {
    const { peer } = new UnvalidatedClient();
    peer.wait(seconds(5));
    for (const datagram of peer.datagrams) {
      if (formsOf(datagram)[0] === "initial") expect(datagram.length).toBeGreaterThanOrEqual(1_200);
    }
  });

  test("gets the rest once its address is validated", () => {
    const client = new UnvalidatedClient();
    client.peer.wait(seconds(1));
    const before = client.sent;
    expect(before).toBeLessThan(9_000);
    client.peer.send(EncryptionLevel.handshake, [{ type: "ping" }]);
    client.peer.wait(seconds(3));
    expect(client.sent).toBeGreaterThan(before + 5_000);
  });
});

describe("a handshake with nine certificates completes", () => {
  test.each([
    ["without loss", () => false],
    [
      "when the client's second to seventh datagrams are lost",
      (side: string, i: number) => side === "to-server" && i >= 1 && i <= 6,
    ],
    ["when the server's first flight is lost", (side: string, i: number) => side === "to-client" && i < 3],
    [
      "when every second datagram from the server is lost",
      (side: string, i: number) => side === "to-client" && i % 2 === 0,
    ],
  ] as const)("%s", (_name, isLost) => {
    const patience: { readonly handshakeTimeout: Micros } = { handshakeTimeout: seconds(60) };
    const pair = new Pair({
      identity,
      client: patience,
      server: patience,
      wire: (datagram, direction, index) => (isLost(direction, index) ? undefined : datagram),
    });
    pair.run(() => pair.connection.isHandshakeComplete && pair.peer?.isHandshakeComplete === true, seconds(60));
    expect(pair.connection.isHandshakeComplete && pair.peer?.isHandshakeComplete).toBe(true);
  });

  test("with probes that carry the data of all levels, although the window is full (RFC 9002 §6.2.4)", () => {
    // A validated client, and a chain larger than the window, all of which is lost at first.
    const chain = [...identity.chain, ...identity.chain];
    const pair = new Pair({
      identity: { ...identity, chain },
      policy: { retry: "always" },
      wire: (datagram, side, i) => (side === "to-client" && i >= 1 && i <= 10 ? undefined : datagram),
    });
    pair.run(() => pair.sent["to-client"].length > 12, seconds(5));
    const flight = pair.sent["to-client"].slice(1, 11);
    expect(flight.reduce((sum, { length }) => sum + length, 0)).toBeGreaterThan(11_000);
    expect(formsOf(pair.sent["to-client"][11]!)).toEqual(["initial", "handshake"]);
    pair.connect();
    expect(pair.connection.isHandshakeComplete && pair.peer?.isHandshakeComplete).toBe(true);
  });

  test("whichever datagrams of either side are lost, as long as some arrive", () => {
    // Each probe timeout doubles the next (RFC 9002 §6.2.1), so bad luck takes hours.
    const patience = seconds(10_000_000);
    // Seed -899196577: nine timeouts in a row, and more than ten minutes.
    const unlucky = function* (): Generator<number> {
      for (const fate of "00200020210221110012110021000021021200120000010020100") yield Number(fate);
      for (;;) yield 1;
    };
    fc.assert(
      fc.property(fc.infiniteStream(fc.integer({ min: 0, max: 2 })), (fate) => {
        const pair = new Pair({
          identity,
          client: { handshakeTimeout: patience, maxIdleTimeout: patience },
          server: { handshakeTimeout: patience, maxIdleTimeout: patience },
          wire: (datagram) => (fate.next().value === 0 ? undefined : datagram),
        });
        pair.run(() => pair.connection.isHandshakeComplete && pair.peer?.isHandshakeComplete === true, patience);
        expect(pair.connection.isHandshakeComplete && pair.peer?.isHandshakeComplete).toBe(true);
      }),
      { numRuns: runs(25), examples: [[fc.stream(unlucky())]] },
    );
  });
});
