/** ECN on real sockets (RFC 9000 §13.4): packets are marked, counted, validated and answered where the engine can. */

import { afterEach, describe, expect, test } from "vitest";
import { Ecn, type SocketAddress } from "../../base/datagrams.ts";
import { SeededRng } from "../../base/rng.ts";
import { portableEngine } from "../../crypto/portable/index.ts";
import { type Connection, connectionConfig, Endpoint, type QuicTraceEvent } from "../../quic/index.ts";
import { createTlsClient, createTlsServer } from "../../tls/index.ts";
import { ed25519Identity } from "../../tls/testing/identity.ts";
import { UDP_ENGINES } from "../udp/testing/engines.ts";
import { until } from "../udp/testing/sockets.ts";
import type { UdpEngine, UdpSocket } from "../udp/udp-socket.ts";
import { QuicDriver } from "./driver.ts";

const engine = portableEngine;
const rng = new SeededRng(1);
const identity = ed25519Identity();
const SIZE = 300_000;

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Forwards datagrams between a client and a server, and rewrites their marks. */
async function relay(udp: UdpEngine, server: SocketAddress, rewrite: (ecn: Ecn) => Ecn): Promise<SocketAddress> {
  const [outside, inside] = [await udp.bind(0, "127.0.0.1"), await udp.bind(0, "127.0.0.1")];
  closers.push(
    () => outside.close(),
    () => inside.close(),
  );
  let client: SocketAddress | undefined;
  const forward = (from: UdpSocket, to: UdpSocket, target: () => SocketAddress | undefined): void => {
    from.onBatch = ({ count, arena, offset, length, remote, ecn }) => {
      if (from === outside) client = remote[0];
      for (let i = 0; i < count; i += 1) {
        to.slots.arena.set(arena.subarray(offset[i]!, offset[i]! + length[i]!));
        const mark = rewrite(ecn[i] as Ecn);
        const size = length[i]!;
        to.send({ local: undefined, remote: target()!, ecn: mark, segmentSize: size, count: 1, length: size });
      }
    };
  };
  forward(outside, inside, () => server);
  forward(inside, outside, () => client);
  return outside.address;
}

interface Transfer {
  readonly client: Connection;
  readonly server: Connection;
  /** The marks of the packets that each side sent. */
  readonly marks: Record<"client" | "server", Set<Ecn>>;
}

/** Sends bytes both ways, over a relay if there is one. */
async function transfer(udp: UdpEngine, rewrite?: (ecn: Ecn) => Ecn): Promise<Transfer> {
  const marks = { client: new Set<Ecn>(), server: new Set<Ecn>() };
  const trace = (side: "client" | "server") => () => (event: QuicTraceEvent) => {
    if (event.type === "quic:packet-sent") marks[side].add(event.ecn);
  };
  const listening = await udp.bind(0, "127.0.0.1");
  const config = (socket: UdpSocket) => connectionConfig({ engine, rng, ecn: socket.capabilities.ecn });
  const server = new QuicDriver(
    new Endpoint({
      config: config(listening),
      trace: trace("server"),
      server: {
        createTls: (transportParameters) =>
          createTlsServer({ engine, rng, alpn: ["test"], transportParameters, selectIdentity: () => identity }),
      },
    }),
    [listening],
  );
  closers.push(() => server.close());
  const received = { client: 0, server: 0 };
  const read = (side: "client" | "server", connection: Connection, id: number): void => {
    for (let chunk = connection.read(id); chunk !== undefined; chunk = connection.read(id)) {
      received[side] += chunk.bytes.length;
    }
  };
  let accepted: Connection | undefined;
  server.onAccept = (connection) => {
    accepted = connection;
    return {
      handleEvent: (event) => {
        if (event.type === "stream-readable") read("server", connection, event.id as number);
        if (event.type === "connected") connection.write(connection.openStream("uni")!, new Uint8Array(SIZE), true);
      },
    };
  };
  const remote = rewrite === undefined ? listening.address : await relay(udp, listening.address, rewrite);
  const socket = await udp.connect(remote, 64 * 1024);
  const driver = new QuicDriver(new Endpoint({ config: config(socket), trace: trace("client") }), [socket]);
  closers.push(() => driver.close());
  const client = driver.endpoint.connect(
    {
      remote,
      createTls: (transportParameters) =>
        createTlsClient({ engine, rng, alpn: ["test"], transportParameters, serverName: "server.test" }),
    },
    driver.now(),
  );
  driver.attach(client, {
    handleEvent: (event, now) => {
      if (event.type === "verify-certificate") client.certificateVerdict(undefined, now);
      if (event.type === "stream-readable") read("client", client, event.id as number);
      if (event.type === "connected") client.write(client.openStream("uni")!, new Uint8Array(SIZE), true);
    },
  });
  await until(() => received.client === SIZE && received.server === SIZE);
  return { client, server: accepted!, marks };
}

describe.each(UDP_ENGINES)("$name", ({ name, engine: available }) => {
  const udp = available as UdpEngine;
  const it = test.skipIf(available === undefined);
  const fast = test.skipIf(available === undefined || name !== "fast");

  it("marks packets if the engine can, and validates the path", async () => {
    const { client, server, marks } = await transfer(udp);
    const expected = udp.capabilities.ecn ? "capable" : "off";
    await until(() => client.route.ecn.state === expected && server.route.ecn.state === expected);
    for (const side of [marks.client, marks.server]) expect(side.has(Ecn.ect0)).toBe(udp.capabilities.ecn);
  });

  fast("a path that erases marks is not used for ECN, and carries everything", async () => {
    const { client, server } = await transfer(udp, () => Ecn.notEct);
    await until(() => client.route.ecn.state === "failed" && server.route.ecn.state === "failed");
  });

  fast("a path that changes marks to ECT(1) is not used for ECN", async () => {
    const { client } = await transfer(udp, (ecn) => (ecn === Ecn.ect0 ? Ecn.ect1 : ecn));
    await until(() => client.route.ecn.state === "failed");
  });

  fast("CE is counted by the receiver, and the sender slows down", async () => {
    let isCongested = false;
    const { client, server } = await transfer(udp, (ecn) => (ecn === Ecn.ect0 && isCongested ? Ecn.ce : ecn));
    await until(() => client.route.ecn.state === "capable" && server.route.ecn.state === "capable");
    const before = client.route.controller.congestionWindow;
    isCongested = true;
    client.write(client.openStream("uni")!, new Uint8Array(50_000), true);
    await until(() => client.route.controller.congestionWindow < before);
    expect(client.stats.packetsLost).toBe(0);
  });
});
