/** A ClientHello with a share of X25519MLKEM768 takes two datagrams, which may be lost, reordered or answered by a Retry. */

import { describe, expect, test } from "vitest";
import { SeededRng } from "../../base/rng.ts";
import { type Instant, millis, seconds } from "../../base/time.ts";
import { Pair, type PairOptions } from "../testing/pair.ts";
import { keptSession, ticketPolicy } from "../testing/resumption.ts";

const clientTls = { groups: ["x25519mlkem768", "x25519"] } as const;

function connect(options: PairOptions = {}): Pair {
  const patience = { handshakeTimeout: seconds(60) };
  const pair = new Pair({ clientTls, client: patience, server: patience, ...options });
  const isDone = () => pair.connection.isHandshakeComplete && pair.peer?.isHandshakeComplete === true;
  pair.run(isDone, seconds(60));
  expect(isDone()).toBe(true);
  return pair;
}

const groupOf = ({ connection }: Pair) => connection.handshakeFacts!.group;

test("a server prefers the hybrid group if the client has sent a share of it, but does not ask for one", () => {
  const pair = connect();
  expect(groupOf(pair)).toBe("x25519mlkem768");
  const first = pair.sentAt["to-server"].filter((at) => at === 0);
  expect(first).toHaveLength(2);
  expect(groupOf(connect({ clientTls: { groups: ["x25519", "x25519mlkem768"] } }))).toBe("x25519");
});

test("a server without the group asks for another share", () => {
  expect(groupOf(connect({ serverTls: { groups: ["x25519"] } }))).toBe("x25519");
});

describe("a ClientHello in two datagrams survives", () => {
  test("the loss of either one", () => {
    for (const lost of [0, 1]) {
      const wire: PairOptions["wire"] = (datagram, direction, index) =>
        direction === "to-server" && index === lost ? undefined : datagram;
      expect(groupOf(connect({ wire }))).toBe("x25519mlkem768");
    }
  });

  test("their reordering", () => {
    let held: Uint8Array | undefined;
    const pair: Pair = new Pair({
      clientTls,
      wire: (datagram, direction, index) => {
        if (direction === "to-client" || index !== 0) return datagram;
        held = datagram;
        return undefined;
      },
    });
    pair.run(() => false, millis(15));
    expect(pair.peer).toBeDefined();
    pair.inject("to-server", held!);
    pair.run(() => pair.connection.isHandshakeComplete, millis(30));
    expect(groupOf(pair)).toBe("x25519mlkem768");
  });

  test("a Retry to both of them", () => {
    const pair = connect({ policy: { retry: "always" } });
    expect(pair.connection.handshakeFacts).toMatchObject({ group: "x25519mlkem768", usedRetry: true });
  });

  test("losses in both directions, with and without a Retry", () => {
    for (let seed = 1; seed <= 30; seed += 1) {
      const rng = new SeededRng(seed);
      const pair = connect({
        seed,
        ...(seed % 2 === 0 ? { policy: { retry: "always" as const } } : {}),
        wire: (datagram, _direction, index) => (index < 12 && rng.uint32() % 100 < 30 ? undefined : datagram),
      });
      expect(groupOf(pair)).toBe("x25519mlkem768");
    }
  });

  test("resumption, with early data behind it", () => {
    const session = keptSession();
    const tls = { serverTls: { tickets: ticketPolicy() }, clientTls: { ...clientTls, session, earlyData: true } };
    const pair = new Pair({ ...tls, start: 5_000_000 as Instant });
    pair.connection.write(pair.connection.openStream("bidi")!, new Uint8Array(3_000), true);
    pair.run(() => pair.connection.isHandshakeComplete, seconds(5));
    expect(pair.connection.handshakeFacts).toMatchObject({
      group: "x25519mlkem768",
      resumed: true,
      acceptedEarlyData: true,
    });
  });
});
