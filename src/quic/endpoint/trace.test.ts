import { describe, expect, test } from "vitest";
import { seconds } from "../../base/time.ts";
import { initialPacket } from "../testing/initial.ts";
import { Listener, type ListenerOptions } from "../testing/listener.ts";

const idOf = (n: number): Uint8Array => Uint8Array.of(1, 2, 3, 4, 5, 6, n >> 8, n & 0xff);
const first = (n = 1): Uint8Array => initialPacket({ destination: idOf(n) });

/** A server, and what it says of datagrams that belong to no connection. */
function traced(options: ListenerOptions = {}) {
  const events: string[] = [];
  const server = new Listener({
    ...options,
    traceEndpoint: (event) => {
      const { type, ...facts } = event;
      events.push(`${type.slice("quic:".length)} ${Object.values(facts).join(" ")}`);
    },
  });
  return { server, events };
}

describe("an endpoint reports", () => {
  test.each<[string, Uint8Array, string]>([
    ["a datagram without room for an id", new Uint8Array(3), "endpoint-datagram-dropped invalid 3"],
    ["a short header without the QUIC Bit", new Uint8Array(50), "endpoint-datagram-dropped invalid 50"],
    [
      "an id longer than the datagram",
      Uint8Array.of(0xc0, 0, 0, 0, 1, 20, 0, 0, 0, 0, 0, 0),
      "endpoint-datagram-dropped invalid 12",
    ],
    ["a short first packet", first().subarray(0, 600), "endpoint-datagram-dropped rejected 600"],
    ["a stray that may be reset", new Uint8Array(100).fill(0x55), "stateless-reply stateless-reset"],
    ["a stray too short to be reset", new Uint8Array(20).fill(0x55), "endpoint-datagram-dropped connection-unknown 20"],
    ["an unknown version", first().map((byte, i) => (i === 1 ? 0x5a : byte)), "stateless-reply version-negotiation"],
  ])("%s", (_, datagram, event) => {
    const { server, events } = traced({ config: { greaseQuicBit: false } });
    server.deliver(datagram);
    expect(events).toEqual([event]);
  });

  test("strays beyond those that it answers", () => {
    const { server, events } = traced();
    server.deliverAll(new Array<Uint8Array>(20).fill(new Uint8Array(100).fill(0x55)));
    expect(events.filter((event) => event === "endpoint-datagram-dropped rejected 100")).toHaveLength(4);
    expect(events.filter((event) => event === "stateless-reply stateless-reset")).toHaveLength(16);
  });

  test("a Retry, and a refusal", () => {
    const careful = traced({ policy: { retry: "always" } });
    careful.server.deliver(first());
    expect(careful.events).toEqual(["stateless-reply retry"]);
    const full = traced({ policy: { maxConnections: 0 } });
    full.server.deliver(first());
    expect(full.events).toEqual(["stateless-reply refusal"]);
  });

  test("nothing of a connection", () => {
    const { server, events } = traced();
    server.deliver(first());
    server.wait(seconds(1));
    expect([server.endpoint.connectionCount, events]).toEqual([1, []]);
  });
});
