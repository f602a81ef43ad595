/** The effect of one attacker on other clients: latency without and with it, and server CPU. */

import { HOST } from "../interop/certificates.ts";
import type { Bench } from "./bench.ts";
import { CONNECTION_ATTACKS, JUNK_ATTACKS } from "./hostile/attacks.ts";
import type { AttackDone, AttackOrder, SteadyDone, SteadyOrder } from "./messages.ts";
import { OwnProcess } from "./own-process.ts";
import { cpuOf } from "./proc.ts";
import type { Row } from "./report.ts";
import { createScratch, type Scratch } from "./scratch.ts";
import { startOwn } from "./servers.ts";
import { percentile, rounded } from "./statistics.ts";

const SECONDS = 4;
/** Packets per second, if the attacker can send as many. */
const RATES = { connection: 10_000, junk: 15_000 } as const;

export const hostile: Bench = async ({ against, only = "", log }) => {
  using place = createScratch(1_000);
  const rows: Row[] = [];
  const ratios: Record<string, number> = {};
  const attacks = [
    ...Object.keys(CONNECTION_ATTACKS).map((name) => ({ name, rate: RATES.connection })),
    ...Object.keys(JUNK_ATTACKS).map((name) => ({ name, rate: RATES.junk })),
  ].filter(({ name }) => name.includes(only));
  for (const attack of attacks) {
    for (const checkout of against === undefined ? [undefined] : [undefined, against]) {
      const { figures, ratio } = await measure(attack, place, checkout);
      log(`${attack.name}${checkout === undefined ? "" : ", before"}: ${Object.values(figures).join(" | ")}`);
      rows.push({ name: checkout === undefined ? attack.name : `  before`, figures });
      if (checkout === undefined) ratios[`p99 of others, ${attack.name}`] = ratio;
    }
  }
  const targets = Object.keys(ratios).map((of) => ({ of, atMost: 3 }));
  return { rows, ratios, targets, remarks: [] };
};

async function measure(
  { name, rate }: Pick<AttackOrder, "name" | "rate">,
  place: Scratch,
  checkout: string | undefined,
): Promise<{ readonly figures: Row["figures"]; readonly ratio: number }> {
  await using server = await startOwn("own-server", place, { checkout });
  await using client = new OwnProcess("steady-client");
  await using attacker = new OwnProcess("attacker");
  await client.next();
  const url = `https://${HOST}:${server.port}${place.site.small}`;
  const steady = (seconds: number): Promise<SteadyDone> =>
    client.request<SteadyDone>({ url, ca: place.identity.ca, seconds } satisfies SteadyOrder);
  await steady(1);
  const without = await steady(SECONDS);
  const ready = await attacker.request<AttackDone | "ready">({
    name,
    port: server.port,
    rate,
    seconds: SECONDS,
  } satisfies AttackOrder);
  if (ready !== "ready") throw new Error(`the attacker: ${ready.error}`);
  const done = attacker.next<AttackDone>();
  const before = cpuOf(server.pid);
  const during = await steady(SECONDS);
  const cpu = (cpuOf(server.pid) - before) / (SECONDS * 10_000);
  const { closed, milliseconds, error } = await done;
  if (error !== undefined) throw new Error(`the attacker: ${error}`);
  const p99 = [without, during].map(({ requests }) => p99Of(requests)) as [number, number];
  const [calm, attacked] = p99.map(rounded) as [number, number];
  return {
    ratio: rounded(p99[1] / p99[0]),
    figures: {
      "p99 ms without": calm,
      with: attacked,
      "handshakes: slowest ms": Math.round(Math.max(...without.handshakes)),
      "with it": Math.round(Math.max(...during.handshakes)),
      failures: during.failures,
      "server CPU %": Math.round(cpu),
      cut: closed === undefined ? "" : `${closed} after ${milliseconds} ms`,
    },
  };
}

/** The whole duration if no request was answered. */
const p99Of = (times: readonly number[]): number => (times.length === 0 ? SECONDS * 1_000 : percentile(times, 0.99));
