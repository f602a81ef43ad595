/** What sockets do, on every engine. */

import { networkInterfaces } from "node:os";
import { afterEach, describe, expect, test } from "vitest";
import type { SocketAddress } from "../../base/datagrams.ts";
import type { Fault } from "../guard.ts";
import { UDP_ENGINES } from "./testing/engines.ts";
import { loopback, record, send, texts, turns, until, write } from "./testing/sockets.ts";
import type { UdpEngine, UdpSocket } from "./udp-socket.ts";

const isLinux = process.platform === "linux";
const hasIPv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === "::1"));
const FAMILIES = [
  ["IPv4", "127.0.0.1", "0.0.0.0"],
  ...(hasIPv6 ? [["IPv6", "::1", "::"] as const] : []),
] as readonly (readonly [name: string, host: string, wildcard: string])[];

const opened: UdpSocket[] = [];
afterEach(async () => {
  for (const socket of opened.splice(0)) await socket.close();
});

describe.each(UDP_ENGINES)("$name", ({ engine: available }) => {
  const engine = available as UdpEngine;
  const it = test.skipIf(available === undefined);

  async function bind(host = "127.0.0.1", port = 0): Promise<UdpSocket> {
    const socket = await engine.bind(port, host);
    opened.push(socket);
    return socket;
  }

  async function connect(peer: SocketAddress): Promise<UdpSocket> {
    const socket = await engine.connect(peer, 64 * 1024);
    opened.push(socket);
    return socket;
  }

  it.each(FAMILIES)("a train arrives over %s as the datagrams that it consists of", async (_name, host) => {
    const [a, b] = [await bind(host), await bind(host)];
    const arrived = record(b);
    const datagrams = Array.from({ length: 45 }, (_, i) => new Uint8Array(i === 44 ? 7 : 1200).fill(i));
    expect(send(a, b.address, datagrams)).toBe(45);
    await until(() => arrived.length === 45);
    expect(arrived.map(({ bytes }) => bytes)).toEqual(datagrams);
    for (const { local, remote } of arrived) {
      expect(local).toEqual(b.address);
      expect(remote).toEqual(a.address);
    }
    // Addresses are compared by identity first.
    expect(new Set(arrived.map(({ remote }) => remote)).size).toBe(1);
    expect(new Set(arrived.map(({ local }) => local)).size).toBe(1);
  });

  it("more datagrams than one call takes arrive, small and large ones mixed", async () => {
    const [a, b] = [await bind(), await bind()];
    const arrived = record(b);
    const small = Array.from({ length: 200 }, (_, i) => `small ${String(i).padStart(3, "0")}`);
    expect(send(a, b.address, small)).toBe(200);
    expect(send(a, b.address, [new Uint8Array(60_000).fill(1)])).toBe(1);
    expect(send(a, b.address, ["last"])).toBe(1);
    await until(() => arrived.length === 202);
    expect(texts(arrived.slice(0, 200))).toEqual(small);
    expect(arrived[200]!.bytes).toEqual(new Uint8Array(60_000).fill(1));
    expect(texts(arrived.slice(201))).toEqual(["last"]);
  });

  it("an empty datagram arrives as such", async () => {
    const [a, b] = [await bind(), await bind()];
    const arrived = record(b);
    for (const text of ["before", "", "after"]) expect(send(a, b.address, [text])).toBe(1);
    await until(() => arrived.length === 3);
    expect(texts(arrived)).toEqual(["before", "", "after"]);
  });

  it.each(FAMILIES)("a socket on all addresses of %s says which was asked", async (_name, host, wildcard) => {
    const server = await bind(wildcard);
    const arrived = record(server);
    const client = await connect(loopback(server.address.port, host));
    const answers = record(client);
    send(client, client.address, ["?"]);
    await until(() => arrived.length === 1);
    expect(arrived[0]!.local).toEqual(loopback(server.address.port, host));
    send(server, arrived[0]!.remote, ["!"], { local: arrived[0]!.local });
    await until(() => answers.length === 1);
  });

  test.skipIf(available === undefined || !isLinux)(
    "a socket on all addresses answers from the one that was asked (case 07)",
    async () => {
      const server = await bind("0.0.0.0");
      const arrived = record(server);
      for (const host of ["127.0.0.1", "127.0.0.2", "127.9.9.9", "127.0.0.2"]) {
        arrived.length = 0;
        // Takes only answers from that address, like a client of QUIC.
        const client = await connect(loopback(server.address.port, host));
        const answers = record(client);
        send(client, client.address, ["?"]);
        await until(() => arrived.length === 1);
        send(server, arrived[0]!.remote, ["!"], { local: arrived[0]!.local });
        await until(() => answers.length === 1);
        expect(answers[0]!.remote).toEqual(loopback(server.address.port, host));
      }
    },
  );

  it("a datagram to nowhere is lost, and the socket continues", async () => {
    const [a, b] = [await bind(), await bind()];
    const faults: Fault[] = [];
    a.onFault = (fault) => faults.push(fault);
    const arrived = record(b);
    expect(send(a, loopback(0), ["x", "x", "x"])).toBe(0);
    expect(send(a, loopback(70_000), ["x", "x", "x"])).toBe(0);
    // Larger than IP can carry. The portable engine learns that too late to say so.
    expect(send(a, b.address, [new Uint8Array(65_520)])).toBe(engine.name === "fast" ? 0 : 1);
    // No route to it (a class E address), or a sandbox forbids it.
    send(a, loopback(9, "240.0.0.1"), ["x"]);
    await turns();
    expect(send(a, b.address, ["y", "y"])).toBe(2);
    await until(() => arrived.length === 2);
    expect(faults).toEqual([]);
  });

  it("errors of bind have Node's shape", async () => {
    const { address } = await bind();
    await expect(engine.bind(address.port, address.host)).rejects.toMatchObject({
      code: "EADDRINUSE",
      syscall: "bind",
      address: "127.0.0.1",
      port: address.port,
      message: `bind EADDRINUSE 127.0.0.1:${address.port}`,
    });
    await expect(engine.bind(0, "192.0.2.1")).rejects.toMatchObject({ code: "EADDRNOTAVAIL", syscall: "bind" });
  });

  it("a connected socket receives only from its peer", async () => {
    const [peer, stranger] = [await bind(), await bind()];
    const client = await connect(peer.address);
    const arrived = record(client);
    send(stranger, client.address, ["stranger"]);
    send(peer, client.address, ["peer"]);
    await until(() => arrived.length > 0);
    await turns();
    expect(texts(arrived)).toEqual(["peer"]);
  });

  it("a connected socket reports a closed port, and works once it is open", async () => {
    const before = await bind();
    const { port } = before.address;
    await before.close();
    const client = await connect(loopback(port));
    let refusals = 0;
    client.onRefused = () => {
      refusals += 1;
    };
    const faults: Fault[] = [];
    client.onFault = (fault) => faults.push(fault);
    for (const wanted of [1, 2, 3]) {
      expect(send(client, loopback(port), ["anyone?"])).toBe(1);
      await until(() => refusals >= wanted);
    }
    const server = await bind("127.0.0.1", port);
    const [asked, answered] = [record(server), record(client)];
    send(client, server.address, ["now?"]);
    await until(() => asked.length === 1);
    send(server, client.address, ["yes"]);
    await until(() => answered.length === 1);
    expect(faults).toEqual([]);
  });

  it("a closed socket delivers nothing, sends nothing and frees its port", async () => {
    const [a, b] = [await bind(), await bind()];
    const arrived = record(b);
    send(a, b.address, ["too late"]);
    await b.close();
    await b.close();
    await turns();
    expect(arrived).toEqual([]);
    expect(b.send(write(b, a.address, ["x", "x"]))).toBe(0);
    b.ref();
    b.unref();
    const again = await bind("127.0.0.1", b.address.port);
    expect(again.address).toEqual(b.address);
  });

  it("closing inside a callback ends the delivery", async () => {
    const [a, b] = [await bind(), await bind()];
    let batches = 0;
    b.onBatch = () => {
      batches += 1;
      void b.close();
    };
    for (let i = 0; i < 40; i += 1) send(a, b.address, [new Uint8Array(9_000)]);
    await until(() => batches === 1);
    await turns();
    expect(batches).toBe(1);
  });

  it("an exception in a callback is reported, and the socket continues", async () => {
    const [a, b] = [await bind(), await bind()];
    const faults: Fault[] = [];
    b.onFault = (fault) => faults.push(fault);
    b.onBatch = () => {
      throw new Error("a mistake");
    };
    send(a, b.address, ["lost"]);
    await until(() => faults.length === 1);
    const arrived = record(b);
    send(a, b.address, ["kept"]);
    await until(() => arrived.length === 1);
    expect(texts(arrived)).toEqual(["kept"]);
    expect(faults.map(({ error }) => error.message)).toEqual(["a mistake"]);
  });

  it("callbacks run microtasks, like all of Node's", async () => {
    const [a, b] = [await bind(), await bind()];
    const delivered = new Promise<void>((resolve) => {
      b.onBatch = () => Promise.resolve().then(resolve);
    });
    send(a, b.address, ["x"]);
    await delivered;
  });
});
