/**
 * The proxy in front of real servers: `npm run interop-proxy -- [--requests N] [--mebibytes N] [--only WORDS]`. Prints a line for each
 * check, and exits with 1 if one fails. A check whose peer is not available is skipped, with the reason.
 */

import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createIdentities } from "../certificates.ts";
import { check } from "../check.ts";
import { Child } from "../child.ts";
import { echoesWebSockets, passesEventsAtOnce, staysFlat, survivesKills } from "./checks.ts";
import { speaksGrpc, startGrpc } from "./grpc.ts";
import { createApp, createCaddy, createNginx, type Origin, type Protocol } from "./origins.ts";
import { startVite, updatesPage } from "./vite.ts";

const { values } = parseArgs({
  options: {
    requests: { type: "string", default: "10000" },
    mebibytes: { type: "string", default: "1024" },
    only: { type: "string", default: "" },
  },
});
const VERSIONS: readonly Protocol[] = ["http/1.1", "h2", "h3"];

await mkdir(".cache", { recursive: true });
const directory = await mkdtemp(join(process.cwd(), ".cache", "interop-proxy-"));
const identity = createIdentities(directory);
const log = (line: string): void => console.error(line);

interface Proxy extends AsyncDisposable {
  readonly url: string;
  readonly child: Child;
}

async function proxyOf(urls: readonly string[]): Promise<Proxy> {
  const { certFile, keyFile } = identity;
  const flags = ["-p", "0", "-H", "127.0.0.1", "--cert", certFile, "--key", keyFile];
  const child = new Child([process.execPath, "dist/cli/main.js", "proxy", ...urls, ...flags]);
  await child.until(() => child.stdout.includes("\n"));
  return { url: child.stdout.split("\n")[0]!, child, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}

/** Runs a group of checks with what they need, which is stopped afterwards. */
async function group(name: string, run: () => Promise<void>): Promise<void> {
  if (!name.includes(values.only)) return;
  try {
    await run();
  } catch (error) {
    await check(name, () => Promise.reject(error));
  }
}

async function withOrigins(create: readonly (() => Promise<Origin>)[], use: (origins: Origin[]) => Promise<void>) {
  const origins: Origin[] = [];
  try {
    for (const each of create) {
      const origin = await each();
      await origin.start();
      origins.push(origin);
      console.log(`${origin.name} ${origin.version} at ${origin.url}`);
    }
    await use(origins);
  } finally {
    for (const each of origins) await each.kill();
  }
}

const app = (): Promise<Origin> => createApp(directory);

try {
  await group("killed origins", () =>
    withOrigins([app, () => createNginx(directory, log), () => createCaddy(directory, log)], async (origins) => {
      await using proxy = await proxyOf(origins.map((each) => each.url));
      const linesAbout = (path: string): string =>
        proxy.child.stderr
          .split("\n")
          .filter((line) => line.includes(path))
          .join("\n");
      await check("killed origins", () => survivesKills(proxy.url, origins, Number(values.requests), linesAbout));
    }),
  );
  await group("WebSocket, events, memory", () =>
    withOrigins([app], async ([origin]) => {
      await using proxy = await proxyOf([origin!.url]);
      const { url, child } = proxy;
      for (const [i, version] of VERSIONS.entries()) {
        await check("WebSocket", () => echoesWebSockets(url, version, i === 0 ? 34 : 33));
      }
      for (const version of VERSIONS) await check("events", () => passesEventsAtOnce(url, version));
      const bytes = Number(values.mebibytes) * 2 ** 20;
      for (const version of VERSIONS) {
        for (const direction of ["down", "up"] as const) {
          await check("memory", () => staysFlat(url, child.pid, version, direction, bytes));
        }
      }
    }),
  );
  await group("Vite", async () => {
    await using vite = await startVite(directory, log);
    await using proxy = await proxyOf([vite.url]);
    for (const version of VERSIONS) {
      await check("Vite", () => updatesPage(vite, proxy.url, identity.spkiHash, version, log));
    }
  });
  await group("gRPC", async () => {
    await using grpc = await startGrpc(directory, log);
    await using proxy = await proxyOf([grpc.url]);
    await check("gRPC", () => speaksGrpc(grpc, new URL(proxy.url).host, identity.caFile));
  });
} finally {
  await rm(directory, { recursive: true, force: true });
}
process.exit();
