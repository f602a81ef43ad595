/**
 * An exception in our code costs one datagram, or the affected connection; the endpoint and its other connections
 * continue.
 */

import { describe, expect, test } from "vitest";
import { seconds } from "../../base/time.ts";
import type { Connection } from "../connection/index.ts";
import { initialPacket } from "../testing/initial.ts";
import { address, Listener } from "../testing/listener.ts";

const idOf = (n: number): Uint8Array => Uint8Array.of(1, 2, 3, 4, 5, 6, 7, n);
const first = (n: number) => initialPacket({ destination: idOf(n) });

/** A server with two connections. The first one throws where it cannot close itself. */
function withBroken(method: "handleDatagrams" | "handleTimeout" | "pollTransmit") {
  const server = new Listener();
  const faults: Error[] = [];
  server.endpoint.onFault = (error) => faults.push(error);
  server.deliver(first(1), address(1));
  server.wait(seconds(5));
  server.deliver(first(2), address(2));
  const [broken, other] = [...server.endpoint.connections()] as [Connection, Connection];
  broken[method] = () => {
    throw new TypeError(`cannot ${method}`);
  };
  return { server, faults, broken, other };
}

describe("a connection that throws", () => {
  test.each(["handleDatagrams", "handleTimeout", "pollTransmit"] as const)("in %s is removed", (method) => {
    const { server, faults, broken, other } = withBroken(method);
    if (method === "handleTimeout") server.endpoint.handleTimeout(server.endpoint.nextTimeout()!);
    else server.deliver(first(1), address(1));
    const answers = server.deliver(first(2), address(2));
    expect(faults).toEqual([new TypeError(`cannot ${method}`)]);
    expect([...server.endpoint.connections()]).not.toContain(broken);
    expect([...server.endpoint.connections()]).toContain(other);
    expect(answers.every(({ remote }) => remote.host === address(2).host)).toBe(true);
    expect(other.isOpen).toBe(true);
  });
});

test("a connection that cannot be created only costs its first datagram", () => {
  const server = new Listener({
    policy: {
      createTls: () => {
        throw new TypeError("no keys");
      },
    },
  });
  const faults: Error[] = [];
  server.endpoint.onFault = (error) => faults.push(error);
  for (let n = 0; n < 3; n += 1) server.deliver(first(n), address(n));
  expect(faults).toEqual([0, 1, 2].map(() => new TypeError("no keys")));
  expect(server.endpoint.connectionCount).toBe(0);
  expect(server.endpoint.nextTimeout()).toBeUndefined();
});
