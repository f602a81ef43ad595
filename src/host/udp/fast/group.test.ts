/** Groups of sockets, with the kernel that chooses between them. */

import { afterEach, describe, expect, test } from "vitest";
import { SeededRng } from "../../../base/rng.ts";
import { intercepted } from "../../../base/testing/intercepted.ts";
import { RoutedConnectionIds, RoutedIdKeys } from "../../../quic/index.ts";
import { koffi } from "../../engine/testing/koffi.ts";
import { encodeProgram, steeringProgram } from "../../workers/steering-program.ts";
import { record, send, until } from "../testing/sockets.ts";
import type { SocketGroup, UdpSocket } from "../udp-socket.ts";
import { createFastUdp } from "./engine.ts";

const WORKERS = 3;
const LOOPBACK = { family: 4, host: "127.0.0.1", port: 0 } as const;
const idKey = Uint8Array.from({ length: 16 }, (_, i) => i * 7);
const program = encodeProgram(steeringProgram({ idKey, clientKey: new Uint8Array(8).fill(3), workers: WORKERS }));

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A packet with a short header for a new connection id of this worker. */
function packetFor(worker: number, seed: number): Uint8Array {
  const keys = new RoutedIdKeys([idKey, idKey, idKey, idKey]);
  const route = { generation: seed % 8, worker, node: 0 };
  const { bytes } = new RoutedConnectionIds(new SeededRng(seed), keys, route, () => seed).generate();
  return Uint8Array.of(0x40, ...bytes, ...new Uint8Array(30));
}

describe.skipIf(koffi === undefined)("a group of sockets on one address", () => {
  function open(intercept?: Parameters<typeof intercepted>[1], wanted: Uint8Array<ArrayBuffer> | undefined = program) {
    const engine = createFastUdp(intercept === undefined ? koffi! : intercepted(koffi!, intercept));
    const group: SocketGroup = engine.groups!.open(LOOPBACK, WORKERS, wanted);
    const sockets: UdpSocket[] = group.descriptors.map((descriptor) => engine.groups!.adopt(descriptor));
    closers.push(() => Promise.all(sockets.map((socket) => socket.close())));
    return { engine, group, sockets };
  }

  test("gets each datagram to the worker that its connection id names, from any address", async () => {
    const { engine, group, sockets } = open();
    expect([group.steering, group.problem]).toEqual(["program", undefined]);
    const arrived = sockets.map(record);
    const sent: number[] = [0, 0, 0];
    for (let i = 0; i < 60; i += 1) {
      // The kernel would hash the client's port, which is another one each time.
      const client = await engine.bind(0, "127.0.0.1");
      closers.push(() => client.close());
      send(client, group.address, [packetFor(i % WORKERS, i)]);
      sent[i % WORKERS]! += 1;
    }
    await until(() => arrived.flat().length === 60);
    expect(arrived.map(({ length }) => length)).toEqual(sent);
  });

  test("works by addresses if the kernel refuses the program", async () => {
    const ENOMEM = 12;
    const { group, sockets, engine } = open({ setsockopt: (_fd, _level, name) => (name === 51 ? ENOMEM : undefined) });
    expect(group.steering).toBe("addresses");
    expect(group.problem).toBe("the kernel refuses the steering program");
    expect(sockets).toHaveLength(WORKERS);
    const arrived = sockets.map(record);
    const client = await engine.bind(0, "127.0.0.1");
    closers.push(() => client.close());
    for (let i = 0; i < 20; i += 1) send(client, group.address, [packetFor(i % WORKERS, i)]);
    await until(() => arrived.flat().length === 20);
    expect(arrived.filter(({ length }) => length > 0)).toHaveLength(1);
  });

  test("has one socket if the kernel has no SO_REUSEPORT", () => {
    const ENOPROTOOPT = 92;
    const { group } = open({ setsockopt: (_fd, _level, name) => (name === 15 ? ENOPROTOOPT : undefined) });
    expect([group.steering, group.descriptors.length]).toEqual(["single", 1]);
    expect(group.problem).toBe("the kernel has no SO_REUSEPORT (ENOPROTOOPT)");
  });

  test("is not opened beside another server that shares its port", () => {
    const { engine, group } = open();
    expect(() => engine.groups!.open(group.address, 1, undefined)).toThrow(
      expect.objectContaining({ code: "EADDRINUSE" }),
    );
  });

  test("a paused socket leaves datagrams to other processes, and still sends", async () => {
    const { engine, group, sockets } = open(undefined, undefined);
    const client = await engine.bind(0, "127.0.0.1");
    closers.push(() => client.close());
    const arrived = sockets.map(record);
    const answers = record(client);
    for (const socket of sockets) socket.pause!();
    send(client, group.address, ["question"]);
    send(sockets[0]!, client.address, ["still here"]);
    await until(() => answers.length === 1);
    expect(arrived.flat()).toEqual([]);
  });
});
