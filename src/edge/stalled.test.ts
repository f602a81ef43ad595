/** A client that stalls is disconnected, over every version. A client that only waits for its response is not. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { loadIdentity } from "../host/certificates/identity.ts";
import type { ServerExchange } from "../host/http/exchange.ts";
import { localhostIdentity } from "../host/http/testing/identities.ts";
import { type Server, startServer } from "./server.ts";
import { VERSIONS } from "./testing/client.ts";
import type { TestClient } from "./testing/test-client.ts";

const CHUNK = new Uint8Array(256 * 1024);

describe.each(VERSIONS)("over %s", (version, open) => {
  let server: Server;
  let client: TestClient;
  // New lists for each test, since an exchange may end late, during the next test.
  let aborted: string[];
  let closed: string[];
  /** Exchanges that the test answers. */
  let polling: ServerExchange[];

  beforeEach(async () => {
    const [abortedHere, closedHere, pollingHere] = [[], [], []] as [string[], string[], ServerExchange[]];
    aborted = abortedHere;
    closed = closedHere;
    polling = pollingHere;
    const handle = (exchange: ServerExchange): void => {
      exchange.onAbort = () => abortedHere.push(exchange.path);
      exchange.onClose = () => closedHere.push(exchange.path);
      if (exchange.path === "/poll") {
        pollingHere.push(exchange);
        return;
      }
      if (exchange.path !== "/endless") {
        const read = (): void => {
          while (exchange.body.read() !== undefined);
        };
        exchange.body.onReadable = read;
        read();
        if (exchange.path === "/upload") return;
      }
      const fill = (): void => {
        while (exchange.write(CHUNK));
      };
      exchange.onDrain = fill;
      exchange.respond(200, []);
      fill();
    };
    server = await startServer(
      { port: 0, host: "127.0.0.1", identities: [loadIdentity(localhostIdentity)], stallTimeout: 500 },
      { handle },
    );
    client = await open(server.url);
  });

  afterEach(async () => {
    client.close();
    await server.close({ timeout: 0 });
  });

  test("an unread response is aborted", async () => {
    const { content } = await client.request({ path: "/endless" }).response;
    content.on("error", () => undefined);
    await vi.waitUntil(() => closed.length > 0, { timeout: 20_000, interval: 20 });
    expect([aborted, closed]).toEqual([["/endless"], ["/endless"]]);
  });

  test("a request whose body stalls while the handler reads it is aborted", async () => {
    const upload = client.request({ path: "/upload", method: "POST", streaming: true });
    upload.response.catch(() => undefined);
    await upload.send("the beginning");
    await vi.waitUntil(() => closed.length > 0, { timeout: 20_000, interval: 20 });
    expect([aborted, closed]).toEqual([["/upload"], ["/upload"]]);
  });

  // Node's timeout for HTTP/1.1 knows only one direction.
  test.skipIf(version === "http/1.1")("an unread response is aborted while its request goes on", async () => {
    const upload = client.request({ path: "/both", method: "POST", streaming: true });
    upload.response.then(({ content }) => content.on("error", () => undefined)).catch(() => undefined);
    await vi.waitUntil(
      () => {
        // The last pieces come too late.
        if (closed.length === 0) upload.send("a piece").catch(() => undefined);
        return closed.length > 0;
      },
      { timeout: 20_000, interval: 20 },
    );
    expect([aborted, closed]).toEqual([["/both"], ["/both"]]);
  });

  test("a request that waits for its response is not", async () => {
    const waiting = client.request({ path: "/poll" }).response;
    const other = await open(server.url);
    const { content } = await other.request({ path: "/endless" }).response;
    content.on("error", () => undefined);
    // By then, the timeout has passed for both.
    await vi.waitUntil(() => closed.length > 0, { timeout: 20_000, interval: 20 });
    expect(aborted).toEqual(["/endless"]);
    polling[0]!.respond(204, [], { endStream: true });
    expect((await waiting).status).toBe(204);
    other.close();
  });
});
