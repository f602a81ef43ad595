import { expect, test } from "vitest";
import { SeededRng } from "../../base/rng.ts";
import { portableEngine } from "../../crypto/portable/index.ts";
import { connectionConfig, Endpoint } from "../../quic/index.ts";
import { createTlsClient } from "../../tls/index.ts";
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
