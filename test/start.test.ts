// The program that `npm start` runs: the demo page's requests, over each protocol.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type App, createApp } from "../examples/start/app.ts";
import { browserCommand, findChromium, hasDisplay } from "../examples/start/browser.ts";
import { whenOrphaned } from "../examples/start/parent.ts";
import { type Client, createClient } from "../src/client/index.ts";
import { WebTransport } from "../src/client/webtransport/index.ts";
import { type DevelopmentIdentity, developmentIdentity, type Server, serve } from "../src/edge/index.ts";

const PROTOCOLS = ["h3", "h2", "http/1.1"] as const;

let identity: DevelopmentIdentity;
let own: Client;
let server: Server;
let app: App;
const stopping = new AbortController();

beforeAll(async () => {
  identity = await developmentIdentity();
  own = createClient({ protocols: ["h3"], ca: identity.cert });
  app = createApp({ client: own, ca: identity.cert, certificate: identity.sha256, stopping: stopping.signal });
  server = await serve({ port: 0, host: "localhost", tls: identity }, app.handler);
  app.started({ url: server.url.href, browser: "chromium --flag" });
});

afterAll(async () => {
  stopping.abort();
  await own.close();
  await server.close({ timeout: 0 });
});

/** Yields the events of a stream as they arrive. */
async function* eventsOf(response: Response): AsyncGenerator<{ readonly name: string; readonly data: unknown }> {
  let text = "";
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const [, name, data] = /^event: (\w+)\ndata: (.*)$/s.exec(text.slice(0, end))!;
      text = text.slice(end + 2);
      yield { name: name!, data: JSON.parse(data!) };
    }
  }
}

describe.each(PROTOCOLS)("over %s", (protocol) => {
  let client: Client;
  beforeAll(() => {
    client = createClient({ protocols: [protocol], ca: identity.cert });
  });
  afterAll(() => client.destroy());

  const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
    client.fetch(new URL(path, server.url), { headers });

  test("the page contains its protocol before any script has run", async () => {
    const response = await get("/");
    expect(await response.text()).toContain(`<html lang="en" data-protocol="${protocol}">`);
    expect(response.headers.get("content-security-policy")).toContain("default-src 'self'");
    expect(response.headers.get("cache-control")).toBe("no-store");
  });

  test("the page's files are served", async () => {
    for (const [path, type] of [
      ["/style.css", "text/css"],
      ["/site.js", "text/javascript"],
      ["/icon.svg", "image/svg+xml"],
    ] as const) {
      const response = await get(path);
      expect([response.status, response.headers.get("content-type")]).toEqual([200, expect.stringContaining(type)]);
      await response.arrayBuffer();
    }
  });

  test("connection facts: statistics over QUIC, none over TCP", async () => {
    const facts = (await (await get("/api/connection")).json()) as Record<string, unknown>;
    expect(facts).toMatchObject({ protocol, browser: "chromium --flag" });
    if (protocol === "h3") expect(facts.stats).toMatchObject({ group: expect.any(String), rtt: expect.any(Number) });
    else expect(facts.stats).toBeNull();
  });

  test("live statistics of this connection, or of our own client's", async () => {
    const response = await get("/api/live");
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    for await (const { data } of eventsOf(response)) {
      expect(data).toMatchObject({ whose: protocol === "h3" ? "page" : "client", packetsSent: expect.any(Number) });
      expect((data as { bytesSent: number }).bytesSent).toBeGreaterThan(0);
      break;
    }
  });

  test("downloads are reproducible, and unknown ones are refused", async () => {
    const first = new Uint8Array(await (await get("/download/small/99")).arrayBuffer());
    expect(first).toHaveLength(20_000);
    expect(new Uint8Array(await (await get("/download/small/99")).arrayBuffer())).toEqual(first);
    for (const path of ["/download/small/100", "/download/small/-1", "/download/", "/download/large/0"]) {
      expect((await get(path)).status, path).toBe(404);
    }
  });

  test("another site's page may not read the statistics", async () => {
    const response = await get("/api/connection", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" });
    expect(response.status).toBe(403);
    expect((await get("/", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" })).status).toBe(200);
  });
});

test("a WebTransport session brings datagrams and streams back", async () => {
  const { certificate } = (await (await own.fetch(new URL("/api/connection", server.url))).json()) as {
    certificate: string;
  };
  const session = new WebTransport(new URL("/session", server.url), {
    client: { protocols: ["h3"] },
    serverCertificateHashes: [{ algorithm: "sha-256", value: Buffer.from(certificate, "base64") }],
  });
  await session.ready;
  const datagrams = session.datagrams.writable.getWriter();
  await datagrams.write(new Uint8Array([1, 2]));
  expect((await session.datagrams.readable.getReader().read()).value).toEqual(new Uint8Array([1, 2]));
  const sent = (await session.createUnidirectionalStream()).getWriter();
  void sent.write(new TextEncoder().encode("there and back")).then(() => sent.close());
  const { value: stream } = await session.incomingUnidirectionalStreams.getReader().read();
  expect(await new Response(stream).text()).toBe("there and back");
  for await (const { data } of eventsOf(await own.fetch(new URL("/api/sessions", server.url)))) {
    expect(data).toMatchObject([
      { role: "server", url: "/session", carrier: "h3", state: "open", streams: { incoming: 1, outgoing: 1 } },
    ]);
    break;
  }
  session.close();
});

test("streams end when the program is stopped", async () => {
  const stop = new AbortController();
  const other = createApp({ client: own, ca: identity.cert, certificate: identity.sha256, stopping: stop.signal });
  await using ending = await serve({ port: 0, host: "localhost", tls: identity }, other.handler);
  await using client = createClient({ protocols: ["h3"], ca: identity.cert });
  const names: string[] = [];
  for await (const { name } of eventsOf(await client.fetch(new URL("/api/live", ending.url)))) {
    names.push(name);
    stop.abort();
  }
  expect(names).toEqual(["message", "done"]);
});

test("the browser command can be pasted into a shell", () => {
  const command = browserCommand("/opt/a b/chrome", ["--flag=1"], "https://localhost:4433/");
  expect(command).toMatch(
    /^"\/opt\/a b\/chrome" --user-data-dir="\$\(mktemp -d\)" .*--flag=1 https:\/\/localhost:4433\/$/,
  );
  expect(browserCommand(undefined, [], "https://localhost/")).toMatch(/^chromium /);
});

test("findChromium returns undefined if there is no browser", () => {
  if (process.platform === "linux") expect(findChromium({ PATH: "/nowhere" })).toBeUndefined();
  expect(findChromium({ PATH: "" })).not.toBe("chromium");
});

test("a display is an X or Wayland server, on Linux", () => {
  expect(hasDisplay({ DISPLAY: ":0" })).toBe(true);
  expect(hasDisplay({ WAYLAND_DISPLAY: "wayland-0" })).toBe(true);
  expect(hasDisplay({ DISPLAY: "" })).toBe(process.platform !== "linux");
});

test("the program stops once the process that started it has ended", async () => {
  let ancestors = "100 99 98";
  const orphaned = new Promise<void>((resolve) => whenOrphaned(resolve, () => ancestors));
  ancestors = "100 99 1";
  await orphaned;
});
