/**
 * Certificates replaced on disk under load, in three ways and with broken pairs among them; and the cost of a handshake
 * with a set of a thousand names.
 */

import { makeCertificate } from "../src/host/certificates/testing/make-certificate.ts";
import type { Bench } from "./bench.ts";
import { BROKEN, certify, type Pair, places } from "./certificates/files.ts";
import {
  type CertificateClientOrder,
  type CertificateServerOrder,
  type HandshakesDone,
  type LoadFigures,
  type ProbeDone,
  type Resources,
  VERSIONS,
} from "./certificates/messages.ts";
import type { ServerReady } from "./messages.ts";
import { OwnProcess } from "./own-process.ts";
import { cpuOf } from "./proc.ts";
import type { Report, Row } from "./report.ts";
import { createScratch } from "./scratch.ts";
import { median, percentile, rounded } from "./statistics.ts";

const SWAPS = 1_000;
/** Before the resources are measured for the first time. */
const WARM_UP = 100;
/** Requests per second. */
const RATE = 200;
/** One swap in so many is preceded by a pair that cannot be used. */
const BROKEN_EVERY = 10;
const NAMES = 1_000;
const HANDSHAKES = 250;
const HANDSHAKE_ROUNDS = 5;
const MB = 1_000_000;
/** Milliseconds between two looks at the server's memory, for as long as it shrinks. */
const SETTLE = 2_000;
const MAX_LOOKS = 10;

/** Certificates come from two authorities in turn, so that a client that trusts one of them waits for the new one. */
const authorities = [1, 2].map((n) => makeCertificate({ subject: `Bench Root ${n}`, ca: true }));
const ca = authorities.map(({ cert }) => cert).join("");

export const certificates: Bench = async ({ rounds = SWAPS, log }) => {
  const swaps = await swapUnderLoad(rounds, log);
  const names = await handshakesByNames(log);
  return {
    rows: [...swaps.rows, ...names.rows],
    ratios: names.ratios,
    targets: [...swaps.targets, ...names.targets],
    remarks: swaps.remarks,
  };
};

class CertificateServer extends OwnProcess {
  constructor() {
    super("certificate-server");
  }
  override request<Answer>(order: CertificateServerOrder): Promise<Answer> {
    return super.request(order);
  }
}

class CertificateClient extends OwnProcess {
  constructor() {
    super("certificate-client");
  }
  override request<Answer>(order: CertificateClientOrder): Promise<Answer> {
    return super.request(order);
  }
}

async function swapUnderLoad(count: number, log: (line: string) => void): Promise<Report> {
  using scratch = createScratch(1_000);
  const all = places(scratch.directory);
  /** The authority of each place's current certificate. */
  const current = all.map(() => 0);
  for (const place of all) place.put(certify(place.name, authorities[0]!));
  await using server = new CertificateServer();
  const { port } = await server.request<ServerReady>({ type: "start", tls: all.map(({ files }) => files) });
  await using load = new CertificateClient();
  await using prober = new CertificateClient();
  const names = all.map(({ name }) => name);
  const startLoad = (): Promise<string> => load.request({ type: "load", port, names, ca, rate: RATE });
  const until = (name: string, authority: number): Promise<ProbeDone> =>
    prober.request({ type: "probe", port, name, ca: authorities[authority]!.cert });

  let swapped = 0;
  let broken = 0;
  let brokenServed = 0;
  const reasons: string[] = [];
  const failures: string[] = [];
  const waits = VERSIONS.map((): number[] => []);
  const swap = async (): Promise<void> => {
    const index = swapped % all.length;
    const place = all[index]!;
    if (swapped % BROKEN_EVERY === 0) {
      const [reason, make] = BROKEN[broken % BROKEN.length]!;
      broken += 1;
      place.put(make(place.name, authorities[1 - current[index]!]!));
      const lines = await server.request<string[]>({ type: "kept", count: broken });
      if (!lines.at(-1)!.includes(reason)) reasons.push(`instead of "${reason}": ${lines.at(-1)}`);
      // The previous certificate is served: no new connection gets another.
      const still = await until(place.name, current[index]!);
      brokenServed += still.others;
      failures.push(...still.failures);
    }
    const next = 1 - current[index]!;
    const pair = certify(place.name, authorities[next]!);
    const probed = until(place.name, next); // its time starts before the swap
    place.put(pair);
    const { milliseconds, failures: failed } = await probed;
    current[index] = next;
    milliseconds.forEach((wait, i) => void waits[i]!.push(wait));
    failures.push(...failed);
    swapped += 1;
  };
  /** Closed connections are kept for a while (RFC 9000 §10.2). */
  const settled = async (): Promise<Resources> => {
    let least: Resources | undefined;
    for (let look = 0; look < MAX_LOOKS; look++) {
      await new Promise((resolve) => setTimeout(resolve, SETTLE));
      const now = await server.request<Resources>({ type: "resources" });
      if (least !== undefined && now.heap > least.heap - MB / 20) break;
      least = now;
    }
    return least!;
  };

  log(`${WARM_UP} swaps to warm up`);
  await startLoad();
  while (swapped < WARM_UP) await swap();
  const warm = await load.request<LoadFigures>({ type: "stop" });
  const before = await settled();
  const swapUntil = async (last: number): Promise<LoadFigures> => {
    await startLoad();
    while (swapped < WARM_UP + last) {
      await swap();
      if ((swapped - WARM_UP) % 100 === 0) log(`${swapped - WARM_UP} swaps`);
    }
    return load.request<LoadFigures>({ type: "stop" });
  };
  const firstHalf = await swapUntil(Math.floor(count / 2));
  const middle = await settled();
  const secondHalf = await swapUntil(count);
  const after = await settled();

  const loads = [warm, firstHalf, secondHalf];
  const sum = (of: (figures: LoadFigures) => number): number => loads.reduce((total, each) => total + of(each), 0);
  const failed = loads.flatMap((each) => Object.entries(each.failures));
  const rows: Row[] = VERSIONS.map((version, i) => ({
    name: `new certificate over ${version}`,
    figures: {
      swaps: waits[i]!.length,
      "median ms": rounded(median(waits[i]!)),
      "p99 ms": rounded(percentile(waits[i]!, 0.99)),
      "longest ms": rounded(Math.max(...waits[i]!)),
    },
  }));
  rows.push(
    {
      name: "broken pairs",
      figures: { swaps: broken, "served anyway": brokenServed, "without their reason in the log": reasons.length },
    },
    {
      name: "load",
      figures: {
        requests: sum(({ requests }) => requests),
        "per second": rounded(sum(({ requests }) => requests) / sum(({ seconds }) => seconds)),
        "new connections": sum(({ connections }) => connections),
        "p99 ms": rounded(percentile([...firstHalf.latencies, ...secondHalf.latencies], 0.99)),
        failures: failed.reduce((total, [, n]) => total + n, failures.length),
      },
    },
    {
      name: "server",
      figures: {
        "heap MB": rounded(before.heap / MB),
        "heap MB at half": rounded(middle.heap / MB),
        "heap MB after": rounded(after.heap / MB),
        // V8 compiles code for minutes, which is part of the heap: a leak is what still grows after that.
        "heap growth in the second half MB": rounded((after.heap - middle.heap) / MB),
        "resident growth in the second half MB": rounded((after.resident - middle.resident) / MB),
        descriptors: before.descriptors,
        "more descriptors": after.descriptors - before.descriptors,
      },
    },
  );
  return {
    rows,
    ratios: {},
    targets: [
      ...VERSIONS.map((version) => ({ of: `new certificate over ${version}: longest ms`, atMost: 1_000 })),
      { of: "broken pairs: served anyway", atMost: 0 },
      { of: "broken pairs: without their reason in the log", atMost: 0 },
      { of: "load: failures", atMost: 0 },
      { of: "server: heap growth in the second half MB", atMost: 1 },
      { of: "server: resident growth in the second half MB", atMost: 20 },
      { of: "server: more descriptors", atMost: 0 },
    ],
    remarks: [...failed.map(([message, n]) => `load: ${n} × ${message}`), ...failures, ...reasons],
  };
}

/** Server CPU per handshake with one name and with a thousand, in alternating rounds. */
async function handshakesByNames(log: (line: string) => void): Promise<Pick<Report, "rows" | "ratios" | "targets">> {
  const [issuer] = authorities;
  const names = Array.from({ length: NAMES }, (_, i) => `n${i}.test`);
  // One key, since making keys takes most of the time.
  const key = makeCertificate();
  const pairs = names.map((name): Pair => {
    const { certChain, key: pem } = makeCertificate({ names: [name], issuer: issuer!, key });
    return { cert: certChain, key: pem };
  });
  await using one = new CertificateServer();
  await using thousand = new CertificateServer();
  await using client = new CertificateClient();
  const servers = [
    { label: "1 name", server: one, names: names.slice(0, 1), tls: pairs.slice(0, 1) },
    { label: `${NAMES} names`, server: thousand, names, tls: pairs },
  ];
  const started = await Promise.all(
    servers.map(async (each) => ({
      ...each,
      ...(await each.server.request<ServerReady>({ type: "start", tls: each.tls })),
    })),
  );
  const rows: Row[] = [];
  const ratios: Record<string, number> = {};
  for (const version of ["h2", "h3"] as const) {
    log(`handshakes over ${version}`);
    const run = async ({ port, names, server }: (typeof started)[number], count: number): Promise<number> => {
      const before = cpuOf(server.pid);
      const done = await client.request<HandshakesDone>({
        ...{ type: "handshakes", port, names, ca, version, count },
      });
      if (done.error !== undefined) throw new Error(`a handshake failed: ${done.error}`);
      return (cpuOf(server.pid) - before) / count;
    };
    // Once for each name: a context for TLS over TCP is created on first use.
    for (const each of started) await run(each, Math.max(HANDSHAKES, each.names.length));
    const costs = started.map((): number[] => []);
    for (let round = 0; round < HANDSHAKE_ROUNDS; round++) {
      for (const [i, each] of started.entries()) costs[i]!.push(await run(each, HANDSHAKES));
    }
    const [ofOne, ofThousand] = costs.map(median) as [number, number];
    rows.push({
      name: `handshake over ${version}`,
      figures: { "µs CPU, 1 name": rounded(ofOne), [`µs CPU, ${NAMES} names`]: rounded(ofThousand) },
    });
    ratios[`handshake over ${version}, ${NAMES} names / 1`] = rounded(ofThousand / ofOne);
  }
  return { rows, ratios, targets: Object.keys(ratios).map((of) => ({ of, atMost: 1.25 })) };
}
