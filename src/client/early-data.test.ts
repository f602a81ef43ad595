// Sessions that are resumed, and 0-RTT requests, between our client and our server (RFC 8470, RFC 9001 §4.6).
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type ServeOptions, serve } from "../edge/serve.ts";
import type { Server } from "../edge/server.ts";
import { connectRawHttp3 } from "../edge/testing/versions/raw-http3.ts";
import { headers } from "../h3/testing/raw-peer.ts";
import { type Authority, type Issued, makeAuthority } from "../host/client/testing/certificates.ts";
import { type HeldHandshake, openHeldHandshake } from "../host/client/testing/held-handshake.ts";
import { testCertificate } from "../host/client/testing/servers.ts";
import type { Context } from "../host/http/fetch-context.ts";
import type { Handler } from "../host/http/fetch-handler.ts";
import { type Client, type ClientOptions, createClient } from "./index.ts";

const { authority, issued } = testCertificate() as { authority: Authority; issued: Issued };
const KEY = new Uint8Array(32).fill(9);
const closing: (() => unknown)[] = [];
let register: string;
let relay: HeldHandshake;

beforeEach(async () => {
  relay = await openHeldHandshake();
  closing.push(() => relay.close());
  register = mkdtempSync(join(tmpdir(), "nagare-early-"));
  closing.push(() => rmSync(register, { recursive: true, force: true }));
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A server whose tickets the next one on the same port accepts. */
async function up(handler: Handler, options: ServeOptions = {}): Promise<Server> {
  const server = await serve(
    {
      port: 0,
      host: "127.0.0.1",
      ...issued,
      log: () => {},
      resetKey: KEY,
      earlyDataRegister: register,
      ...options,
    },
    handler,
  );
  closing.push(() => server.close({ timeout: 0 }));
  return server;
}

function openClient(options: ClientOptions = {}): Client {
  const client = createClient({ ca: authority.ca, protocols: ["h3"], earlyData: true, ...options });
  closing.push(() => client.destroy());
  return client;
}

/** The client has had one exchange with a server, which was then replaced by another behind the same address. */
async function restarted(handler: Handler, options: ServeOptions = {}, clientOptions: ClientOptions = {}) {
  const client = openClient(clientOptions);
  const first = await up(() => new Response("first"));
  relay.relayTo(first.port);
  const url = `https://localhost:${relay.port}/`;
  expect(await (await client.fetch(url)).text()).toBe("first");
  await first.close();
  const second = await up(handler, options);
  relay.relayTo(second.port);
  return { client, url, second };
}

/** The second server's handshake completes only when the handler has been called. */
async function restartedWhileEarly(handler: Handler) {
  const scene = await restarted((...called) => {
    const response = handler(...called);
    relay.release();
    return response;
  });
  relay.hold();
  return scene;
}

const details = (client: Client, response: Response) => client.facts(response)!.stats().details;

describe("a restarted server with the same key", () => {
  test("resumes the session, and gets no early data from a client that does not enable it", async () => {
    const early: boolean[] = [];
    const handler = (_request: Request, context: Context) => {
      early.push(context.earlyData);
      return new Response("second");
    };
    const { client, url } = await restarted(handler, {}, { earlyData: false });
    const response = await client.fetch(url);
    expect(await response.text()).toBe("second");
    expect(details(client, response)).toMatchObject({ session: "resumed" });
    expect(details(client, response)).not.toHaveProperty("early data");
    expect(early).toEqual([false]);
  });

  test("gets a GET in 0-RTT, and may wait until it is confirmed", async () => {
    const early: boolean[] = [];
    const { client, url } = await restartedWhileEarly(async (_request, context) => {
      early.push(context.earlyData);
      await context.confirmed;
      early.push(context.earlyData);
      return new Response("second");
    });
    const response = await client.fetch(url);
    expect(await response.text()).toBe("second");
    expect(details(client, response)).toMatchObject({ session: "resumed", "early data": "accepted" });
    expect(early).toEqual([true, false]);
    // Later requests on the connection are not early.
    await (await client.fetch(url)).text();
    expect(early).toEqual([true, false, false, false]);
  });

  test("gets nothing else before the handshake is complete", async () => {
    const early: string[] = [];
    const { client, url } = await restartedWhileEarly(async (request, context) => {
      early.push(`${request.method} ${context.earlyData}`);
      return new Response(await request.text());
    });
    const answers = await Promise.all([
      client.fetch(url, { method: "POST", body: "content" }).then((response) => response.text()),
      client.fetch(url, { method: "DELETE" }).then((response) => response.text()),
      client.fetch(url, { method: "GET" }).then((response) => response.text()),
    ]);
    expect(answers).toEqual(["content", "", ""]);
    expect(early.sort()).toEqual(["DELETE false", "GET true", "POST false"]);
  });

  test("may answer 425, after which the client sends the request again (RFC 8470 §5.2)", async () => {
    const early: boolean[] = [];
    const { client, url } = await restartedWhileEarly((_request, context) => {
      early.push(context.earlyData);
      return context.earlyData ? new Response("too early", { status: 425 }) : new Response("in time");
    });
    const response = await client.fetch(url);
    expect([response.status, await response.text()]).toEqual([200, "in time"]);
    expect(early).toEqual([true, false]);
  });

  test("delivers a 425 that was not about early data", async () => {
    let calls = 0;
    const { client, url } = await restartedWhileEarly(() => {
      calls += 1;
      return new Response(null, { status: 425 });
    });
    expect((await client.fetch(url)).status).toBe(425);
    expect(calls).toBe(2);
    expect((await client.fetch(url)).status).toBe(425);
    expect(calls).toBe(3);
  });
});

describe("early data is rejected, and the request sent again", () => {
  const rejecting: readonly [string, ServeOptions][] = [
    ["by a server that does not want any", { earlyData: "off" }],
    ["without a register", { earlyDataRegister: undefined as unknown as string }],
    ["by a server with another key", { resetKey: new Uint8Array(32) }],
  ];
  for (const [what, options] of rejecting) {
    test(what, async () => {
      const early: boolean[] = [];
      const { client, url } = await restarted((_request, context) => {
        early.push(context.earlyData);
        return new Response("second");
      }, options);
      const response = await client.fetch(url);
      expect(await response.text()).toBe("second");
      expect(early).toEqual([false]);
      expect(details(client, response)).not.toHaveProperty("early data");
    });
  }

  test("but not to a server whose certificate is not trusted", async () => {
    const stranger = makeAuthority("Stranger").issue();
    let calls = 0;
    const handler = () => {
      calls += 1;
      return new Response("secret");
    };
    const { client, url } = await restarted(handler, { ...stranger, resetKey: new Uint8Array(32) });
    await expect(client.fetch(url)).rejects.toMatchObject({ code: expect.stringMatching(/^CERTIFICATE_/) });
    expect(calls).toBe(0);
  });
});

test("a session is not resumed by a client with other rules for certificates", async () => {
  const client = openClient();
  const server = await up(() => new Response("first"));
  const url = `https://localhost:${server.port}/`;
  await (await client.fetch(url)).text();
  await server.close();
  const strangers = makeAuthority("Stranger");
  await up(() => new Response("second"), { port: server.port });
  const strict = openClient({ ca: strangers.ca });
  await expect(strict.fetch(url)).rejects.toMatchObject({ code: expect.stringMatching(/^CERTIFICATE_/) });
});

describe("an unsafe request in 0-RTT data", () => {
  async function post(options: ServeOptions) {
    const calls: string[] = [];
    const server = await up((request, context) => {
      calls.push(`${request.method} ${context.earlyData}`);
      return new Response("done");
    }, options);
    const first = await connectRawHttp3(server.port);
    const session = await first.session;
    first.close();
    relay.relayTo(server.port);
    relay.hold();
    const second = await connectRawHttp3(relay.port, { session, earlyData: true });
    closing.push(() => second.close());
    const fields = [
      [":method", "POST"],
      [":scheme", "https"],
      [":authority", "localhost"],
      [":path", "/"],
    ] as const;
    const answer = await second.send(headers(fields), true);
    return { status: answer.status, calls };
  }

  test("is answered 425 without being handled", async () => {
    expect(await post({})).toEqual({ status: 425, calls: [] });
  });

  test("is handled if the server accepts all", async () => {
    expect(await post({ earlyData: "all" })).toEqual({ status: 200, calls: ["POST true"] });
  });
});

test("earlyData takes three values", async () => {
  await expect(up(() => new Response(), { earlyData: "yes" as "all" })).rejects.toThrow(/"off", "safe" or "all"/);
});
