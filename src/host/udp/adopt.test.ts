/** Sockets that another program has opened, on every engine. */

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { expect, test } from "vitest";
import { Ecn } from "../../base/datagrams.ts";
import { fastEngine } from "../engine/engine.ts";
import { portableUdp } from "./portable-engine.ts";
import type { UdpEngine } from "./udp-socket.ts";

const fast = await fastEngine();
const groups = "udp" in fast ? fast.udp.groups : undefined;
const engines: readonly UdpEngine[] = "udp" in fast ? [portableUdp, fast.udp] : [portableUdp];

test.runIf(groups !== undefined).each(engines)("$name receives and answers on a socket of others", async (engine) => {
  // A group opens sockets and never reads them.
  const { descriptors, address } = groups!.open({ family: 4, host: "127.0.0.1", port: 0 }, 1, undefined);
  const adopted = await engine.adopt(descriptors[0]!, 4);
  expect(adopted.address).toEqual(address);
  adopted.onBatch = (batch) => {
    adopted.slots.arena.set([1, 2, 3, 4]);
    const train = { local: undefined, remote: batch.remote[0]!, ecn: Ecn.notEct, segmentSize: 4, count: 1, length: 4 };
    adopted.send(train as never);
  };
  const client = createSocket("udp4");
  const answered = once(client, "message");
  client.send("hello", address.port, "127.0.0.1");
  expect([...((await answered)[0] as Buffer)]).toEqual([1, 2, 3, 4]);
  client.close();
  await adopted.close();
});
