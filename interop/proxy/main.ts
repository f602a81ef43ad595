/**
 * The proxy in front of nginx, Caddy and a Node app: `npm run interop-proxy -- [--requests N] [--mebibytes N]`. Prints a line
 * for each check, and exits with 1 if one fails.
 */

import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Child } from "../child.ts";
import { echoesWebSockets, passesEventsAtOnce, staysFlat, survivesKills } from "./checks.ts";
import { createApp, createCaddy, createNginx, type Origin } from "./origins.ts";

const { values } = parseArgs({
  options: { requests: { type: "string", default: "10000" }, mebibytes: { type: "string", default: "1024" } },
});
const VERSIONS = ["http/1.1", "h2", "h3"] as const;

async function proxyOf(urls: readonly string[], flags: readonly string[] = []) {
  const child = new Child([process.execPath, "dist/cli/main.js", "proxy", ...urls, "-p", "0", ...flags]);
  await child.until(() => child.stdout.includes("\n"));
  return { child, url: child.stdout.split("\n")[0]! };
}

await mkdir(".cache", { recursive: true });
const directory = await mkdtemp(join(process.cwd(), ".cache", "interop-proxy-"));
const log = (line: string): void => console.error(line);
const origins: Origin[] = [
  await createApp(directory),
  await createNginx(directory, log),
  await createCaddy(directory, log),
];

async function check(name: string, run: () => Promise<string>): Promise<void> {
  try {
    console.log(`ok     ${name}: ${await run()}`);
  } catch (error) {
    process.exitCode = 1;
    console.log(`FAILED ${name}: ${(error as Error).message}`);
  }
}

try {
  for (const each of origins) {
    await each.start();
    console.log(`${each.name} ${each.version} at ${each.url}`);
  }
  {
    const { child, url } = await proxyOf(origins.map((each) => each.url));
    const linesAbout = (path: string): string =>
      child.stderr
        .split("\n")
        .filter((line) => line.includes(path))
        .join("\n");
    await check("killed origins", () => survivesKills(url, origins, Number(values.requests), linesAbout));
    await child[Symbol.asyncDispose]();
  }
  {
    const { child, url } = await proxyOf([origins[0]!.url]);
    for (const [i, version] of VERSIONS.entries()) {
      await check("WebSocket", () => echoesWebSockets(url, version, i === 0 ? 34 : 33));
    }
    for (const version of VERSIONS) await check("events", () => passesEventsAtOnce(url, version));
    for (const version of VERSIONS) {
      for (const direction of ["down", "up"] as const) {
        await check("memory", () => staysFlat(url, child.pid, version, direction, Number(values.mebibytes) * 2 ** 20));
      }
    }
    await child[Symbol.asyncDispose]();
  }
} finally {
  for (const each of origins) await each.kill();
  await rm(directory, { recursive: true, force: true });
}
process.exit();
