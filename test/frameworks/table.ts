/** Runs an app for Node's (req, res) on node:https, then on nagare/node over each version, and expects equal results. */
import { once } from "node:events";
import { createServer as createHttpsServer } from "node:https";
import { expect } from "vitest";
import { openHttp1, VERSIONS } from "../../src/edge/testing/client.ts";
import type { OpenTestClient, TestClient, TestRequest } from "../../src/edge/testing/test-client.ts";
import { localhostIdentity } from "../../src/host/http/testing/identities.ts";
import { createServer } from "../../src/node/index.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

export interface Asking {
  /** Sends a request. Removes fields that differ between versions from the response. */
  ask(request: TestRequest): Promise<Answer>;
  readonly port: number;
  /** The HTTP version, or "node:https". */
  readonly version: string;
}

export interface Row {
  /** Installs the app, and returns a function whose result is compared. */
  // biome-ignore lint/suspicious/noExplicitAny: either server, for packages that know only Node's
  start(server: any): Promise<(asking: Asking) => Promise<unknown>> | ((asking: Asking) => Promise<unknown>);
}

/** Fields that describe a connection, or change with time. */
const VOLATILE = /^(?:date|alt-svc|connection|keep-alive|transfer-encoding|x-request-id)$/;

export async function sameOverAll(row: Row): Promise<void> {
  const { cert, key } = localhostIdentity;
  const expected = await resultOf(row, createHttpsServer({ cert, key } as object), "node:https", openHttp1);
  expect(expected).toBeDefined();
  for (const [version, open] of VERSIONS) {
    const lines: string[] = [];
    const server = createServer({ cert, key, log: (line) => lines.push(line) });
    const found = await resultOf(row, server, version, open);
    expect({ version, found, lines }).toEqual({ version, found: expected, lines: [] });
  }
}

// biome-ignore lint/suspicious/noExplicitAny: either server
async function resultOf(row: Row, server: any, version: string, open: OpenTestClient): Promise<unknown> {
  const run = await row.start(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const clients: TestClient[] = [];
  const connect = async (): Promise<TestClient> => {
    const client = await open(new URL(`https://127.0.0.1:${port}`));
    clients.push(client);
    return client;
  };
  const shared = await connect();
  const ask = async (request: TestRequest): Promise<Answer> => {
    // An HTTP/1.1 response may close its connection, so each request gets a new one.
    const client = shared.protocol === "http/1.1" ? await connect() : shared;
    const response = await client.request(request).response;
    const text = Buffer.from(await response.bytes()).toString("latin1");
    const headers = Object.fromEntries(
      Object.entries(response.headers)
        .filter(([name]) => !VOLATILE.test(name))
        // RFC 9110 §8.6: a 204 has no length; Express gives it one.
        .filter(([name]) => response.status !== 204 || name !== "content-length")
        .map(([name, value]) => [name, value.replaceAll(`localhost:${port}`, "localhost:PORT")]),
    );
    return { status: response.status, headers, text: text.replaceAll(`localhost:${port}`, "localhost:PORT") };
  };
  try {
    return await run({ ask, port, version });
  } finally {
    for (const client of clients) client.close();
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  }
}
