/** Real sockets on loopback; time is the test's. */

import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";
import { afterEach, describe, expect, test, vi } from "vitest";
import { micros, millis, seconds } from "../../base/time.ts";
import { checkRelayOptions, type UdpRelayOptions } from "./options.ts";
import { ManualClock } from "./testing/manual-clock.ts";
import { startUdpRelay, UdpRelay } from "./udp-relay.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A socket, and what it has received: the text and the sender's port. */
async function open(host = "127.0.0.1") {
  const socket: Socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  const listening = once(socket, "listening");
  socket.bind(0, host);
  await listening;
  closers.push(() => socket.close());
  const received: { readonly text: string; readonly from: RemoteInfo }[] = [];
  socket.on("message", (datagram, from) => received.push({ text: datagram.toString("latin1"), from }));
  return { socket, received, texts: () => received.map(({ text }) => text) };
}

/** A relay to a server that echoes, or only receives. */
async function start(options: Omit<UdpRelayOptions, "server">, { echo = false, host = "127.0.0.1" } = {}) {
  const clock = new ManualClock();
  const server = await open(host);
  if (echo) server.socket.on("message", (datagram, { port, address }) => server.socket.send(datagram, port, address));
  const faults: unknown[] = [];
  const relay = await startUdpRelay({
    server: { host, port: server.socket.address().port },
    clock,
    onFault: (fault) => faults.push(fault),
    ...options,
  });
  closers.push(() => {
    expect(faults).toEqual([]);
    return relay.close();
  });
  /** Sends in order, and waits until the relay has decided about each. */
  const send = async ({ socket }: { readonly socket: Socket }, ...texts: string[]) => {
    for (const text of texts) {
      const decided = () => relay.seen;
      const before = decided();
      socket.send(text, relay.port, host);
      await vi.waitUntil(() => decided() > before, { interval: 1 });
    }
  };
  return { relay, clock, server, send };
}

describe("forwarding", () => {
  test("an observer sees what comes in, and what is passed on", async () => {
    const seen: string[] = [];
    const { send } = await start(
      {
        up: { dropList: [2] },
        observe: (what, direction, datagram) => seen.push(`${what} ${direction} ${Buffer.from(datagram)}`),
      },
      { echo: true },
    );
    const client = await open();
    await send(client, "one");
    await vi.waitUntil(() => client.texts().length === 1, { interval: 1 });
    await send(client, "two");
    expect(seen).toEqual([
      "received up one",
      "forwarded up one",
      "received down one",
      "forwarded down one",
      "received up two",
    ]);
  });

  test.each(["127.0.0.1", "::1"])("goes both ways, and keeps clients apart (%s)", async (host) => {
    const { relay, server, send } = await start({}, { echo: true, host });
    const [first, second] = [await open(host), await open(host)];
    await send(first, "one");
    await send(second, "two");
    await vi.waitUntil(() => first.received.length + second.received.length === 2);
    expect([first.texts(), second.texts()]).toEqual([["one"], ["two"]]);
    expect(first.received[0]!.from.port).toBe(relay.port);
    expect(new Set(server.received.map(({ from }) => from.port)).size).toBe(2);
    expect(relay.sessions).toBe(2);
  });

  test("ignores what does not come from the server", async () => {
    const { server, send } = await start({}, { echo: true });
    const [client, stranger] = [await open(), await open()];
    await send(client, "a");
    await vi.waitUntil(() => server.received.length === 1);
    stranger.socket.send("spoofed", server.received[0]!.from.port, "127.0.0.1");
    await send(client, "b");
    await vi.waitUntil(() => client.received.length === 2);
    expect(client.texts()).toEqual(["a", "b"]);
  });
});

describe("links", () => {
  test("delay each direction by its own time", async () => {
    const { relay, clock, server, send } = await start(
      { up: { delay: millis(20) }, down: { delay: millis(30) } },
      { echo: true },
    );
    const client = await open();
    await send(client, "ping");
    clock.advance(millis(19));
    expect(relay.up.forwarded).toBe(0);
    clock.advance(millis(1));
    expect(relay.up.forwarded).toBe(1);
    await vi.waitUntil(() => server.received.length === 1);
    await vi.waitUntil(() => relay.seen === 2);
    clock.advance(millis(29));
    expect(relay.down.forwarded).toBe(0);
    clock.advance(millis(1));
    await vi.waitUntil(() => client.received.length === 1);
  });

  test("send at their rate and drop what their queue does not hold", async () => {
    // 972 + 28 bytes at 8 Mbit/s take 1 ms. One is being transmitted, two wait.
    const { relay, clock, send } = await start({ up: { rate: 8e6, queue: 2 } });
    const client = await open();
    await send(client, ...new Array(5).fill("x".repeat(972)));
    expect(relay.up.dropped.queue).toBe(2);
    for (const forwarded of [1, 2, 3]) {
      clock.advance(millis(1));
      expect(relay.up.forwarded).toBe(forwarded);
    }
  });

  test("lose by number, corrupt one bit, and enforce the MTU", async () => {
    const { relay, server, send } = await start({ up: { dropList: [2, [4, 5]], corruptionList: [6], mtu: 128 } });
    const client = await open();
    // The relay counts only what fits.
    await send(client, "1", "2", "3", "x".repeat(101), "4", "5", "6", "y".repeat(100));
    await vi.waitUntil(() => server.received.length === 4);
    const [one, three, six, last] = server.texts();
    expect([one, three, last]).toEqual(["1", "3", "y".repeat(100)]);
    const changed = six!.charCodeAt(0) ^ "6".charCodeAt(0);
    expect(Math.log2(changed) % 1).toBe(0);
    expect(relay.up.dropped).toMatchObject({ mtu: 1, "drop-list": 3 });
  });

  test("lose at random, equally for the same seed", async () => {
    const run = async (seed: number) => {
      const { relay, server, send } = await start({ seed, up: { loss: 0.5 } });
      await send(await open(), ...Array.from({ length: 30 }, (_, i) => String(i)));
      await vi.waitUntil(() => server.received.length === relay.up.forwarded);
      expect(relay.up.dropped.loss).toBe(30 - relay.up.forwarded);
      return server.texts();
    };
    expect(await run(3)).toEqual(await run(3));
    expect(await run(3)).not.toEqual(await run(4));
  });

  test("pass nothing during a blackhole, and change while the relay runs", async () => {
    const { relay, clock, server, send } = await start({ up: { blackhole: { on: millis(5), off: millis(2) } } });
    const client = await open();
    await send(client, "a");
    clock.advance(millis(5));
    await send(client, "b");
    clock.advance(millis(2));
    await send(client, "c");
    relay.change("up", { blackhole: undefined, mtu: 100 });
    clock.advance(millis(5));
    await send(client, "d", "e".repeat(80));
    await vi.waitUntil(() => server.received.length === 3);
    expect(server.texts()).toEqual(["a", "c", "d"]);
    expect(relay.up.dropped).toMatchObject({ blackhole: 1, mtu: 1 });
  });
});

describe("rebinding", () => {
  test("gives a client a new port at intervals; replies to the old one are lost", async () => {
    const { clock, server, send, relay } = await start({ rebinding: { first: seconds(1), every: seconds(5) } });
    const client = await open();
    const ports = () => server.received.map(({ from }) => from.port);
    const sendAt = async (text: string) => {
      const count = server.received.length;
      await send(client, text);
      await vi.waitUntil(() => server.received.length > count);
    };
    await sendAt("a");
    await sendAt("b");
    clock.advance(seconds(1));
    server.socket.send("too late", ports()[0]!, "127.0.0.1");
    await sendAt("c");
    clock.advance(seconds(5));
    await sendAt("d");
    const [a, b, c, d] = ports();
    expect(a).toBe(b);
    expect(new Set([a, c, d]).size).toBe(3);
    server.socket.send("in time", d!, "127.0.0.1");
    await vi.waitUntil(() => client.received.length === 1);
    expect(client.texts()).toEqual(["in time"]);
    expect([relay.sessions, relay.rebindings]).toEqual([1, 2]);
  });

  test.runIf(process.platform === "linux")("may change the address too", async () => {
    const { clock, server, send } = await start({
      rebinding: { every: seconds(1), addresses: ["127.0.0.2", "127.0.0.3"] },
    });
    const client = await open();
    for (const text of ["a", "b", "c"]) {
      await send(client, text);
      clock.advance(seconds(1));
    }
    await vi.waitUntil(() => server.received.length === 3);
    expect(server.received.map(({ from }) => from.address)).toEqual(["127.0.0.2", "127.0.0.3", "127.0.0.2"]);
  });
});

describe("bounds", () => {
  test("drops datagrams of clients beyond the maximum, and forgets idle ones", async () => {
    const { relay, clock, send } = await start({ maxSessions: 1, sessionTimeout: seconds(10) });
    const [first, second] = [await open(), await open()];
    await send(first, "a");
    await send(second, "b");
    expect(relay.droppedWithoutSession).toBe(1);
    clock.advance(seconds(10));
    expect(relay.sessions).toBe(0);
    await send(second, "c");
    expect(relay.sessions).toBe(1);
    expect(relay.up.forwarded).toBe(2);
  });

  test("drops datagrams from port 0, to which nothing could be returned", async () => {
    const socket = createSocket("udp4").bind(0, "127.0.0.1");
    await once(socket, "listening");
    const faults: unknown[] = [];
    const settings = checkRelayOptions({
      server: { host: "127.0.0.1", port: 9 },
      onFault: (fault) => faults.push(fault),
    });
    await using relay = new UdpRelay(settings, socket);
    socket.emit("message", Buffer.from("x"), { address: "127.0.0.1", port: 0, family: "IPv4", size: 1 });
    expect([relay.sessions, relay.droppedWithoutSession, relay.seen, faults]).toEqual([0, 1, 1, []]);
  });

  test("drops what exceeds the capacity", async () => {
    const { relay, send } = await start({ up: { delay: seconds(1), capacity: 300 } });
    await send(await open(), ...new Array(4).fill("x".repeat(72)));
    expect(relay.up.dropped.capacity).toBe(1);
  });

  test("close drops what is on the way, and may be repeated", async () => {
    const { relay, clock, send } = await start({ up: { delay: seconds(1) } });
    await send(await open(), "a");
    await relay.close();
    await relay.close();
    clock.advance(seconds(2));
    expect(relay.up.forwarded).toBe(0);
  });
});

describe("options", () => {
  const server = { host: "127.0.0.1", port: 4433 };
  const wrong = (options: Record<string, unknown>) => () => startUdpRelay({ server, ...options } as UdpRelayOptions);

  test.each([
    [{ server: { host: "localhost", port: 1 } }, /server\.host must be an IP address, not localhost/],
    [{ server: { host: "127.0.0.1", port: 0 } }, /server\.port must be a whole number from 1 to 65535, not 0/],
    [{ upp: {} }, /unknown relay option upp/],
    [{ up: { los: 0.1 } }, /up has an unknown member los/],
    [{ down: { loss: 2 } }, /down is wrong: loss must be a probability/],
    [{ up: { queue: { type: "fifo" } } }, /up is wrong: queue must be a number of packets, or have a type/],
    [{ up: { rate: { opportunities: [] } } }, /up is wrong: rate is a trace that has no opportunities/],
    [{ rebinding: { every: 0 } }, /rebinding\.every must be a whole number of at least 1/],
    [{ rebinding: { every: 1, addresses: ["::1"] } }, /must have the server's family, unlike ::1/],
    [{ maxSessions: 0 }, /maxSessions/],
    [{ sessionTimeout: micros(0) }, /sessionTimeout/],
  ])("%o is refused", async (options, message) => {
    await expect(wrong(options)).rejects.toThrow(message);
  });
});
