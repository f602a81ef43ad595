/** Two and three hosts on a simulated wire: IP, ICMP and UDP. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runs } from "../../test/properties/runs.ts";
import { millis, seconds } from "../base/time.ts";
import type { IcmpErrorKind } from "../ip/index.ts";
import { formatIpAddress } from "../wire/ip-address.ts";
import { type HostSetup, ip, World } from "./testing/world.ts";

const A: HostSetup = { addresses: ["10.77.0.1/24", "fd77::1/64"] };
const B: HostSetup = { addresses: ["10.77.0.2/24", "fd77::2/64"] };

const payloadOf = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 0xff);

/** B echoes what A sends; returns what A receives. */
function echo(world: World, version: 4 | 6) {
  const [a, b] = world.stacks;
  const server = b!.udp.bind({ version, port: 7 })!;
  server.onDatagram = ({ remote, payload }, now) => void server.send(payload.slice(), remote, now);
  const client = a!.udp.bind({ version, port: 0 })!;
  const received: Uint8Array[] = [];
  client.onDatagram = ({ payload }) => received.push(payload.slice());
  const send = (payload: Uint8Array, to = version === 4 ? "10.77.0.2" : "fd77::2", port = 7) =>
    client.send(payload, { address: ip(to), port }, world.now);
  return { client, server, received, send };
}

describe.each([4, 6] as const)("IPv%i", (version) => {
  test("ping", () => {
    const replies: number[] = [];
    const world = new World([{ ...A, onEchoReply: ({ end, start }) => replies.push(end - start) }, B]);
    const [a] = world.stacks;
    for (const length of [0, 56, 1_400, 9_000]) {
      a!.ip.ping(ip(version === 4 ? "10.77.0.2" : "fd77::2"), 1, length, payloadOf(length), world.now);
      world.run(millis(10));
    }
    expect(replies).toEqual([8, 64, 1_408, 9_008]);
  });

  test("property: datagrams of any length arrive whole, in fragments if need be", () => {
    fc.assert(
      fc.property(fc.nat(65_400), fc.constantFrom(1_280, 1_500, 9_000), (length, mtu) => {
        const world = new World([A, B], { mtu });
        const { send, received } = echo(world, version);
        send(payloadOf(length));
        world.run(millis(10));
        expect(received.map(({ length: each }) => each)).toEqual([length]);
        expect(received[0]).toEqual(payloadOf(length));
      }),
      { numRuns: runs(30) },
    );
  });

  test("fragments that are reordered and duplicated; one lost fragment loses the datagram, and its memory is freed", () => {
    const faults = { outbound: { reordering: 0.5, reorderDelay: millis(3), duplication: 0.3 } };
    const world = new World([{ ...A, faults }, B]);
    const { send, received } = echo(world, version);
    for (let i = 0; i < 20; i += 1) {
      send(payloadOf(8_000 + i));
      world.run(millis(50));
    }
    expect(received.map(({ length }) => length)).toEqual(Array.from({ length: 20 }, (_, i) => 8_000 + i));
    const lossy = new World([{ ...A, faults: { outbound: { loss: 0.5 } } }, B]);
    const other = echo(lossy, version);
    for (let i = 0; i < 50; i += 1) {
      other.send(payloadOf(20_000));
      lossy.run(seconds(1));
    }
    const { reassembly } = lossy.stacks[1]!.ip;
    lossy.run(seconds(61));
    expect(reassembly.counts.timeout).toBeGreaterThan(5);
    expect([reassembly.size, reassembly.held]).toEqual([0, 0]);
  });

  test("a closed port: the sender learns it", () => {
    const world = new World([A, B]);
    const { client, send } = echo(world, version);
    const errors: IcmpErrorKind[] = [];
    client.onError = (kind) => errors.push(kind);
    send(Uint8Array.of(1), undefined, 9);
    world.run(millis(10));
    expect(errors).toEqual(["port-unreachable"]);
  });

  test("nobody there: host unreachable, once the neighbour has failed", () => {
    const world = new World([A, B]);
    const { client, send } = echo(world, version);
    const errors: IcmpErrorKind[] = [];
    client.onError = (kind) => errors.push(kind);
    expect(send(Uint8Array.of(1), version === 4 ? "10.77.0.9" : "fd77::9")).toBe("queued");
    world.run(seconds(5));
    expect(errors).toEqual(["host-unreachable"]);
  });

  test("to itself", () => {
    const world = new World([A, B]);
    const { received, send } = echo(world, version);
    const own = world.stacks[0]!.udp.bind({ version, port: 7 })!;
    own.onDatagram = ({ remote, payload }, now) => void own.send(payload.slice(), remote, now);
    send(payloadOf(30_000), version === 4 ? "10.77.0.1" : "fd77::1");
    send(payloadOf(5), version === 4 ? "127.0.0.1" : "::1");
    world.run(millis(10));
    expect(received.map(({ length }) => length)).toEqual([30_000, 5]);
  });

  test("no route, and no room without fragments", () => {
    const world = new World([A, B]);
    const { client, send } = echo(world, version);
    expect(send(Uint8Array.of(1), version === 4 ? "203.0.113.1" : "2001:db8::1")).toBe("no-route");
    const to = { address: ip(version === 4 ? "10.77.0.2" : "fd77::2"), port: 7 };
    expect(client.send(payloadOf(1_600), to, world.now, { dontFragment: true })).toBe("too-big");
  });
});

test("a frame whose checksum is broken is dropped, wherever the bit flipped", () => {
  const world = new World([{ ...A, faults: { outbound: { corruption: 1 } } }, B]);
  const { received, send } = echo(world, 4);
  // Resolved first, by a host without faults.
  world.stacks[1]!.ip.ping(ip("10.77.0.1"), 1, 1, Uint8Array.of(), world.now);
  for (let i = 0; i < 300; i += 1) send(payloadOf(100));
  world.run(seconds(2));
  for (const each of received) expect(each).toEqual(payloadOf(100));
});

test("duplicate address detection: the second host does not take the address", () => {
  const seen: string[] = [];
  const world = new World([
    A,
    {
      addresses: ["10.77.0.1/24", "fd77::1/64"],
      detectConflicts: true,
      onAddress: (address, state) => seen.push(`${formatIpAddress(address)} ${state}`),
    },
  ]);
  world.run(seconds(10));
  expect(seen.filter((line) => !line.startsWith("fe80")).sort()).toEqual(["10.77.0.1 lost", "fd77::1 lost"]);
});
