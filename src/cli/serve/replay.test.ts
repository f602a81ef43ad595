/** A replayed 0-RTT flight is handled once, by two processes that share their keys (RFC 8446 §8, RFC 9001 §9.2). */

import { type ChildProcess, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { type BuiltProgram, buildProgram } from "../../../test/built-program.ts";
import { createClient } from "../../client/index.ts";
import { earlyFlight } from "../../edge/testing/early-flight.ts";
import { connectRawHttp3 } from "../../edge/testing/versions/raw-http3.ts";

let program: BuiltProgram;
beforeAll(async () => {
  program = await buildProgram("src/cli/main.ts");
});
afterAll(() => program?.remove());

/** Counts the requests for "/order", and tells how many there were. */
const MODULE = `
let orders = 0;
export default (request) => {
  if (new URL(request.url).pathname === "/order") orders += 1;
  return new Response(String(orders));
};
`;

let folder: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nagare-replay-"));
  writeFileSync(join(folder, "app.mjs"), MODULE);
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill("SIGKILL");
    if (child.exitCode === null) await once(child, "close");
  }
  rmSync(folder, { recursive: true, force: true });
});

/** A `nagare serve` of its own; all of them have the same folder for what they keep. */
async function startServer(cache = folder): Promise<number> {
  const child = spawn(
    process.execPath,
    [program.path, "serve", join(folder, "app.mjs"), "-p", "0", "-H", "127.0.0.1"],
    {
      env: { ...process.env, XDG_CACHE_HOME: cache },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  children.push(child);
  let output = "";
  for await (const chunk of child.stdout!) {
    output += chunk;
    const port = /https:\/\/[^\s/]*:(\d+)/.exec(output)?.[1];
    if (port !== undefined) return Number(port);
  }
  throw new Error(`the server ended: ${output}`);
}

async function orders(port: number): Promise<number> {
  const client = createClient({ protocols: ["h3"], rejectUnauthorized: false });
  try {
    return Number(await (await client.fetch(`https://127.0.0.1:${port}/`)).text());
  } finally {
    await client.destroy();
  }
}

async function replay(flight: readonly Uint8Array[], port: number): Promise<void> {
  const socket = createSocket("udp4");
  for (const datagram of flight) {
    await new Promise((resolve) => socket.send(datagram, port, "127.0.0.1", resolve));
  }
  socket.close();
}

const ORDER = [
  [":method", "GET"],
  [":scheme", "https"],
  [":authority", "localhost"],
  [":path", "/order"],
] as const;

test("a replayed 0-RTT flight is accepted once, across two processes too", async () => {
  const ports = [await startServer(), await startServer()];
  const first = await connectRawHttp3(ports[0]!);
  const flight = await earlyFlight(await first.session, ORDER);
  first.close();
  // To the process that did not issue the ticket, to the one that did, and to both again.
  for (const port of [ports[1]!, ports[0]!, ports[1]!, ports[0]!]) {
    await replay(flight, port);
    await orders(port); // the server handles datagrams in order, so the flight has been handled by now
  }
  expect([await orders(ports[0]!), await orders(ports[1]!)]).toEqual([0, 1]);
});
