/**
 * Random networks with random traffic, in virtual time: nothing may fail, stall or leave a timer behind. A failing run
 * names its seed, which reproduces it bit for bit.
 *
 * NAGARE_SEEDS=a,b,c runs only those seeds.
 */

import { describe, expect, test } from "vitest";
import { SeededRng } from "../../../src/base/rng.ts";
import { type Instant, seconds } from "../../../src/base/time.ts";
import { portableEngine } from "../../../src/crypto/portable/index.ts";
import { host, SimulatedNetwork } from "../../../src/sim/index.ts";
import { ed25519Identity } from "../../../src/tls/testing/identity.ts";
import { seedsOf } from "../../properties/seeds.ts";
import { DONE, EchoClient, EchoServer } from "./workload.ts";
import { Choices, clientAddress, otherAddress, randomWorld, SERVER } from "./world.ts";

const seeds = seedsOf({ all: 200, some: 50 });

/** Longer than any idle timeout after the last packet. */
const LIMIT = seconds(900);

function run(seed: number): { digest: string; early: number } {
  const rng = new SeededRng(seed);
  const choose = new Choices(new SeededRng(seed ^ 0x70b0));
  const world = randomWorld(choose);
  const server = new EchoServer(choose, portableEngine, rng, ed25519Identity());
  const clients = Array.from(
    { length: world.clients },
    (_, n) => new EchoClient(n, choose, portableEngine, rng, world.settled.has(n)),
  );
  const network = new SimulatedNetwork({
    seed,
    network: world.graph([
      host({
        name: "server",
        address: SERVER,
        machine: server.endpoint,
        onEvent: (event) => server.handle(event),
      }),
      ...clients.map((client, n) =>
        host({
          name: `client ${n}`,
          address: clientAddress(n),
          otherAddresses: [{ address: otherAddress(n) }],
          machine: client.endpoint,
          onEvent: (event, now) => client.handle(event, now),
        }),
      ),
    ]),
  });
  for (const { client, at, to } of world.moves) {
    network.at(at, () => network.changeAddress(`client ${client}`, clientAddress(client), to));
  }
  for (const { client, at, to } of world.migrations) {
    network.at(at, () => clients[client]!.connection.migrate(to, SERVER, network.now));
  }
  for (const client of clients) {
    const { keyUpdates, abruptEnd, starts } = client;
    for (const time of starts) network.at(time, () => client.start(network.now));
    for (const time of keyUpdates) network.at(time as number as Instant, () => client.connection.updateKeys());
    if (abruptEnd !== undefined)
      network.at(abruptEnd as number as Instant, () => client.connection.close(DONE, "abrupt"));
  }
  network.run({ until: () => clients.every(({ closed }) => closed !== undefined), maxVirtualTime: LIMIT });
  for (const { closed } of clients) expect(closed).toMatchObject({ type: "local", code: DONE });
  // All timers run out: closing lasts for a while, and a server that never heard of the end waits for its idle timeout.
  expect(network.run({ maxVirtualTime: LIMIT }).reason).toBe("idle");
  for (const endpoint of [server.endpoint, ...clients.map((client) => client.endpoint)]) {
    expect(endpoint.nextTimeout()).toBeUndefined();
  }
  expect(server.closed).toHaveLength(server.accepted);
  for (const reason of server.closed) expect(["peer", "idle-timeout", "handshake-timeout"]).toContain(reason.type);
  return { digest: network.digest, early: clients.reduce((sum, { earlyAccepted }) => sum + earlyAccepted, 0) };
}

describe("random networks", () => {
  let early = 0;
  test.each(seeds)("seed %i", (seed) => {
    early += run(seed).early;
  });

  test.runIf(seeds.length >= 50)("some of them sent early data", () => {
    expect(early).toBeGreaterThan(10);
  });

  test("the same seed gives the same run, bit for bit", () => {
    for (const seed of [3, 44, 121]) expect(run(seed)).toEqual(run(seed));
  });
});
