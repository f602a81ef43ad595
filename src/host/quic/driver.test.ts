import { describe, expect, test } from "vitest";
import { SeededRng } from "../../base/rng.ts";
import { portableEngine } from "../../crypto/portable/index.ts";
import { type ConnectionEvent, connectionConfig, Endpoint, TRANSPORT_ERRORS } from "../../quic/index.ts";
import { createTlsClient } from "../../tls/index.ts";
import type { Fault } from "../guard.ts";
import type { UdpSocket } from "../udp/udp-socket.ts";
import { QuicDriver } from "./driver.ts";

const engine = portableEngine;
const rng = new SeededRng(1);
const remote = { family: 4, host: "192.0.2.1", port: 443 } as const;

/** Takes everything and only counts it. */
function countingSocket(): UdpSocket & { datagrams: number } {
  return {
    engine: "counting",
    address: { family: 4, host: "192.0.2.2", port: 50_000 },
    slots: { arena: new Uint8Array(65_536) },
    isBlocked: false,
    onBatch: undefined,
    onWritable: undefined,
    onFault: undefined,
    datagrams: 0,
    send({ count }) {
      this.datagrams += count;
      return count;
    },
    ref() {},
    unref() {},
    close: () => Promise.resolve(),
  };
}

test("closing lets every connection take its leave, however many there are", async () => {
  const socket = countingSocket();
  const endpoint = new Endpoint({ config: connectionConfig({ engine, rng }) });
  const driver = new QuicDriver(endpoint, socket);
  const createTls = (transportParameters: Uint8Array) =>
    createTlsClient({ engine, rng, alpn: ["test"], transportParameters, serverName: "server.test" });
  for (let i = 0; i < 300; i += 1) endpoint.connect({ remote, createTls }, driver.now()).close(0, "");
  await driver.close();
  expect(socket.datagrams).toBe(300);
});

describe("an exception in a listener", () => {
  const createTls = (transportParameters: Uint8Array) =>
    createTlsClient({ engine, rng, alpn: ["test"], transportParameters, serverName: "server.test" });

  test("ends its connection with INTERNAL_ERROR, is said, and the others hear of their events", async () => {
    const socket = countingSocket();
    const endpoint = new Endpoint({ config: connectionConfig({ engine, rng }) });
    const driver = new QuicDriver(endpoint, socket);
    const faults: Fault[] = [];
    driver.onFault = (fault) => faults.push(fault);
    const heard: [string, ConnectionEvent][] = [];
    const connect = (name: string, throws: boolean) => {
      const connection = endpoint.connect({ remote, createTls }, driver.now());
      driver.attach(connection, {
        handleEvent: (event) => {
          heard.push([name, event]);
          if (throws) throw new TypeError("a mistake");
        },
      });
      return connection;
    };
    const first = connect("first", true);
    const second = connect("second", false);
    for (const connection of [first, second]) connection.close(0, "");
    await driver.close();
    // The exception met the event of the end itself: nothing is left to close.
    expect(heard.map(([name, event]) => [name, event.type])).toEqual([
      ["first", "closed"],
      ["second", "closed"],
    ]);
    expect(faults).toEqual([{ entry: "quic event", error: new TypeError("a mistake") }]);
  });

  test("reaches the listener as the cause of the end", async () => {
    const socket = countingSocket();
    const endpoint = new Endpoint({ config: connectionConfig({ engine, rng }) });
    const driver = new QuicDriver(endpoint, socket);
    const faults: Fault[] = [];
    driver.onFault = (fault) => faults.push(fault);
    const events: ConnectionEvent[] = [];
    const connection = endpoint.connect({ remote, createTls }, driver.now());
    driver.attach(connection, { handleEvent: (event) => events.push(event) });
    driver.fail(connection, { entry: "h3 events", error: new TypeError("a mistake") });
    await driver.close();
    expect(events).toEqual([
      {
        type: "closed",
        reason: expect.objectContaining({
          code: TRANSPORT_ERRORS.INTERNAL_ERROR.code,
          cause: new TypeError("a mistake"),
        }),
      },
    ]);
    expect(faults).toHaveLength(1);
    expect(socket.datagrams).toBe(1);
  });
});

test("an exception while sending is said, and the next turn sends", async () => {
  const socket = countingSocket();
  const endpoint = new Endpoint({ config: connectionConfig({ engine, rng }) });
  const driver = new QuicDriver(endpoint, socket);
  const faults: Fault[] = [];
  driver.onFault = (fault) => faults.push(fault);
  const createTls = (transportParameters: Uint8Array) =>
    createTlsClient({ engine, rng, alpn: ["test"], transportParameters, serverName: "server.test" });
  endpoint.connect({ remote, createTls }, driver.now());
  const { send } = socket;
  socket.send = () => {
    throw new Error("a mistake");
  };
  driver.wake();
  await new Promise((resolve) => setImmediate(resolve));
  expect(faults).toEqual([{ entry: "quic flush", error: new Error("a mistake") }]);
  socket.send = send;
  for (const connection of endpoint.connections()) connection.close(0, "");
  driver.wake();
  await new Promise((resolve) => setImmediate(resolve));
  expect(socket.datagrams).toBe(1);
  await driver.close();
});
