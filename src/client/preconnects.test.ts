// Connections before the first request: by links of responses and of 103, by hints in DNS, and by hand.
import { afterEach, describe, expect, test, vi } from "vitest";
import { serve } from "../edge/serve.ts";
import { testCertificate } from "../host/client/testing/servers.ts";
import { type HostClock, systemClock } from "../host/clock.ts";
import { nameServer } from "../host/dns/testing/name-server.ts";
import type { Handler } from "../host/http/fetch-handler.ts";
import { Client, type ClientOptions } from "./index.ts";

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const { authority, issued } = testCertificate();

async function up(handler: Handler, given = issued): Promise<number> {
  const server = await serve({ port: 0, host: "127.0.0.1", ...given, log: () => {} }, handler);
  closing.push(() => server.close({ timeout: 0 }));
  return server.port;
}

function open(options: ClientOptions, clock?: HostClock): Client {
  const client = new Client({ ca: authority.ca, preconnect: true, connectTimeout: 20_000, ...options }, clock);
  closing.push(() => client.destroy());
  return client;
}

const wait = { timeout: 20_000 };
const unused = (client: Client): number[] =>
  client.connections().flatMap(({ remotePort, stats }) => (stats.requests === 0 ? [remotePort] : []));

describe.each(["h3", "h2", "http/1.1"] as const)("over %s", (protocol) => {
  test.each(["a response", "103"])("a link of %s opens a connection, which the next request uses", async (from) => {
    const other = await up(() => new Response("other"));
    const link = `<https://localhost:${other}/x>; rel=preconnect, <https://localhost:1>; rel=preload`;
    const port = await up((_request, context) => {
      if (from === "103") context.inform(103, { link });
      return new Response("page", { headers: from === "103" ? {} : { link } });
    });
    const client = open({ protocols: [protocol] });
    await (await client.fetch(`https://localhost:${port}/`)).text();
    await vi.waitFor(() => expect(unused(client)).toEqual([other]), wait);
    const response = await client.fetch(`https://localhost:${other}/`);
    expect([await response.text(), client.facts(response)!.reused]).toEqual(["other", false]);
    expect([client.connections().length, unused(client)]).toEqual([2, []]);
  });
});

test("without the option nothing is opened, and by hand it is", async () => {
  const other = await up(() => new Response("other"));
  const headers = { link: `<https://localhost:${other}>; rel=preconnect` };
  const port = await up(() => new Response("page", { headers }));
  const client = open({ preconnect: false, protocols: ["h2"] });
  await (await client.fetch(`https://localhost:${port}/`)).text();
  await (await client.fetch(`https://localhost:${port}/`)).text();
  expect(client.connections()).toHaveLength(1);
  client.preconnect(`https://localhost:${other}/`);
  await vi.waitFor(() => expect(unused(client)).toEqual([other]), wait);
  expect(() => client.preconnect("ftp://localhost/")).toThrow("not supported");
});

test("a connection without a request is closed after ten seconds", async () => {
  const timers: (() => void)[] = [];
  const clock: HostClock = {
    ...systemClock,
    startTimer(callback, milliseconds) {
      if (milliseconds === 10_000) timers.push(callback);
      return systemClock.startTimer(callback, milliseconds);
    },
  };
  const port = await up(() => new Response());
  const client = open({ protocols: ["h2"] }, clock);
  client.preconnect(`https://localhost:${port}/`);
  await vi.waitFor(() => expect(unused(client)).toHaveLength(1), wait);
  for (const fire of timers) fire();
  await vi.waitFor(() => expect(client.connections()).toEqual([]), wait);
});

test("a preconnectHint opens connections to the public hosts that it names, and their hints are not followed", async () => {
  const port = await up(() => new Response("page"), authority.issue({ names: ["www.example"] }));
  const records = [
    `_${port}._https.www.example. 60 HTTPS 1 www.example. alpn=h2 preconnectHint=cdn.example,printer.local`,
    "cdn.example. 60 HTTPS 1 . alpn=h2 preconnectHint=third.example",
  ];
  const server = await nameServer(records);
  closing.push(async () => server[Symbol.asyncDispose]());
  const asked: string[] = [];
  const resolve = (host: string, at: number): string[] => {
    asked.push(`${host} ${at}`);
    return host === "www.example" ? ["127.0.0.1"] : [];
  };
  const happyEyeballs = { httpsRecords: [`127.0.0.1:${server.udp.port}`], resolutionDelay: 20_000 };
  const client = open({ protocols: ["h2"], resolve, happyEyeballs });
  expect(await (await client.fetch(`https://www.example:${port}/`)).text()).toBe("page");
  await vi.waitFor(() => expect(asked).toContain("cdn.example 443"), wait);
  await expect(client.fetch("https://cdn.example/")).rejects.toMatchObject({ code: "NAME_NOT_FOUND" });
  expect(new Set(asked)).toEqual(new Set([`www.example ${port}`, "cdn.example 443"]));
});
