// Happy Eyeballs in the client, with servers, name servers and attempts of our own.
import { afterEach, describe, expect, test } from "vitest";
import { DEFAULT_RESOLUTION_DELAY, type Endpoint, NetworkHistory } from "../agent/index.ts";
import { millis } from "../base/time.ts";
import { type ServeOptions, serve } from "../edge/serve.ts";
import { AddressSource } from "../host/client/addresses.ts";
import { race } from "../host/client/race.ts";
import { testCertificate } from "../host/client/testing/servers.ts";
import { systemClock } from "../host/clock.ts";
import { nameServer } from "../host/dns/testing/name-server.ts";
import { freePort } from "../host/udp/free-port.ts";
import { type Client, type ClientOptions, createClient } from "./index.ts";

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function up(options: ServeOptions = {}): Promise<number> {
  const { issued } = testCertificate();
  const server = await serve(
    { port: 0, host: "127.0.0.1", ...issued, log: () => {}, ...options },
    (_request, { protocol }) => {
      return new Response(protocol);
    },
  );
  closing.push(() => server.close({ timeout: 0 }));
  return server.port;
}

function openClient(options: ClientOptions): Client {
  const client = createClient({ ca: testCertificate().authority.ca, ...options });
  closing.push(() => client.destroy());
  return client;
}

/** A client that asks a name server for the HTTPS records of `https://localhost:port`. */
async function withRecord(port: number, record: string, options: ClientOptions = {}): Promise<Client> {
  const server = await nameServer(record === "" ? [] : [`_${port}._https.localhost. 60 HTTPS ${record}`]);
  closing.push(async () => server[Symbol.asyncDispose]());
  return openClient({
    happyEyeballs: { httpsRecords: [`127.0.0.1:${server.udp.port}`], resolutionDelay: 20_000 },
    ...options,
  });
}

describe("HTTPS records", () => {
  test.each(["h3", "h2"] as const)("send %s to another port", async (protocol) => {
    const real = await up();
    const nothing = await freePort();
    const client = await withRecord(nothing, `1 localhost. alpn=h3,h2 port=${real}`, { protocols: [protocol] });
    const response = await client.fetch(`https://localhost:${nothing}/`);
    expect(await response.text()).toBe(protocol);
    const { remotePort, decisions } = client.facts(response)!;
    expect(remotePort).toBe(real);
    expect(decisions.map(({ event }) => event.type)).toEqual(
      expect.arrayContaining(["race:query_sent", "race:answer", "race:attempt_started", "race:ended"]),
    );
  });

  test.each([
    ["no record", ""],
    ["a record for others", "1 localhost. alpn=h2 key667=x mandatory=key667"],
    ["a port where nothing listens", "1 localhost. alpn=h2 port=1"],
    ["a service that does not exist", "0 ."],
  ])("%s does not keep the client from the origin", async (_what, record) => {
    const port = await up();
    const client = await withRecord(port, record, { protocols: ["h2"] });
    expect(await (await client.fetch(`https://localhost:${port}/`)).text()).toBe("h2");
  });

  test("a record without h3 keeps HTTP/3 from being tried", async () => {
    const port = await up();
    const client = await withRecord(port, "1 localhost. alpn=h2");
    const response = await client.fetch(`https://localhost:${port}/`);
    expect(await response.text()).toBe("h2");
    const tried = client
      .facts(response)!
      .decisions.flatMap(({ event }) => (event.type === "race:attempt_started" ? [event.endpoint.transport] : []));
    expect(new Set(tried)).toEqual(new Set(["tcp"]));
  });

  test("name servers that are none are refused", () => {
    expect(() => openClient({ happyEyeballs: { httpsRecords: ["localhost"] } })).toThrow("not a name server");
    expect(() => openClient({ happyEyeballs: { attemptDelay: -1 } })).toThrow("happyEyeballs.attemptDelay");
    expect(() => openClient({ happyEyeballs: { version: 1 as never } })).toThrow("no version 1");
  });
});

describe("addresses", () => {
  test.each(["h2", "h3"] as const)("%s: one that refuses costs nothing, and the trace shows it", async (protocol) => {
    const port = await up();
    const resolve = (): string[] => ["127.0.0.99", "127.0.0.1"];
    const client = openClient({ protocols: [protocol], resolve, happyEyeballs: { attemptDelay: 20_000 } });
    const response = await client.fetch(`https://localhost:${port}/`);
    expect(await response.text()).toBe(protocol);
    const events = client.facts(response)!.decisions.map(({ event }) => event);
    expect(events).toContainEqual(expect.objectContaining({ type: "race:attempt_ended", attempt: 0, how: "failed" }));
    expect(events).toContainEqual(
      expect.objectContaining({ type: "race:attempt_started", attempt: 1, why: "failure" }),
    );
    // A reused connection was not raced for.
    const again = await client.fetch(`https://localhost:${port}/`);
    await again.text();
    expect(client.facts(again)!.decisions).toEqual([]);
  });

  test("if all fail, the error lists them", async () => {
    const port = await freePort();
    const client = openClient({ protocols: ["h2"], resolve: () => ["::1", "127.0.0.1"], happyEyeballs: true });
    const error = await client.fetch(`https://localhost:${port}/`).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "CONNECTION_REFUSED", cause: { errors: { length: 2 } } });
    const { message } = error as Error;
    expect(message).toContain(`::1 port ${port} over TCP, after`);
    expect(message).toContain(`127.0.0.1 port ${port} over TCP, after`);
  });

  test("a name without addresses, and an impostor's certificate", async () => {
    const none = openClient({ protocols: ["h2"], resolve: () => [], happyEyeballs: true });
    await expect(none.fetch("https://nowhere.test/")).rejects.toMatchObject({ code: "NAME_NOT_FOUND" });
    const port = await up();
    const resolve = (): string[] => ["127.0.0.1", "127.0.0.2"];
    const client = openClient({ protocols: ["h2"], resolve, happyEyeballs: true });
    await expect(client.fetch(`https://other.test:${port}/`)).rejects.toMatchObject({
      code: expect.stringContaining("CERTIFICATE_"),
    });
  });
});

describe("a race", () => {
  const settings = {
    version: 3,
    resolutionDelay: DEFAULT_RESOLUTION_DELAY,
    attemptDelay: millis(10),
    records: undefined,
    history: new NetworkHistory(),
    addresses: new AddressSource(undefined),
  } as const;
  const aborted: string[] = [];
  const options = (attempt: (endpoint: Endpoint, signal: AbortSignal) => Promise<string>, signal: AbortSignal) => ({
    settings,
    host: "a.test",
    port: 443,
    transports: ["tcp"] as const,
    alpn: ["h2"],
    resolve: () => ["2001:db8::1", "192.0.2.1"],
    signal,
    clock: systemClock,
    attempt,
    discard: (late: string) => void aborted.push(`discarded ${late}`),
    onDecision: () => {},
  });
  const silent = (signal: AbortSignal): Promise<string> =>
    new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => {
        aborted.push("silent");
        reject(signal.reason);
      });
    });

  test("leaves a dead family behind, and aborts its attempt", async () => {
    const attempt = ({ family, address }: Endpoint, signal: AbortSignal): Promise<string> =>
      family === 6 ? silent(signal) : Promise.resolve(address);
    expect(await race(options(attempt, new AbortController().signal))).toBe("192.0.2.1");
    expect(aborted.splice(0)).toEqual(["silent"]);
  });

  test("is aborted by the caller: all attempts end, and one that succeeds nevertheless is discarded", async () => {
    const controller = new AbortController();
    let late = (_text: string): void => {};
    const attempt = ({ family }: Endpoint, signal: AbortSignal): Promise<string> => {
      if (family === 6) return silent(signal);
      controller.abort(new Error("enough"));
      return new Promise((resolve) => (late = resolve));
    };
    await expect(race(options(attempt, controller.signal))).rejects.toThrow("enough");
    late("late");
    await new Promise((resolve) => setImmediate(resolve));
    expect(aborted.splice(0)).toEqual(["silent", "discarded late"]);
    await expect(race(options(attempt, controller.signal))).rejects.toThrow("enough");
  });
});
