/** Pairs of a server and a client, measured alternately round by round. */

import { Skip } from "../interop/result.ts";
import type { UdpRelayOptions } from "../src/host/relay/options.ts";
import { startUdpRelay, type UdpRelay } from "../src/host/relay/udp-relay.ts";
import { type ClientName, createLoadClient, type Load, type LoadClient } from "./clients.ts";
import { cpuOfTree, memoryOf } from "./proc.ts";
import type { Scratch } from "./scratch.ts";
import { type Content, type ServerName, type StartedServer, startServer } from "./servers.ts";
import { median } from "./statistics.ts";

/** Loads before the first round: the code of a process that has just started is not compiled yet. */
const WARM_UPS = 3;

export interface PairSpec {
  readonly server: ServerName;
  readonly client: ClientName;
  readonly load: Omit<Load, "port">;
  /** "files" by default. */
  readonly content?: Content;
  /** Distinguishes pairs of the same server and client. */
  readonly label?: string;
  /** "datapath": the pair whose datagrams it imitates in size. */
  readonly datagramsOf?: string;
  /** The pair has a server of its own, which has no other connections. */
  readonly isAlone?: true;
  /** A link between them; by default there is only the loopback interface. */
  readonly link?: Pick<UdpRelayOptions, "up" | "down">;
}

/** Medians over all rounds. */
export interface PairCost {
  readonly name: string;
  /** Microseconds per round. */
  readonly serverCpu: number;
  readonly clientCpu: number;
  readonly seconds: number;
  readonly p50: number;
  readonly p99: number;
  /** Peak resident memory in bytes, up to the last round. */
  readonly serverPeak: number;
  readonly clientPeak: number;
  /** The mean size of the datagrams in the last round, if it is known. */
  readonly datagramSize: number | undefined;
  /** The individual rounds, for ratios between pairs within a round. */
  readonly rounds: readonly Round[];
}

export interface PairOptions {
  readonly rounds: number;
  /** The checkout that "before" refers to. */
  readonly before?: string;
  /** What pairs with the content "proxy" pass requests on to. */
  readonly origin?: string | undefined;
  readonly log: (line: string) => void;
}

export const pairName = ({ server, client, label }: Pick<PairSpec, "server" | "client" | "label">): string =>
  `${server} → ${client}${label === undefined ? "" : `, ${label}`}`;

interface RunningPair {
  readonly spec: PairSpec;
  readonly server: StartedServer;
  readonly client: LoadClient;
}

export interface Round {
  readonly serverCpu: number;
  readonly clientCpu: number;
  readonly bothCpu: number;
  readonly seconds: number;
  /** Bytes per second. */
  readonly goodput: number;
  /** Percentiles of the latency of requests in microseconds; 0 if the client does not tell. */
  readonly p50: number;
  readonly p99: number;
  readonly clientPeak: number;
  readonly datagramSize?: number | undefined;
}

export interface Measured {
  readonly costs: readonly PairCost[];
  /** The reasons for missing pairs. */
  readonly remarks: readonly string[];
  /** The names of the peers' servers with their versions. */
  readonly versions: readonly string[];
}

export async function measurePairs(
  specs: readonly PairSpec[],
  scratch: Scratch,
  options: PairOptions,
): Promise<Measured> {
  const open: AsyncDisposable[] = [];
  try {
    return await measure(specs, scratch, options, open);
  } finally {
    for (const each of open.reverse()) await each[Symbol.asyncDispose]();
  }
}

/** Adds everything it starts to `open`. */
async function measure(
  specs: readonly PairSpec[],
  scratch: Scratch,
  { rounds, log, before, origin }: PairOptions,
  open: AsyncDisposable[],
): Promise<Measured> {
  const servers = new Map<string, StartedServer>();
  const pairs: RunningPair[] = [];
  const remarks: string[] = [];
  for (const spec of specs) {
    try {
      const client = await createLoadClient(spec.client, scratch, log, before);
      open.push(client);
      const content = spec.content ?? "files";
      const key = spec.isAlone === true ? pairName(spec) : `${spec.server} ${content}`;
      let server = servers.get(key);
      if (server === undefined) {
        server = await startServer(spec.server, content, scratch, log, { before, origin });
        open.push(server);
        servers.set(key, server);
      }
      pairs.push({ spec, server, client });
    } catch (error) {
      if (!(error instanceof Skip)) throw error;
      remarks.push(`no ${pairName(spec)}: ${error.message}`);
    }
  }
  const sizes = new Map<string, number>();
  const noteSize = (spec: PairSpec, size: number | undefined): unknown => size && sizes.set(pairName(spec), size);
  for (const { spec, server, client } of pairs) {
    log(`warming up ${pairName(spec)}`);
    for (let i = 0; i < WARM_UPS; i += 1) {
      const cost = await client.warmUp({ ...loadOf(spec, sizes), port: server.port });
      noteSize(spec, cost?.datagramSize);
    }
  }
  const measured = pairs.map((): Round[] => []);
  for (let round = 1; round <= rounds; round += 1) {
    log(`round ${round} of ${rounds}`);
    // Reverses every other round, so that no pair always runs after the same one.
    const order = [...pairs.entries()];
    if (round % 2 === 0) order.reverse();
    for (const [i, pair] of order) {
      const measuredRound = await measureRound(pair, loadOf(pair.spec, sizes)).catch((cause: unknown) => {
        throw new Error(`${pairName(pair.spec)}, round ${round}: ${(cause as Error).message}`, { cause });
      });
      measured[i]!.push(measuredRound);
      noteSize(pair.spec, measuredRound.datagramSize);
    }
  }
  const costs = pairs.map(({ spec, server }, i): PairCost => {
    const of = (figure: Exclude<keyof Round, "datagramSize">): number =>
      median(measured[i]!.map((round) => round[figure]));
    return {
      name: pairName(spec),
      serverCpu: of("serverCpu"),
      clientCpu: of("clientCpu"),
      seconds: of("seconds"),
      p50: of("p50"),
      p99: of("p99"),
      serverPeak: memoryOf(server.pid).peak,
      clientPeak: of("clientPeak"),
      datagramSize: measured[i]!.at(-1)?.datagramSize ?? loadOf(spec, sizes).datagramSize,
      rounds: measured[i]!,
    };
  });
  const versions = new Set([...servers.values()].flatMap(({ version }) => (version === undefined ? [] : [version])));
  return { costs, remarks, versions: [...versions] };
}

/** A new relay for each round, so that the same packets are lost in each. */
async function relayTo(port: number, { link }: PairSpec): Promise<UdpRelay | undefined> {
  return link && (await startUdpRelay({ server: { host: "127.0.0.1", port }, ...link }));
}

function loadOf({ load, datagramsOf }: PairSpec, sizes: ReadonlyMap<string, number>): PairSpec["load"] {
  const size = datagramsOf === undefined ? undefined : sizes.get(datagramsOf);
  return size === undefined ? load : { ...load, datagramSize: size };
}

async function measureRound({ spec, server, client }: RunningPair, load: PairSpec["load"]): Promise<Round> {
  const before = cpuOfTree(server.pid);
  await using relay = await relayTo(server.port, spec);
  const {
    cpu,
    seconds,
    peak,
    datagramSize,
    p50 = 0,
    p99 = 0,
  } = await client.run({ ...load, port: relay?.port ?? server.port });
  const serverCpu = cpuOfTree(server.pid) - before;
  const goodput = load.bytes / seconds;
  const bothCpu = serverCpu + cpu;
  return { serverCpu, clientCpu: cpu, bothCpu, seconds, goodput, p50, p99, clientPeak: peak, datagramSize };
}
