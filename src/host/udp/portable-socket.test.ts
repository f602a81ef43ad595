import { Socket } from "node:dgram";
import { once } from "node:events";
import { afterEach, expect, test, vi } from "vitest";
import { Ecn, type ReceivedBatch, type SocketAddress } from "../../base/datagrams.ts";
import type { Fault } from "../guard.ts";
import { bindPortableSocket } from "./portable-socket.ts";
import type { UdpSocket } from "./udp-socket.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

/** A socket, its underlying node:dgram socket, and what it receives. */
async function open(): Promise<{ socket: UdpSocket; underlying: Socket; received: string[]; faults: Fault[] }> {
  const bind = vi.spyOn(Socket.prototype, "bind");
  const socket = await bindPortableSocket(0, "127.0.0.1");
  const underlying = bind.mock.contexts[0] as Socket;
  const received: string[] = [];
  const faults: Fault[] = [];
  socket.onBatch = (batch: ReceivedBatch) => {
    for (let i = 0; i < batch.count; i += 1) {
      const start = batch.offset[i]!;
      received.push(Buffer.from(batch.arena.subarray(start, start + batch.length[i]!)).toString());
    }
  };
  socket.onFault = (fault) => faults.push(fault);
  return { socket, underlying, received, faults };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

const train = (remote: SocketAddress, count: number, segmentSize: number) => ({
  local: undefined,
  remote,
  ecn: Ecn.notEct,
  segmentSize,
  count,
  length: count * segmentSize,
});

test("a datagram with source port 0 is dropped, because it cannot be answered (RFC 768)", async () => {
  const { socket, underlying, received, faults } = await open();
  const from = { address: "127.0.0.1", family: "IPv4", size: 1 } as const;
  underlying.emit("message", Buffer.from("a"), { ...from, port: 0 });
  underlying.emit("message", Buffer.from("b"), { ...from, port: 1 });
  await turn();
  expect(received).toEqual(["b"]);
  expect(faults).toEqual([]);
  await socket.close();
});

test("datagrams that cannot be sent are dropped and counted", async () => {
  const { socket, faults } = await open();
  const to = (port: number): SocketAddress => ({ family: 4, host: "127.0.0.1", port });
  expect(socket.send(train(to(0), 3, 10))).toBe(0);
  expect(socket.send(train(to(70_000), 3, 10))).toBe(0);
  expect(socket.send(train(to(socket.address.port), 1, 65_535))).toBe(1); // the kernel reports EMSGSIZE later
  expect(socket.send(train(to(socket.address.port), 2, 10))).toBe(2);
  await turn();
  await socket.close();
  expect(socket.send(train(to(socket.address.port), 2, 10))).toBe(0);
  expect(faults).toEqual([]);
});

test("continues after a socket error, and after an exception in a callback", async () => {
  const { socket, underlying, received, faults } = await open();
  underlying.emit("error", new Error("no buffers"));
  underlying.emit("message", undefined, { address: "127.0.0.1", family: "IPv4", size: 1, port: 1 });
  const { onBatch } = socket;
  socket.onBatch = () => {
    throw new Error("a mistake");
  };
  const send = async (text: string): Promise<void> => {
    const arrived = once(underlying, "message");
    socket.slots.arena.set(Buffer.from(text));
    socket.send(train(socket.address, 1, text.length));
    await arrived;
    await turn();
  };
  await send("lost");
  socket.onBatch = onBatch;
  await send("kept");
  expect(received).toEqual(["kept"]);
  expect(faults.map(({ entry, error }) => [entry, error.message])).toEqual([
    ["udp error", "no buffers"],
    ["udp message", expect.stringContaining("undefined")],
    ["udp turn", "a mistake"],
  ]);
  await socket.close();
});
