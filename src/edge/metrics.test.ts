/** Counting by options: what a server and a client count of the same connection. */

import { expect, test } from "vitest";
import { createClient } from "../client/index.ts";
import { localhostIdentity } from "../host/http/testing/identities.ts";
import { QuicMetrics } from "../host/metrics/quic-metrics.ts";
import { systemEnvironmentWith } from "../host/quic/environment.ts";
import { ConnectionId } from "../quic/packet/index.ts";
import { serve } from "./serve.ts";

test("a server and a client count their connections over HTTP/3", async () => {
  const metrics = { server: new QuicMetrics(), client: new QuicMetrics() };
  const server = await serve(
    { port: 0, host: "127.0.0.1", tls: localhostIdentity, metrics: metrics.server },
    () => new Response("x".repeat(100_000)),
  );
  const resolve = () => ["127.0.0.1"];
  const client = createClient({ protocols: ["h3"], ca: localhostIdentity.cert, resolve, metrics: metrics.client });
  await (await client.fetch(`https://localhost:${server.port}/`)).text();
  await client.close();
  await server.close();
  for (const role of ["server", "client"] as const) {
    const text = metrics[role].text();
    expect(text).toContain(`nagare_quic_handshakes_total{role="${role}",kind="full"} 1\n`);
    expect(text).toContain(`nagare_quic_connections{role="${role}"} 0\n`);
    const bytes = /^nagare_quic_(?:sent|received)_bytes_total\{.+\} (\d{6,})$/m;
    expect(Number(bytes.exec(text)?.[1])).toBeGreaterThan(100_000);
  }
});

test("without the option, nothing listens to connections and endpoints", () => {
  const trace = systemEnvironmentWith("auto").trace!;
  expect(trace(ConnectionId.from(new Uint8Array(8)), "server")).toBeUndefined();
  expect(trace.endpoint).toBeUndefined();
});
