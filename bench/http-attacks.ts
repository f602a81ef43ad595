/**
 * The effect of one attacker on other clients of `nagare serve`, over every version of HTTP: their latency without and with it.
 * Rounds alternate, so that what else the machine does hits both.
 */

import { HOST } from "../interop/certificates.ts";
import type { Bench } from "./bench.ts";
import { HTTP_ATTACKS, type Score } from "./hostile/http-attacks.ts";
import type { HttpAttackOrder, SteadyDone, SteadyOrder } from "./messages.ts";
import { OwnProcess } from "./own-process.ts";
import { nagareServe } from "./own-serve.ts";
import { cpuOf } from "./proc.ts";
import type { Row } from "./report.ts";
import { createScratch, type Scratch } from "./scratch.ts";
import { percentile, rounded } from "./statistics.ts";

const SECONDS = 3;
const DEFAULT_ROUNDS = 3;
const PROTOCOLS = ["h3", "h2", "http/1.1"] as const;

export const httpAttacks: Bench = async ({ rounds = DEFAULT_ROUNDS, only = "", log }) => {
  using place = createScratch(1_000);
  const rows: Row[] = [];
  const ratios: Record<string, number> = {};
  for (const name of Object.keys(HTTP_ATTACKS).filter((each) => each.includes(only))) {
    const { figures, ratio } = await measure(name, place, rounds);
    log(`${name}: ${Object.values(figures).join(" | ")}`);
    rows.push({ name, figures });
    ratios[`p99 of others, ${name}`] = ratio;
  }
  const targets = Object.keys(ratios).map((of) => ({ of, atMost: 3 }));
  return { rows, ratios, targets, remarks: [] };
};

async function measure(
  name: string,
  place: Scratch,
  rounds: number,
): Promise<{ readonly figures: Row["figures"]; readonly ratio: number }> {
  await using server = await nagareServe({ target: place.site.directory, identity: place.identity });
  await using client = new OwnProcess("steady-client");
  await using attacker = new OwnProcess("http-attacker");
  await Promise.all([client.next(), attacker.next()]);
  const url = `https://${HOST}:${server.port}${place.site.small}`;
  const steady = (seconds: number): Promise<SteadyDone> =>
    client.request<SteadyDone>({ url, ca: place.identity.ca, seconds, protocols: PROTOCOLS } satisfies SteadyOrder);
  await steady(1);
  const calm: number[] = [];
  const attacked: number[] = [];
  const score: Score = { cut: 0, opened: 0 };
  let failures = 0;
  let cpu = 0;
  for (let round = 0; round < rounds; round += 1) {
    calm.push(...(await steady(SECONDS)).requests);
    const order: HttpAttackOrder = { name, port: server.port, seconds: SECONDS + 1 };
    const done = attacker.request<Score>(order);
    await new Promise((resolve) => setTimeout(resolve, 500));
    const before = cpuOf(server.pid);
    const during = await steady(SECONDS);
    cpu += (cpuOf(server.pid) - before) / (SECONDS * 10_000 * rounds);
    attacked.push(...during.requests);
    failures += during.failures;
    const { cut, opened } = await done;
    score.cut += cut;
    score.opened += opened;
  }
  const p99 = [calm, attacked].map((times) => (times.length === 0 ? SECONDS * 1_000 : percentile(times, 0.99)));
  const [without, withIt] = p99.map(rounded) as [number, number];
  return {
    ratio: rounded(p99[1]! / p99[0]!),
    figures: {
      "p99 ms without": without,
      with: withIt,
      failures,
      "server CPU %": Math.round(cpu),
      "attacker's connections": score.opened,
      "of them cut": score.cut,
    },
  };
}
