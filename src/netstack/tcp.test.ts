/** TCP between two stacks on simulated wires, good and bad. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runs } from "../../test/properties/runs.ts";
import { SeededRng } from "../base/rng.ts";
import { millis, seconds } from "../base/time.ts";
import type { FaultOptions } from "../link/index.ts";
import { equalBytes } from "../wire/text.ts";
import { Apps, sink, source } from "./testing/tcp-apps.ts";
import { ip, World } from "./testing/world.ts";

const SERVER = ip("10.77.0.2");

function bytesOf(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  new SeededRng(length).fill(bytes);
  return bytes;
}

/** A client uploads to a server over a wire with these faults. Neither gives up within the limit. */
function upload(content: Uint8Array, faults: FaultOptions | undefined, seed: number, limit = seconds(600)) {
  const patience = { userTimeout: limit, connectTimeout: limit };
  const setup = faults === undefined ? {} : { faults };
  const world = new World(
    [
      { addresses: ["10.77.0.1/24"], ...setup },
      { addresses: ["10.77.0.2/24"], ...setup },
    ],
    { seed },
  );
  const [clients, servers] = world.stacks.map((stack) => new Apps(stack)) as [Apps, Apps];
  servers.serve(80, sink, patience);
  const start = world.now;
  const client = clients.connect(SERVER, 80, source(content), world.now, patience);
  world.run(limit, () => {
    clients.pump(world.now);
    servers.pump(world.now);
    return client.events.includes("ended");
  });
  return { world, client, server: servers.all[0], seconds: (world.now - start) / 1e6 };
}

describe("bulk", () => {
  test("a clean wire: no retransmissions, the same bytes, and both sides close", () => {
    const content = bytesOf(3_000_000);
    const { client, server, world } = upload(content, { outbound: { delay: millis(10) } }, 1);
    expect(equalBytes(server!.bytes(), content)).toBe(true);
    expect(client.connection.sender.retransmissions).toBe(0);
    expect(client.connection.state).toBe("TIME-WAIT");
    world.run(seconds(61));
    expect(world.stacks.map(({ tcp }) => tcp.size)).toEqual([0, 0]);
  });

  test("5 % loss, reordering, duplication and corruption", () => {
    const content = bytesOf(1_000_000);
    const bad = { loss: 0.05, reordering: 0.05, duplication: 0.02, corruption: 0.01, delay: millis(5) };
    const { client, server } = upload(content, { outbound: bad, inbound: bad }, 2);
    expect(equalBytes(server!.bytes(), content)).toBe(true);
    expect(client.connection.sender.retransmissions).toBeGreaterThan(20);
  });

  test("reordering alone costs few retransmissions, because RACK waits", () => {
    const bad = { reordering: 0.1, reorderDelay: millis(2), delay: millis(20) };
    const { client } = upload(bytesOf(1_000_000), { outbound: bad }, 3);
    expect(client.connection.sender.retransmissions).toBeLessThan(60);
  });

  test("a bottleneck with a small queue: the window adapts, and the link is used", () => {
    const content = bytesOf(3_000_000);
    const { seconds: time, server } = upload(content, { outbound: { rate: 20e6, delay: millis(10), queue: 40 } }, 4);
    expect(equalBytes(server!.bytes(), content)).toBe(true);
    // 1.2 s at full rate.
    expect(time).toBeLessThan(2.5);
  });

  test("an outage of ten seconds is survived", () => {
    const content = bytesOf(2_000_000);
    const outage = { delay: millis(10), rate: 10e6, blackhole: { intervals: [[seconds(2), seconds(12)]] } } as never;
    const { server } = upload(content, { outbound: outage, inbound: outage }, 5);
    expect(equalBytes(server!.bytes(), content)).toBe(true);
  });
});

test("property: any wire that delivers now and then delivers the same bytes, in order, once", () => {
  const share = (max: number) => fc.integer({ min: 0, max: 100 }).map((percent) => (percent / 100) * max);
  const faults = {
    loss: share(0.1),
    duplication: share(0.2),
    reordering: share(0.3),
    delay: fc.nat(20).map(millis),
  };
  // A frame is corrupted once at most: two flipped bits can leave the Internet checksum as it was.
  const corrupting = fc.record({ ...faults, corruption: share(0.1) });
  fc.assert(
    fc.property(corrupting, fc.record(faults), fc.nat(60_000), fc.nat(1_000_000), (outbound, inbound, length, seed) => {
      const content = bytesOf(length);
      // At worst one round trip of two fails, and ten in a row do once in a thousand runs: longer than a user waits.
      const { client, server } = upload(content, { outbound, inbound }, seed, seconds(100_000));
      expect(equalBytes(server!.bytes(), content)).toBe(true);
      expect(client.connection.closeReason).toBeUndefined();
    }),
    {
      numRuns: runs(25),
      // A reordering window of a fraction of a microsecond: its timer never passed.
      examples: [
        [
          { loss: 0.1, duplication: 0.104, reordering: 0.261, corruption: 0.0055, delay: millis(3) },
          { loss: 0.088, duplication: 0.02, reordering: 0.012, delay: millis(2) },
          35_253,
          405_234,
        ],
      ],
    },
  );
});

test("a thousand connections at once, each with its own bytes", () => {
  const world = new World([{ addresses: ["10.77.0.1/24"] }, { addresses: ["10.77.0.2/24"] }]);
  const [clients, servers] = world.stacks.map((stack) => new Apps(stack)) as [Apps, Apps];
  servers.serve(80, sink, {}, 2_000);
  const contents = Array.from({ length: 1_000 }, (_, i) => bytesOf(100 + i));
  const all = contents.map((content) => clients.connect(SERVER, 80, source(content), world.now));
  world.run(seconds(60), () => {
    clients.pump(world.now);
    servers.pump(world.now);
    return all.every(({ events }) => events.includes("ended"));
  });
  const received = servers.all.map((app) => app.bytes()).sort((a, b) => a.length - b.length);
  expect(received).toHaveLength(1_000);
  expect(received.every((bytes, i) => equalBytes(bytes, contents[i]!))).toBe(true);
  world.run(seconds(61));
  expect(world.stacks.map(({ tcp }) => tcp.size)).toEqual([0, 0]);
});

test("a host to itself", () => {
  const world = new World([{ addresses: ["10.77.0.1/24"] }]);
  const apps = new Apps(world.stacks[0]!);
  apps.serve(80, sink);
  const content = bytesOf(500_000);
  const client = apps.connect(ip("127.0.0.1"), 80, source(content), world.now);
  world.run(seconds(10), () => {
    apps.pump(world.now);
    return client.events.includes("ended");
  });
  expect(equalBytes(apps.all[1]!.bytes(), content)).toBe(true);
});

test("keep-alive: a peer that vanished is noticed; one that answers is not disturbed", () => {
  const world = new World([{ addresses: ["10.77.0.1/24"] }, { addresses: ["10.77.0.2/24"] }]);
  const [clients, servers] = world.stacks.map((stack) => new Apps(stack)) as [Apps, Apps];
  servers.serve(80, () => {});
  const client = clients.connect(SERVER, 80, () => {}, world.now, { keepAlive: true });
  const pump = () => {
    clients.pump(world.now);
    servers.pump(world.now);
    return false;
  };
  world.run(seconds(3 * 7_200), pump);
  expect(client.connection.state).toBe("ESTABLISHED");
  world.devices[1]!.close();
  world.run(seconds(7_200 + 10 * 75), pump);
  expect(client.connection.closeReason).toEqual({ code: "ETIMEDOUT" });
});
