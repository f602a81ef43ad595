/** A wildcard bind answers from the contacted address: for addresses that are listed, new, removed or unlisted. */

import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { networkInterfaces } from "node:os";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Ecn, type ReceivedBatch, type SocketAddress } from "../../base/datagrams.ts";
import { type HostClock, systemClock } from "../clock.ts";
import { type AddressSource, bindEveryAddress } from "./every-address.ts";
import { addressContactedBy, listedAddresses } from "./local-addresses.ts";
import type { UdpSocket } from "./udp-socket.ts";

const opened: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0)) await close();
});

/** Answers each datagram with the address at which it arrived. */
async function echo(
  wildcard: "0.0.0.0" | "::",
  source?: Partial<AddressSource>,
  clock: HostClock = systemClock,
): Promise<UdpSocket> {
  const whole = { listed: listedAddresses, contactedBy: addressContactedBy, ...source };
  const socket = await bindEveryAddress(0, wildcard, whole, clock);
  opened.push(() => socket.close());
  socket.onBatch = (batch: ReceivedBatch) => {
    for (let i = 0; i < batch.count; i += 1) {
      const local = batch.local[i]!;
      const length = new TextEncoder().encodeInto(local.host, socket.slots.arena).written;
      socket.send({ local, remote: batch.remote[i]!, ecn: Ecn.notEct, segmentSize: length, count: 1, length });
    }
  };
  return socket;
}

/** Sends from a socket that only accepts answers from `host`, like a QUIC client. */
async function ask({ address }: UdpSocket, host: string): Promise<string> {
  const socket = await connected(address.port, host);
  socket.send("?");
  const [answer] = (await once(socket, "message")) as [Buffer];
  return answer.toString();
}

async function connected(port: number, host: string): Promise<Socket> {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  opened.push(() => socket.close());
  socket.connect(port, host);
  await once(socket, "connect");
  return socket;
}

/** A clock whose timer fires on demand. */
function manualClock(): { clock: HostClock; fire: () => void } {
  let due: (() => void) | undefined;
  const timer = { ref: () => timer, unref: () => timer, refresh: () => timer };
  const clock: HostClock = {
    ...systemClock,
    startTimer: (callback) => {
      due = callback;
      return timer;
    },
    stopTimer: () => {
      due = undefined;
    },
  };
  return { clock, fire: () => due?.() };
}

const isLinux = process.platform === "linux";
const hasIPv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === "::1"));

describe("a wildcard bind (case 07)", () => {
  test("answers from each address that the machine lists", async () => {
    const socket = await echo("0.0.0.0");
    for (const host of listedAddresses(4)!) expect(await ask(socket, host)).toBe(host);
  });

  test.skipIf(!hasIPv6)("answers from each IPv6 address, including link-local ones", async () => {
    const socket = await echo("::");
    for (const host of listedAddresses(6)!) expect(await ask(socket, host)).toBe(host);
  });

  test.skipIf(!isLinux)("answers from an address of 127/8 that no interface lists", async () => {
    const socket = await echo("0.0.0.0");
    expect(await Promise.all(["127.0.0.2", "127.9.9.9", "127.0.0.2"].map((host) => ask(socket, host)))).toEqual([
      "127.0.0.2",
      "127.9.9.9",
      "127.0.0.2",
    ]);
  });

  test.skipIf(!isLinux)(
    "answers from the address that the system chooses if the contacted one is unknown",
    async () => {
      const socket = await echo("0.0.0.0");
      const asking = createSocket("udp4");
      opened.push(() => asking.close());
      for (let i = 0; i < 2; i += 1) {
        asking.send("?", socket.address.port, "127.0.0.2");
        const [answer, from] = await once(asking, "message");
        expect([String(answer), from.address]).toEqual(["0.0.0.0", "127.0.0.1"]);
      }
    },
  );

  test("fails if another server has the port", async () => {
    const socket = await echo("0.0.0.0");
    await expect(bindEveryAddress(socket.address.port, "0.0.0.0")).rejects.toMatchObject({ code: "EADDRINUSE" });
  });

  test.skipIf(!isLinux)("serves a new address from its first datagram", async () => {
    const listed = ["127.0.0.1"];
    const socket = await echo("0.0.0.0", { listed: () => [...listed], contactedBy: async () => undefined });
    listed.push("127.0.0.3");
    expect(await ask(socket, "127.0.0.3")).toBe("127.0.0.3");
    expect(await ask(socket, "127.0.0.1")).toBe("127.0.0.1");
  });

  test.skipIf(!isLinux)("closes only the socket of a removed address", async () => {
    let listed: readonly string[] = ["127.0.0.1", "127.0.0.3"];
    const strays: number[] = [];
    const { clock, fire } = manualClock();
    const contactedBy = async ({ port }: SocketAddress) => void strays.push(port);
    const socket = await echo("0.0.0.0", { listed: () => listed, contactedBy }, clock);
    expect(await ask(socket, "127.0.0.3")).toBe("127.0.0.3");
    expect(strays).toEqual([]);
    listed = ["127.0.0.1"];
    fire();
    expect(await ask(socket, "127.0.0.1")).toBe("127.0.0.1");
    // Datagrams to that address now reach the wildcard.
    const late = await connected(socket.address.port, "127.0.0.3");
    late.send("?");
    await vi.waitUntil(() => {
      fire();
      return strays.length > 0;
    });
    expect(strays).toEqual([late.address().port]);
    expect(await ask(socket, "127.0.0.1")).toBe("127.0.0.1");
  });

  test("works if the system does not list its addresses", async () => {
    const socket = await echo("0.0.0.0", { listed: () => undefined });
    expect(await ask(socket, "127.0.0.1")).toBe(isLinux ? "127.0.0.1" : "0.0.0.0");
  });
});
