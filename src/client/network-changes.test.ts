// Changes of the network under a client with real sockets: each comes while a host is being looked up, raced or used.
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { ALL_SEEDS } from "../../test/properties/seeds.ts";
import { SeededRng } from "../base/rng.ts";
import { serve } from "../edge/serve.ts";
import { testCertificate } from "../host/client/testing/servers.ts";
import { nameServer } from "../host/dns/testing/name-server.ts";
import { createClient } from "./index.ts";

const CHANGES = ALL_SEEDS ? 1_000 : 100;
/** Requests at a time. */
const AT_ONCE = 10;

/** Sockets and timers of this process. */
const counted = (): Readonly<Record<string, number>> => {
  const counts: Record<string, number> = {};
  for (const each of process.getActiveResourcesInfo()) {
    if (/Timeout|TCPSocketWrap|TLSWrap|UDPWrap|UDP|GetAddrInfo/.test(each)) counts[each] = (counts[each] ?? 0) + 1;
  }
  return counts;
};
const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((a, b) => a + b, 0);

test(`${CHANGES} changes of the network, with real sockets, leave no timer and no socket`, async () => {
  const { issued, authority } = testCertificate();
  await using server = await serve(
    { port: 0, host: "127.0.0.1", ...issued, log: () => {} },
    () => new Response("hello"),
  );
  // Takes datagrams, and never answers: an attempt over QUIC to it goes on until it is given up.
  const silent = createSocket("udp4").bind(0, "127.0.0.1");
  await once(silent, "listening");
  const names = await nameServer(
    [`_${server.port}._https.localhost. 60 HTTPS 1 localhost. alpn=h3,h2 port=${silent.address().port}`],
    { delay: (query) => (query.id % 3) * 2 },
  );
  try {
    const before = counted();
    const rng = new SeededRng(7);
    let most = 0;
    let answered = 0;
    for (let done = 0; done < CHANGES; done += AT_ONCE) {
      const client = createClient({
        ca: authority.ca,
        connectTimeout: 600_000,
        protocols: done % 20 === 0 ? ["h3", "h2"] : ["h2", "h3"],
        happyEyeballs: { httpsRecords: [`127.0.0.1:${names.udp.port}`] },
      });
      const requests = Array.from({ length: AT_ONCE }, async () => {
        const controller = new AbortController();
        const response = client.fetch(`https://localhost:${server.port}/`, { signal: controller.signal }).then(
          (found) => found.text(),
          (error: unknown) => error,
        );
        for (let turn = rng.uint32() % 12; turn > 0; turn -= 1) await nextTurn();
        client.networkChanged();
        controller.abort(new Error("the network has changed"));
        if ((await response) === "hello") answered += 1;
      });
      await Promise.all(requests);
      most = Math.max(most, sum(counted()) - sum(before));
      await client.destroy();
    }
    // Closing takes a moment. What connecting may take is longer than the test waits.
    await expect.poll(counted, { timeout: 15_000, interval: 10 }).toEqual(before);
    // A request has one socket for each transport and one for its question, and few timers.
    expect(most).toBeLessThan(AT_ONCE * 10);
    expect(answered).toBeLessThan(CHANGES);
  } finally {
    await names[Symbol.asyncDispose]();
    silent.close();
  }
});
