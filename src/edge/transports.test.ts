/** A server knows a transport only as a `Transport`: one in memory serves in place of our QUIC. */
import { expect, test } from "vitest";
import { createClient } from "../client/index.ts";
import { loadIdentity } from "../host/certificates/identity.ts";
import { makeCertificate } from "../host/certificates/testing/make-certificate.ts";
import { createFetchHandler } from "../host/http/fetch-handler.ts";
import type { BoundAddress, Listener, ListenerOptions } from "../host/http/listener.ts";
import { FakeExchange } from "../host/http/testing/fake-exchange.ts";
import { startServer } from "./server.ts";
import { TRANSPORTS, type Transport } from "./transports.ts";

/** HTTP/3 without a network: `request` is what a client would send. */
class MemoryListener implements Listener {
  readonly protocols = ["h3"] as const;
  readonly calls: string[] = [];
  readonly #options: ListenerOptions;
  identities: ListenerOptions["identities"];

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.identities = options.identities;
  }

  request(path: string): FakeExchange {
    const exchange = new FakeExchange();
    exchange.path = path;
    exchange.body.finish();
    this.#options.onExchange(exchange);
    return exchange;
  }

  async listen(port: number, host: string): Promise<BoundAddress> {
    this.calls.push(`listen ${host}`);
    return { transport: "udp", address: host, family: "IPv4", port };
  }
  async close(timeout: number): Promise<void> {
    this.calls.push(`close ${timeout}`);
  }
  setIdentities(identities: ListenerOptions["identities"]): void {
    this.identities = identities;
  }
  ref(): void {
    this.calls.push("ref");
  }
  unref(): void {
    this.calls.push("unref");
  }
}

test("another implementation of HTTP/3 serves beside TCP, with the same handler, certificates and closing", async () => {
  const [before, after] = ["a.test", "localhost"].map((name) => makeCertificate({ names: [name] }));
  let listener: MemoryListener | undefined;
  const lines: string[] = [];
  const memory: Transport = {
    transport: "udp",
    load: async () => (options) => {
      listener = new MemoryListener(options);
      return listener;
    },
  };
  const service = createFetchHandler(
    (request, { protocol }) => new Response(`${new URL(request.url).pathname} over ${protocol}`),
  );
  const tcp = TRANSPORTS.filter(({ transport }) => transport === "tcp");
  const server = await startServer(
    {
      port: 0,
      host: "127.0.0.1",
      identities: [loadIdentity(before!)],
      transports: [...tcp, memory],
      log: (line) => lines.push(line),
    },
    service,
  );
  expect(server.protocols).toEqual(["h3", "h2", "http/1.1"]);
  expect(server.addresses.map(({ transport }) => transport)).toEqual(["tcp", "udp"]);
  expect(new Set(server.addresses.map(({ port }) => port)).size).toBe(1);

  const exchange = listener!.request("/memory");
  await exchange.over;
  expect([exchange.status, exchange.content]).toEqual([200, "/memory over h3"]);

  expect(listener!.identities[0].names).toEqual(["a.test"]);
  await server.reload({ tls: after! });
  expect(listener!.identities[0].names).toEqual(["localhost"]);

  // TCP advertises it.
  const client = createClient({ protocols: ["h2"], ca: after!.cert, resolve: () => ["127.0.0.1"] });
  const response = await client.fetch(`https://localhost:${server.port}/tcp`);
  expect(await response.text()).toBe("/tcp over h2");
  expect(response.headers.get("alt-svc")).toBe(`h3=":${server.port}"; ma=3600`);
  await client.destroy();

  server.unref().ref();
  await server.close({ timeout: 5 });
  expect(lines).toEqual([expect.stringContaining("new certificate for localhost")]);
  expect(listener!.calls).toEqual(["listen 127.0.0.1", "unref", "ref", "close 5"]);
});
