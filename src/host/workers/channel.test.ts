import { once } from "node:events";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Ecn } from "../../base/datagrams.ts";
import { Channel, SECRET_LENGTH } from "./channel.ts";
import { Reason } from "./steering.ts";

const secret = new Uint8Array(SECRET_LENGTH).fill(3);
const at = (port: number) => ({ family: 4, host: "127.0.0.1", port }) as const;
const datagram = { reason: Reason.offered, ecn: Ecn.ce, local: at(443), remote: at(5000), bytes: Uint8Array.of(1, 2) };

let folder: string;
let lines: string[];
const closers: (() => unknown)[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nagare-channel-"));
  lines = [];
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  rmSync(folder, { recursive: true, force: true });
});

async function open(worker: number): Promise<Channel> {
  const channel = new Channel({
    folder,
    secret,
    self: { generation: 0, worker },
    log: (line) => lines.push(line),
    onFault: ({ error }) => lines.push(error.message),
  });
  closers.push(() => channel.close());
  await channel.open();
  return channel;
}

function receive(channel: Channel): unknown[] {
  const arrived: unknown[] = [];
  channel.onBatch = (batch, reasons) => {
    for (let i = 0; i < batch.count; i += 1) {
      const start = batch.offset[i]!;
      const bytes = batch.arena.slice(start, start + batch.length[i]!);
      const [local, remote, ecn] = [batch.local[i]!, batch.remote[i]!, batch.ecn[i]];
      arrived.push({ reason: reasons[i], ecn, local, remote, bytes });
    }
  };
  return arrived;
}

function stranger(): Socket {
  const socket = createConnection(join(folder, "0-1"));
  socket.on("error", () => {});
  closers.push(() => socket.destroy());
  return socket;
}

test("a datagram arrives with its addresses, its mark and its reason", async () => {
  const [a, b] = [await open(0), await open(1)];
  const arrived = receive(b);
  for (let i = 0; i < 2_000; i += 1) expect(a.send({ generation: 0, worker: 1 }, datagram)).toBe(true);
  await vi.waitUntil(() => arrived.length === 2_000);
  expect(arrived.at(-1)).toEqual(datagram);
});

test("a process that is gone loses datagrams, and its successor gets the next ones", async () => {
  const a = await open(0);
  const to = { generation: 0, worker: 1 };
  const first = await open(1);
  const arrived = receive(first);
  a.send(to, datagram);
  await vi.waitUntil(() => arrived.length === 1);
  await first.close();
  const second = receive(await open(1));
  await vi.waitUntil(() => {
    a.send(to, datagram);
    return second.length > 0;
  });
  expect(lines).toEqual([]);
});

test("nothing is sent to this process itself", async () => {
  expect((await open(0)).send({ generation: 0, worker: 0 }, datagram)).toBe(false);
});

test("only this user may open the socket", async () => {
  await open(1);
  expect(statSync(join(folder, "0-1")).mode & 0o777).toBe(0o600);
});

test("a stranger with another secret is refused, and reported once", async () => {
  const b = await open(1);
  const arrived = receive(b);
  for (let i = 0; i < 2; i += 1) {
    const socket = stranger();
    socket.write(Buffer.alloc(SECRET_LENGTH + 100, 1));
    await once(socket, "close");
  }
  expect(arrived).toEqual([]);
  expect(lines).toEqual(["nagare: a stranger opened the channel between workers, and was refused"]);
});

test("a stranger who says nothing is refused too", async () => {
  await open(1);
  await once(stranger(), "close");
  expect(lines).toHaveLength(1);
});

test("a sibling that sends anything but datagrams loses its connection", async () => {
  await open(1);
  const socket = stranger();
  socket.write(Buffer.concat([secret, Buffer.alloc(8, 0xff)]));
  await once(socket, "close");
  expect(lines).toEqual([]);
});
