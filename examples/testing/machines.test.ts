// One layer below nagare/testing: two QUIC endpoints, machines without I/O, on a network described by one array.
import { portableEngine } from "nagare/crypto/portable";
import { connectionConfig, Endpoint, type EndpointEvent } from "nagare/quic";
import {
  host,
  type Instant,
  link,
  millis,
  SeededRng,
  type SocketAddress,
  seconds,
  simulate,
  simulatedIdentity,
} from "nagare/sim";
import { createTlsClient, createTlsServer } from "nagare/tls";
import { expect, test } from "vitest";

const CLIENT: SocketAddress = { family: 4, host: "10.0.0.1", port: 50_000 };
const SERVER: SocketAddress = { family: 4, host: "10.0.0.2", port: 443 };

/** A handshake, then one message on one stream. */
function greet(seed: number) {
  const rng = new SeededRng(seed);
  const engine = portableEngine;
  const config = connectionConfig({ engine, rng });
  const identity = simulatedIdentity();
  const server = new Endpoint({
    config,
    server: {
      createTls: (transportParameters) =>
        createTlsServer({ engine, rng, alpn: ["hello"], transportParameters, selectIdentity: () => identity }),
    },
  });
  const client = new Endpoint({ config });
  const connection = client.connect(
    {
      local: CLIENT,
      remote: SERVER,
      createTls: (transportParameters) =>
        createTlsClient({ engine, rng, alpn: ["hello"], transportParameters, serverName: "server.test" }),
    },
    0 as Instant,
  );
  let received = "";
  const onClientEvent = ({ event }: EndpointEvent, now: Instant): void => {
    if (event.type === "verify-certificate") connection.certificateVerdict(undefined, now);
    if (event.type === "connected")
      connection.write(connection.openStream("bidi")!, new TextEncoder().encode("hello"), true);
  };
  const onServerEvent = ({ connection: peer, event }: EndpointEvent): void => {
    if (event.type === "stream-readable") received += new TextDecoder().decode(peer.read(event.id)?.bytes);
  };
  const { digest, time } = simulate({
    seed,
    network: [
      host({ name: "client", address: CLIENT, machine: client, onEvent: onClientEvent }),
      link({ delay: millis(15), rate: 10e6, loss: 0.1 }),
      host({ name: "server", address: SERVER, machine: server, onEvent: onServerEvent }),
    ],
    until: () => received === "hello",
    maxVirtualTime: seconds(10),
  });
  return { digest, time };
}

test("the same seed gives the same bytes at the same times", () => {
  expect(greet(7)).toEqual(greet(7));
  expect(greet(7).digest).not.toBe(greet(8).digest);
});
