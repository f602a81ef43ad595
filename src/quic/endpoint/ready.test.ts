/** One wake-up: anything that changes a connection makes its endpoint ready (base/datagrams.ts, `onReady`). */

import { describe, expect, test } from "vitest";
import { ReceivedBatch } from "../../base/datagrams.ts";
import { SeededRng } from "../../base/rng.ts";
import { millis } from "../../base/time.ts";
import { portableEngine } from "../../crypto/portable/index.ts";
import { createTlsClient } from "../../tls/index.ts";
import { type Connection, DEFAULT_LIMITS } from "../index.ts";
import { initialPacket } from "../testing/initial.ts";
import { Listener } from "../testing/listener.ts";
import { CLIENT_ADDRESS, Pair, SERVER_ADDRESS } from "../testing/pair.ts";

const DATA = new Uint8Array(300_000);

/** An idle connection with an open stream that has data to read, and a count of the calls of `onReady`. */
function idleConnection() {
  const limits = { ...DEFAULT_LIMITS, ...SMALL };
  const pair = new Pair({ client: { limits }, server: { limits: { ...DEFAULT_LIMITS, initialMaxStreamsBidi: 3 } } });
  pair.connect();
  const { connection } = pair;
  const id = connection.openStream("bidi")!;
  connection.write(id, new Uint8Array(10), false);
  pair.run(() => pair.serverEvents.some(({ type }) => type === "stream-readable"));
  pair.peer!.write(id, DATA, false);
  pair.run(undefined, millis(5_000));
  let calls = 0;
  const { onReady } = pair.client;
  pair.client.onReady = () => {
    calls += 1;
    onReady!();
  };
  return { pair, connection, id, calls: () => calls };
}

const SMALL = {
  initialMaxData: 100_000,
  initialMaxStreamData: 50_000,
  maxConnectionWindow: 100_000,
  maxStreamWindow: 50_000,
};

describe("an endpoint becomes ready on", () => {
  const commands: readonly [string, (connection: Connection, id: number, pair: Pair) => void][] = [
    ["write", (connection, id) => connection.write(id, new Uint8Array(1), false)],
    ["the end of a stream", (connection, id) => connection.write(id, new Uint8Array(0), true)],
    ["reset", (connection, id) => connection.reset(id, 0)],
    ["stopSending", (connection, id) => connection.stopSending(id, 0)],
    ["a read that frees credit", (connection, id) => readAll(connection, id)],
    ["close", (connection) => connection.close(0, "")],
    ["abandon", (connection) => connection.abandon()],
    ["fail", (connection) => connection.fail(new Error("a mistake"))],
    ["updateKeys", (connection) => expect(connection.updateKeys()).toBe(true)],
    ["a stateless reset", (connection, _id, pair) => connection.handleStatelessReset(pair.now)],
    ["closeAll", (_connection, _id, pair) => pair.client.closeAll(0, "")],
    ["a stream that must wait", (connection) => expect(openAll(connection)).toBeGreaterThan(0)],
    ["a route to send on", (connection) => connection.addRoute(connection.paths.primary, ADDRESSES)],
    ["a timeout", (_connection, _id, pair) => pair.client.handleTimeout(pair.client.nextTimeout()!)],
  ];

  test.each(commands)("%s, once until polled", (_, command) => {
    const { pair, connection, id, calls } = idleConnection();
    expect(calls()).toBe(0);
    command(connection, id, pair);
    expect(calls()).toBe(1);
    connection.close(0, "");
    expect(calls()).toBe(1);
    pair.run(() => pair.clientEvents.at(-1)?.type === "closed");
    expect(pair.clientEvents.at(-1)?.type).toBe("closed");
  });

  test("no read without new credit, and no query", () => {
    const { connection, id, calls } = idleConnection();
    connection.read(id, 1);
    connection.writableBytes(id);
    expect(calls()).toBe(0);
  });

  test("the host's verdict on a certificate", () => {
    const pair = new Pair();
    const { connection } = pair;
    const verdict = connection.certificateVerdict.bind(connection);
    let isAsked = false;
    connection.certificateVerdict = () => {
      isAsked = true;
    };
    pair.run(() => isAsked, millis(1_000)).run(undefined, millis(50));
    let calls = 0;
    const { onReady } = pair.client;
    pair.client.onReady = () => {
      calls += 1;
      onReady!();
    };
    expect(connection.isHandshakeComplete).toBe(false);
    verdict(undefined, pair.now);
    expect(calls).toBe(1);
    pair.connect();
  });

  test("a stateless reply", () => {
    const server = new Listener({ policy: { retry: "always" } });
    let calls = 0;
    server.endpoint.onReady = () => {
      calls += 1;
    };
    const batch = new ReceivedBatch(new Uint8Array(65_536), 4);
    batch.push(initialPacket({ destination: new Uint8Array(8) }), SERVER_ADDRESS, CLIENT_ADDRESS);
    server.endpoint.handleBatch(batch, server.now);
    expect(calls).toBe(1);
    expect(server.poll()).toHaveLength(1);
    server.endpoint.handleBatch(batch, server.now);
    expect(calls).toBe(2);
  });

  test("a new connection", () => {
    const { pair, calls } = idleConnection();
    const tls = { engine: portableEngine, rng: new SeededRng(5), alpn: ["test"], serverName: "server.test" };
    const createTls = (transportParameters: Uint8Array) => createTlsClient({ ...tls, transportParameters });
    pair.client.connect({ remote: SERVER_ADDRESS, createTls }, pair.now);
    expect(calls()).toBe(1);
  });
});

const ADDRESSES = { local: CLIENT_ADDRESS, remote: { ...SERVER_ADDRESS, port: 444 }, validated: true };

/** Opens streams until the peer's limit is reached, which STREAMS_BLOCKED reports (RFC 9000 §19.14). */
function openAll(connection: Connection): number {
  let opened = 0;
  while (connection.openStream("bidi") !== undefined) opened += 1;
  return opened;
}

function readAll(connection: Connection, id: number): void {
  while (connection.read(id) !== undefined);
}
