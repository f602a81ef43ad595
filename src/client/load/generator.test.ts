// The load generator against our own server: what it sends, and what it counts when the server is slow, fails or goes away.
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { millis, seconds } from "../../base/time.ts";
import { serve } from "../../edge/serve.ts";
import type { Server } from "../../edge/server.ts";
import type { Authority, Issued } from "../../host/client/testing/certificates.ts";
import { testCertificate } from "../../host/client/testing/servers.ts";
import type { Handler } from "../../host/http/fetch-handler.ts";
import type { Protocol } from "../index.ts";
import { LoadGenerator, type LoadOptions, type LoadReport } from "./index.ts";

let authority: Authority;
let issued: Issued;
const closing: (() => Promise<unknown>)[] = [];

beforeAll(() => {
  ({ authority, issued } = testCertificate());
});

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function up(handler: Handler, port = 0): Promise<Server> {
  const server = await serve({ port, host: "127.0.0.1", ...issued, log: () => {} }, handler);
  closing.push(() => server.close({ timeout: 0 }));
  return server;
}

const PLAN = { method: "GET", fields: [], protocol: "h3", connections: 2, streams: 3, timeout: seconds(20) } as const;

function generator({ url }: Pick<Server, "url">, options: Partial<LoadOptions>): LoadGenerator {
  return new LoadGenerator({ ...PLAN, url, client: { ca: authority.ca }, ...options });
}

const totals = ({ started, completed, failed, unfinished, unsent }: LoadReport) => ({
  ...{ started, completed, failed, unfinished, unsent },
});

const NONE = { failed: 0, unfinished: 0, unsent: 0 };

/** A response that does not come before it is let go. */
function held() {
  let release!: () => void;
  const wait = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { wait, release };
}

describe.each<Protocol>(["h3", "h2", "http/1.1"])("over %s", (protocol) => {
  test("sends each request once, over the given number of connections, and counts the content", async () => {
    const ports = new Set<number>();
    const bodies: number[] = [];
    const server = await up(async (request, context) => {
      ports.add(context.remoteAddress.port);
      expect([request.method, context.protocol, request.headers.get("x-one")]).toEqual(["POST", protocol, "1"]);
      bodies.push((await request.arrayBuffer()).byteLength);
      return new Response("x".repeat(1_000), { status: 201 });
    });
    const report = await generator(server, {
      protocol,
      count: 50,
      method: "POST",
      fields: [["x-one", "1"]],
      content: new Uint8Array(700),
      streams: protocol === "http/1.1" ? 1 : 3,
    }).run();
    expect(totals(report)).toEqual({ started: 50, completed: 50, ...NONE });
    expect([...report.statuses]).toEqual([[201, 50]]);
    expect([report.received, report.sent, report.opened, ports.size]).toEqual([50_000, 35_000, 2, 2]);
    expect(bodies).toEqual(new Array(50).fill(700));
    expect([report.latency.count, report.connecting.count]).toEqual([50, 2]);
    expect(report.errors).toEqual([]);
  });
});

test("an open loop counts the time that a request waits while the server stalls", async () => {
  const { wait, release } = held();
  let requests = 0;
  const server = await up(async () => {
    requests += 1;
    if (requests === 1) await wait;
    return new Response("ok");
  });
  // One request at a time: while the first one is held, the others fall due.
  const load = generator(server, {
    ...{ connections: 1, streams: 1, rate: 1_000, count: 50 },
    onProgress: ({ backlog }) => {
      if (backlog === 49) release();
    },
  });
  const report = await load.run();
  expect(totals(report)).toEqual({ started: 50, completed: 50, ...NONE });
  // Each waited from when it was due, not only from when it was sent.
  expect(report.latency.percentile(0.5)).toBeGreaterThan(report.service.percentile(0.5));
  // The first one was due 49 ms before the last one.
  expect(report.latency.max).toBeGreaterThanOrEqual(millis(49));
});

test("what was due and never sent is counted, with the time that it waited", async () => {
  const { wait, release } = held();
  const server = await up(async () => {
    await wait;
    return new Response("ok");
  });
  const load = generator(server, {
    ...{ connections: 1, streams: 1, rate: 100, duration: millis(200) },
    onProgress: ({ elapsed }) => {
      if (elapsed > millis(250)) release();
    },
  });
  const report = await load.run();
  expect(totals(report)).toEqual({ started: 1, completed: 1, ...NONE, unsent: 19 });
  expect(report.latency.count).toBe(20);
  // Due at 190 ms at the latest, and the run took 250 ms.
  expect(report.latency.min).toBeGreaterThanOrEqual(millis(60));
});

test("a request that takes too long fails, and its latency counts", async () => {
  const server = await up(() => new Promise(() => {}));
  const report = await generator(server, { connections: 1, streams: 2, count: 2, timeout: millis(150) }).run();
  expect(totals(report)).toEqual({ started: 2, completed: 0, ...NONE, failed: 2 });
  expect(report.errors).toEqual([{ code: "RESPONSE_TIMEOUT", message: "no response within 0.15 s", count: 2 }]);
  expect(report.latency.min).toBeGreaterThanOrEqual(millis(150));
});

test("stop ends the run with what it has", async () => {
  let requests = 0;
  const server = await up(() => {
    requests += 1;
    if (requests === 10) load.stop();
    return requests < 10 ? new Response("ok") : new Promise<Response>(() => {});
  });
  const load = generator(server, { connections: 1, streams: 1, duration: seconds(3_600) });
  const report = await load.run();
  expect(totals(report)).toEqual({ started: 10, completed: 9, ...NONE, unfinished: 1 });
});

test("without a connection there is no run, and the reason is known", async () => {
  const server = await up(() => new Response());
  await server.close();
  await expect(generator(server, { count: 1 }).run()).rejects.toMatchObject({ code: "CONNECTION_REFUSED" });
});

test("lost connections are replaced, and requests of the new ones succeed", async () => {
  const first = await up(() => new Response("one"));
  let second: Promise<Server> | undefined;
  let completedBefore = 0;
  const load = generator(first, {
    ...{ protocol: "h2", connections: 2, streams: 1, rate: 200, duration: seconds(3_600) },
    onProgress: ({ completed }) => {
      if (second === undefined && completed > 0) {
        second = first.close({ timeout: 0 }).then(() => up(() => new Response("two"), first.port));
        completedBefore = completed;
      } else if (completed > completedBefore + 20) load.stop();
    },
  });
  const report = await load.run();
  expect(report.opened).toBeGreaterThan(2);
  expect(report.completed).toBeGreaterThan(completedBefore + 20);
});

test("a server that is gone ends the run after the time limit of a request", async () => {
  const server = await up(() => new Response("ok"));
  const load = generator(server, {
    ...{ protocol: "h2", connections: 1, streams: 1, rate: 100, count: 1_000_000, timeout: millis(300) },
    onProgress: ({ completed }) => {
      if (completed > 0) void server.close({ timeout: 0 });
    },
  });
  const report = await load.run();
  expect(report.completed).toBeGreaterThan(0);
  expect(report.unopened).toBeGreaterThan(0);
  expect(report.errors.map(({ code }) => code)).toContain("CONNECTION_REFUSED");
});
