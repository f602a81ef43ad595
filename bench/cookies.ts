/** Our jar of cookies beside tough-cookie's, alternately: 10,000 cookies of 500 domains are set, then requests ask for theirs. */

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { npmPackage } from "../interop/install/npm.ts";
import { Skip } from "../interop/result.ts";
import type { Bench } from "./bench.ts";
import type { CookieJarCost } from "./messages.ts";
import { median, rounded } from "./statistics.ts";

const ROUNDS = 5;
const PEER = "tough-cookie@6.1.0";
const CONTESTANTS = { ours: "ours", adapter: "ours, tough-cookie's API", "tough-cookie": "tough-cookie" } as const;
type Contestant = keyof typeof CONTESTANTS;

export const cookies: Bench = async ({ rounds = ROUNDS, log }) => {
  const remarks: string[] = [];
  let modules: string | undefined;
  try {
    modules = await npmPackage("tough-cookie", PEER, log);
  } catch (error) {
    if (!(error instanceof Skip)) throw error;
    remarks.push(error.message);
  }
  const names = (Object.keys(CONTESTANTS) as Contestant[]).filter(
    (name) => name !== "tough-cookie" || modules !== undefined,
  );
  const costs = new Map<Contestant, CookieJarCost[]>(names.map((name) => [name, []]));
  const program = join(import.meta.dirname, "processes", "cookie-jar.js");
  for (let round = 1; round <= rounds; round += 1) {
    log(`round ${round} of ${rounds}`);
    for (const [name, all] of costs) {
      const output = execFileSync(process.execPath, ["--expose-gc", program, name, modules ?? ""], {
        encoding: "utf8",
      });
      all.push(JSON.parse(output) as CookieJarCost);
    }
  }
  const of = (name: Contestant, figure: keyof CookieJarCost): number =>
    median(costs.get(name)!.map((cost) => cost[figure]));
  const ratio = (name: Contestant, figure: keyof CookieJarCost): number =>
    rounded(of(name, figure) / of("tough-cookie", figure));
  return {
    rows: names.map((name) => ({
      name: CONTESTANTS[name],
      figures: {
        "µs per set": rounded(of(name, "set")),
        "µs per lookup of a fresh URL": rounded(of(name, "fresh")),
        "of a known URL": rounded(of(name, "known")),
        "of a change and a lookup": rounded(of(name, "changed")),
        "heap MB": rounded(of(name, "heap")),
      },
    })),
    ratios:
      modules === undefined
        ? {}
        : {
            "fresh lookup, ours / tough-cookie": ratio("ours", "fresh"),
            "known lookup, ours / tough-cookie": ratio("ours", "known"),
            "change and lookup, ours / tough-cookie": ratio("ours", "changed"),
            "set, ours / tough-cookie": ratio("ours", "set"),
            "fresh lookup by its API, ours / tough-cookie": ratio("adapter", "fresh"),
          },
    targets: [{ of: "fresh lookup, ours / tough-cookie", atMost: 0.2 }],
    remarks,
  };
};
