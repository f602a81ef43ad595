import { describe, expect, test, vi } from "vitest";
import type { SocketCommand } from "../../base/datagrams.ts";
import { SeededRng } from "../../base/rng.ts";
import { portableEngine } from "../../crypto/portable/index.ts";
import {
  type Connection,
  type ConnectionEvent,
  connectionConfig,
  Endpoint,
  TRANSPORT_ERRORS,
} from "../../quic/index.ts";
import { createTlsClient, createTlsServer, type ServerTransportParameters } from "../../tls/index.ts";
import { ed25519Identity } from "../../tls/testing/identity.ts";
import type { Fault } from "../guard.ts";
import { bindPortableSocket } from "../udp/portable-socket.ts";
import { NO_CAPABILITIES, type UdpSocket } from "../udp/udp-socket.ts";
import { QuicDriver } from "./driver.ts";

const engine = portableEngine;
const rng = new SeededRng(1);
const remote = { family: 4, host: "192.0.2.1", port: 443 } as const;

/** Accepts and counts datagrams without sending them. */
function countingSocket(): UdpSocket & { datagrams: number } {
  return {
    engine: "counting",
    address: { family: 4, host: "192.0.2.2", port: 50_000 },
    capabilities: NO_CAPABILITIES,
    slots: { arena: new Uint8Array(65_536) },
    handleCommand: () => true,
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

test("closing sends a CONNECTION_CLOSE for every connection, even for hundreds", async () => {
  const socket = countingSocket();
  const endpoint = new Endpoint({ config: connectionConfig({ engine, rng }) });
  const driver = new QuicDriver(endpoint, [socket]);
  const createTls = (transportParameters: Uint8Array) =>
    createTlsClient({ engine, rng, alpn: ["test"], transportParameters, serverName: "server.test" });
  for (let i = 0; i < 300; i += 1) endpoint.connect({ remote, createTls }, driver.now()).close(0, "");
  await driver.close();
  expect(socket.datagrams).toBe(300);
});

describe("an exception in a listener", () => {
  const createTls = (transportParameters: Uint8Array) =>
    createTlsClient({ engine, rng, alpn: ["test"], transportParameters, serverName: "server.test" });

  test("is reported, and other connections still get their events", async () => {
    const socket = countingSocket();
    const endpoint = new Endpoint({ config: connectionConfig({ engine, rng }) });
    const driver = new QuicDriver(endpoint, [socket]);
    const faults: Fault[] = [];
    driver.onFault = (fault) => faults.push(fault);
    const received: [string, ConnectionEvent][] = [];
    const connect = (name: string, throws: boolean) => {
      const connection = endpoint.connect({ remote, createTls }, driver.now());
      driver.attach(connection, {
        handleEvent: (event) => {
          received.push([name, event]);
          if (throws) throw new TypeError("a bug");
        },
      });
      return connection;
    };
    const first = connect("first", true);
    const second = connect("second", false);
    for (const connection of [first, second]) connection.close(0, "");
    await driver.close();
    // The exception was thrown for the "closed" event, so there is nothing left to close.
    expect(received.map(([name, event]) => [name, event.type])).toEqual([
      ["first", "closed"],
      ["second", "closed"],
    ]);
    expect(faults).toEqual([{ entry: "quic event", error: new TypeError("a bug") }]);
  });

  test("closes its connection with INTERNAL_ERROR, and is the cause in the listener's closed event", async () => {
    const socket = countingSocket();
    const endpoint = new Endpoint({ config: connectionConfig({ engine, rng }) });
    const driver = new QuicDriver(endpoint, [socket]);
    const faults: Fault[] = [];
    driver.onFault = (fault) => faults.push(fault);
    const events: ConnectionEvent[] = [];
    const connection = endpoint.connect({ remote, createTls }, driver.now());
    driver.attach(connection, { handleEvent: (event) => events.push(event) });
    driver.fail(connection, { entry: "h3 events", error: new TypeError("a bug") });
    await driver.close();
    expect(events).toEqual([
      {
        type: "closed",
        reason: expect.objectContaining({
          code: TRANSPORT_ERRORS.INTERNAL_ERROR.code,
          cause: new TypeError("a bug"),
        }),
      },
    ]);
    expect(faults).toHaveLength(1);
    expect(socket.datagrams).toBe(1);
  });
});

test("an exception while sending is reported, and the next turn sends", async () => {
  const socket = countingSocket();
  const endpoint = new Endpoint({ config: connectionConfig({ engine, rng }) });
  const driver = new QuicDriver(endpoint, [socket]);
  const faults: Fault[] = [];
  driver.onFault = (fault) => faults.push(fault);
  const createTls = (transportParameters: Uint8Array) =>
    createTlsClient({ engine, rng, alpn: ["test"], transportParameters, serverName: "server.test" });
  endpoint.connect({ remote, createTls }, driver.now());
  const { send } = socket;
  socket.send = () => {
    throw new Error("a bug");
  };
  await new Promise((resolve) => setImmediate(resolve));
  expect(faults).toEqual([{ entry: "quic flush", error: new Error("a bug") }]);
  socket.send = send;
  for (const connection of endpoint.connections()) connection.close(0, "");
  await new Promise((resolve) => setImmediate(resolve));
  expect(socket.datagrams).toBe(1);
  await driver.close();
});

test("a turn that was cut short by an exception is repeated without another trigger", async () => {
  const socket = countingSocket();
  const endpoint = new Endpoint({ config: connectionConfig({ engine, rng }) });
  const driver = new QuicDriver(endpoint, [socket]);
  driver.onFault = () => undefined;
  const { send } = socket;
  socket.send = () => {
    socket.send = send;
    throw new Error("a bug");
  };
  const createTls = (transportParameters: Uint8Array) =>
    createTlsClient({ engine, rng, alpn: ["test"], transportParameters, serverName: "server.test" });
  // The exception loses the first of two flights.
  for (let i = 0; i < 2; i += 1) endpoint.connect({ remote, createTls }, driver.now());
  await vi.waitFor(() => expect(socket.datagrams).toBeGreaterThan(0));
  await driver.close();
});

describe("one endpoint on several sockets", () => {
  const identity = ed25519Identity();
  const createTls = (transportParameters: ServerTransportParameters) =>
    createTlsServer({ engine, rng, alpn: ["test"], transportParameters, selectIdentity: () => identity });

  test("responds to each client from the address that the client contacted", async () => {
    const server = new QuicDriver(new Endpoint({ config: connectionConfig({ engine, rng }), server: { createTls } }), [
      await bindPortableSocket(0, "127.0.0.1"),
    ]);
    server.addSocket(await bindPortableSocket(0, "127.0.0.1"));
    const accepted: Connection[] = [];
    server.onAccept = (connection) => {
      accepted.push(connection);
      return { handleEvent: () => undefined };
    };
    const clients = await Promise.all(
      server.sockets.map(async ({ address }) => {
        const socket = await bindPortableSocket(0, "127.0.0.1");
        const driver = new QuicDriver(new Endpoint({ config: connectionConfig({ engine, rng }) }), [socket]);
        const sources = new Set<string>();
        const { onBatch } = socket;
        socket.onBatch = (batch) => {
          for (const { port } of batch.remote.slice(0, batch.count)) sources.add(String(port));
          onBatch!(batch);
        };
        const connection = driver.endpoint.connect(
          {
            remote: address,
            createTls: (transportParameters) =>
              createTlsClient({ engine, rng, alpn: ["test"], transportParameters, serverName: "server.test" }),
          },
          driver.now(),
        );
        await new Promise<void>((resolve, reject) => {
          driver.attach(connection, {
            handleEvent: (event, now) => {
              if (event.type === "verify-certificate") connection.certificateVerdict(undefined, now);
              if (event.type === "connected") resolve();
              if (event.type === "closed") reject(new Error(JSON.stringify(event.reason)));
            },
          });
        });
        return { driver, sources, address };
      }),
    );
    expect(server.endpoint.connectionCount).toBe(2);
    for (const { sources, address } of clients) expect([...sources]).toEqual([String(address.port)]);
    expect(accepted.map(({ localAddress }) => localAddress!.port).sort()).toEqual(
      server.sockets.map(({ address }) => address.port).sort(),
    );
    for (const { driver } of clients) await driver.close();
    await server.close();
  });

  test("copies a train to the arena of its socket if the previous train used another", async () => {
    const sockets = [countingSocket(), countingSocket()];
    const addresses = [50_001, 50_002].map((port) => ({ family: 4, host: "192.0.2.2", port }) as const);
    const sent: string[][] = [[], []];
    for (const [i, socket] of sockets.entries()) {
      Object.assign(socket, { address: addresses[i] });
      socket.send = ({ length, count }) => {
        sent[i]!.push(Buffer.from(socket.slots.arena.subarray(0, length)).toString());
        return count;
      };
    }
    const endpoint = new Endpoint({ config: connectionConfig({ engine, rng }) });
    const trains = [1, 0, 1, 1].map((socket, i) => ({ socket, text: `train ${i}` }));
    endpoint.pollTransmit = ({ arena }) => {
      const next = trains.shift();
      if (next === undefined) return undefined;
      arena.set(Buffer.from(next.text));
      const { length } = next.text;
      return { local: addresses[next.socket], remote, ecn: 0, segmentSize: length, count: 1, length };
    };
    const driver = new QuicDriver(endpoint, sockets);
    await driver.close();
    expect(sent).toEqual([["train 1"], ["train 0", "train 2", "train 3"]]);
  });
});

test("passes the endpoint's commands to each socket, and records what an engine does not support", async () => {
  const given: [number, SocketCommand][] = [];
  const sockets = [true, false].map((isSupported, i) => ({
    ...countingSocket(),
    handleCommand: (command: SocketCommand) => {
      given.push([i, command]);
      return isSupported;
    },
  }));
  const endpoint = new Endpoint({ config: connectionConfig({ engine, rng }) });
  const driver = new QuicDriver(endpoint, [sockets[0]!]);
  await new Promise((resolve) => setImmediate(resolve));
  expect([given, [...driver.unsupported]]).toEqual([[[0, { type: "set-dont-fragment", enabled: true }]], []]);
  driver.addSocket(sockets[1]!);
  expect(given[1]).toEqual([1, { type: "set-dont-fragment", enabled: true }]);
  expect([...driver.unsupported]).toEqual(["set-dont-fragment"]);
  await driver.close();
});
