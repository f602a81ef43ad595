/** Cold start of the command line: until it prints its version, and until it serves. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Child, runChild } from "../interop/child.ts";
import type { Bench } from "./bench.ts";
import { median, rounded } from "./statistics.ts";

const ROUNDS = 15;

/** The published command, not the one compiled next to this file. */
const CLI = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

export const coldStart: Bench = async ({ rounds = ROUNDS, log }) => {
  const directory = await mkdtemp(join(tmpdir(), "nagare-bench-"));
  const env = { XDG_CACHE_HOME: directory };
  const measures = {
    "node -e 0": () => timed(() => runChild([process.execPath, "-e", "0"])),
    "nagare --version": () => timed(() => runChild([process.execPath, CLI, "--version"])),
    "nagare serve": () => serveReady(directory, env),
  };
  try {
    // The development certificate is created on the first start, and kept.
    const first = await serveReady(directory, env);
    const measured = Object.keys(measures).map((): number[] => []);
    for (let round = 1; round <= rounds; round += 1) {
      log(`round ${round} of ${rounds}`);
      for (const [i, measure] of Object.values(measures).entries()) measured[i]!.push(await measure());
    }
    const rows = Object.keys(measures).map((name, i) => ({
      name,
      figures: { "median ms": Math.round(median(measured[i]!)), "minimum ms": Math.round(Math.min(...measured[i]!)) },
    }));
    const [bare, version, serve] = measured.map(median);
    return {
      rows: [...rows, { name: "nagare serve, first start", figures: { "median ms": Math.round(first) } }],
      ratios: {
        "nagare --version / node -e 0": rounded(version! / bare!),
        "nagare serve / node -e 0": rounded(serve! / bare!),
      },
      targets: [
        { of: "nagare --version: median ms", atMost: 150 },
        { of: "nagare serve: median ms", atMost: 500 },
      ],
      remarks: [],
    };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
};

async function timed(task: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await task();
  return performance.now() - started;
}

/** Milliseconds until the URL is printed. */
async function serveReady(site: string, env: Readonly<Record<string, string>>): Promise<number> {
  const started = performance.now();
  await using child = new Child([process.execPath, CLI, "serve", "--host", "127.0.0.1", "--port", "0", site], { env });
  let ready = 0;
  await child.until(() => {
    ready = performance.now() - started;
    return child.stdout.includes("https://");
  });
  return ready;
}
