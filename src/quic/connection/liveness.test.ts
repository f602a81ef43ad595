/** A client that only receives notices that nothing arrives any more. */

import { describe, expect, test } from "vitest";
import type { SocketAddress } from "../../base/datagrams.ts";
import { millis, seconds } from "../../base/time.ts";
import { Listener } from "../testing/listener.ts";
import { CLIENT_ADDRESS, Pair, type PairOptions } from "../testing/pair.ts";

const port = (number: number): SocketAddress => ({ ...CLIENT_ADDRESS, port: number });

/** A request whose response the server continues whenever `send` is called. */
function downloading(options: PairOptions = {}) {
  const nat = { address: port(1) };
  const pair: Pair = new Pair({ nat: () => nat.address, ...options });
  const seen = { bytes: 0 };
  let request = -1;
  pair.onEvent = (side, connection, event) => {
    if (event.type === "stream-opened" && side === "server") request = event.id;
    if (event.type !== "stream-readable") return;
    for (let chunk = connection.read(event.id); chunk !== undefined; chunk = connection.read(event.id)) {
      if (side === "client") seen.bytes += chunk.bytes.length;
    }
  };
  pair.connect();
  pair.connection.write(pair.connection.openStream("bidi")!, new Uint8Array(10), true);
  pair.run(undefined, millis(500));
  const send = (bytes: number): unknown => pair.peer!.write(request, new Uint8Array(bytes), false);
  return { pair, nat, seen, send };
}

describe("a client whose download stops", () => {
  test("shows the server its new address, although it has nothing to send", () => {
    const { pair, nat, seen, send } = downloading();
    send(1_000);
    pair.run(() => seen.bytes === 1_000, seconds(1));
    // Everything has been acknowledged. The NAT forgets the mapping, and the server's next data is lost.
    pair.run(undefined, millis(60));
    const quietSince = pair.now;
    const wait = 3 * pair.connection.probeTimeout;
    nat.address = port(2);
    send(1_000);
    pair.run(() => seen.bytes === 2_000, seconds(20));
    expect(seen.bytes).toBe(2_000);
    expect(pair.peer!.remoteAddress.port).toBe(2);
    // Three probe timeouts, and a few round trips to validate the address.
    expect(pair.now - quietSince).toBeLessThan(wait + millis(100));
  });

  test("sends one PING while the stream rests, and none without a stream", () => {
    const { pair, seen, send } = downloading({
      client: { maxIdleTimeout: seconds(0) },
      server: { maxIdleTimeout: seconds(0) },
    });
    send(1_000);
    pair.run(() => seen.bytes === 1_000, seconds(1));
    pair.run(undefined, millis(60));
    const rest = (): number => {
      const before = pair.sent["to-server"].length;
      pair.run(undefined, seconds(50));
      return pair.sent["to-server"].length - before;
    };
    expect(rest()).toBe(1);
    expect(rest()).toBe(0);
    send(1_000);
    pair.run(() => seen.bytes === 2_000, seconds(1));
    // The acknowledgement and the next PING.
    expect(rest()).toBe(2);
    expect(rest()).toBe(0);
  });

  test("notices a server that has lost its state, by the reset", () => {
    const staticSecret = new Uint8Array(32).fill(5);
    const server = { isGone: false };
    const reborn = new Listener({ staticSecret, seed: 99 });
    const { pair, seen, send } = downloading({
      staticSecret,
      nat: () => CLIENT_ADDRESS,
      wire: (datagram, direction) => {
        if (!server.isGone) return datagram;
        if (direction === "to-client") return undefined;
        for (const { bytes } of reborn.deliver(datagram, CLIENT_ADDRESS)) pair.inject("to-client", bytes);
        return undefined;
      },
    });
    send(1_000);
    pair.run(() => seen.bytes === 1_000, seconds(1));
    pair.run(undefined, millis(60));
    server.isGone = true;
    const begin = pair.now;
    const wait = 3 * pair.connection.probeTimeout;
    pair.run(() => !pair.connection.isOpen, seconds(20));
    expect(pair.clientEvents.at(-1)).toEqual({ type: "closed", reason: { type: "stateless-reset" } });
    expect(pair.now - begin).toBeLessThan(wait + millis(20));
  });
});
