/** Two downloads at once over one link, and the share of each: our controllers beside each other and beside the kernel's TCP. */

import { setTimeout as sleep } from "node:timers/promises";
import { debianProgram } from "../interop/install/debian.ts";
import { Skip } from "../interop/result.ts";
import { millis } from "../src/base/time.ts";
import type { CongestionControl } from "../src/congestion/index.ts";
import { startUdpRelay } from "../src/host/relay/udp-relay.ts";
import { missingForNamespaces, Namespaces } from "../src/host/tap/testing/namespaces.ts";
import type { Bench } from "./bench.ts";
import { type Flow, quicFlow, type Server, tcpFlow } from "./flows.ts";
import type { ServerReady, TcpFlowOrder } from "./messages.ts";
import { OwnProcess } from "./own-process.ts";
import type { Report, Row } from "./report.ts";
import { createScratch, type Scratch } from "./scratch.ts";
import { startOwn } from "./servers.ts";
import { median, rounded } from "./statistics.ts";

const ROUNDS = 4;
/** Milliseconds: slow start and the first convergence do not count. */
const SETTLE = 6_000;
const SPAN = 30_000;

/** 20 Mbit/s, a round trip of 50 ms, and a queue for the bytes of one round trip. */
const RATE = 20e6;
const BDP = (RATE * 0.05) / 8;
const LINK = { delay: millis(25), rate: RATE, queue: { type: "drop-tail", bytes: BDP } } as const;

const NETWORK = "10.77.0";

type Sender = CongestionControl | "kernel";

interface RelayPairing {
  readonly over: "relay";
  /** Of both flows, which come from one server. */
  readonly control: CongestionControl;
}

interface WirePairing {
  readonly over: "wire";
  readonly senders: readonly [Sender, Sender];
}

/** Without a target it is information. */
type Pairing = (RelayPairing | WirePairing) & { readonly target?: true };

const PAIRINGS: readonly Pairing[] = [
  { over: "relay", control: "cubic", target: true },
  { over: "relay", control: "bbr" },
  { over: "wire", senders: ["cubic", "kernel"], target: true },
  { over: "wire", senders: ["cubic", "newreno"] },
  { over: "wire", senders: ["kernel", "kernel"] },
];

const NAMES = { cubic: "CUBIC", newreno: "NewReno", bbr: "BBR", kernel: "the kernel's TCP" };

function nameOf(pairing: Pairing): string {
  const [first, second] = pairing.over === "relay" ? [pairing.control, pairing.control] : pairing.senders;
  return `${NAMES[first]} + ${NAMES[second]}, ${pairing.over}`;
}

/** Where the flows of a pairing run: starts one of each sender, for one round. */
interface Place extends AsyncDisposable {
  /** Adds what it starts to `open`. */
  start(open: AsyncDisposable[]): Promise<[Flow, Flow]>;
}

async function relayPlace({ control }: RelayPairing, scratch: Scratch, gtlsclient: string): Promise<Place> {
  const host = "127.0.0.1";
  const server = await startOwn("own-server", scratch, { congestionControl: control });
  return {
    async start(open) {
      const relay = await startUdpRelay({ server: { host, port: server.port }, up: LINK, down: LINK });
      open.push(relay);
      const start = async (): Promise<Flow> => {
        const flow = await quicFlow({ host, port: relay.port }, { gtlsclient, folder: scratch.directory });
        open.push(flow);
        return flow;
      };
      return [await start(), await start()];
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** The servers are in the second namespace, and the clients in the first. */
async function wirePlace(
  { senders }: WirePairing,
  scratch: Scratch,
  gtlsclient: string,
  both: Namespaces,
): Promise<Place> {
  const { first, second } = both;
  const host = second.address;
  const open: AsyncDisposable[] = [];
  const close = async (): Promise<void> => {
    for (const each of open.reverse()) await each[Symbol.asyncDispose]();
  };
  const servers: (Server & { readonly sender: Sender })[] = [];
  try {
    for (const sender of senders) {
      if (sender === "kernel") {
        const process = new OwnProcess("tcp-flow", { exec: second.exec });
        open.push(process);
        const { port } = await process.request<ServerReady>({ host } satisfies TcpFlowOrder);
        servers.push({ sender, host, port });
      } else {
        const options = { congestionControl: sender, host, exec: second.exec };
        const server = await startOwn("own-server", scratch, options);
        open.push(server);
        servers.push({ sender, host, port: server.port });
      }
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    async start(started) {
      const flows: Flow[] = [];
      const options = { gtlsclient, folder: scratch.directory, exec: first.exec };
      for (const { sender, ...server } of servers) {
        const flow = sender === "kernel" ? tcpFlow(server, first.exec) : await quicFlow(server, options);
        started.push(flow);
        flows.push(flow);
      }
      return flows as [Flow, Flow];
    },
    [Symbol.asyncDispose]: close,
  };
}

/** Bytes per second of both flows. */
async function measure(place: Place, signal: AbortSignal): Promise<[number, number]> {
  const open: AsyncDisposable[] = [];
  try {
    const flows = await place.start(open);
    const look = async (): Promise<[number, number]> => [await flows[0].received(), await flows[1].received()];
    await sleep(SETTLE, undefined, { signal });
    const [before, started] = [await look(), performance.now()];
    await sleep(SPAN, undefined, { signal });
    const [after, seconds] = [await look(), (performance.now() - started) / 1_000];
    return [(after[0] - before[0]) / seconds, (after[1] - before[1]) / seconds];
  } finally {
    for (const each of open.reverse()) await each[Symbol.asyncDispose]();
  }
}

async function connectNamespaces(): Promise<Namespaces> {
  const missing = await missingForNamespaces();
  if (missing !== undefined) throw new Skip(`this machine has no ${missing}`);
  const both = await Namespaces.connect(NETWORK, { up: LINK, down: LINK });
  try {
    // The kernel would otherwise begin with what it remembers of the previous flow to the same address.
    both.second.set("net.ipv4.tcp_no_metrics_save", "1");
    // A route may have any controller; as the namespace's default, some kernels allow only the machine's.
    both.second.ip("route", "replace", `${NETWORK}.0/24`, "dev", both.second.name, "congctl", "cubic");
  } catch (error) {
    both[Symbol.dispose]();
    throw error;
  }
  return both;
}

export const fairness: Bench = async ({ rounds = ROUNDS, only, log }) => {
  const wanted = PAIRINGS.filter((pairing) => nameOf(pairing).includes(only ?? ""));
  const remarks: string[] = [];
  const results = new Map<Pairing, [number, number][]>();
  // Ends in an orderly way, because namespaces would remain.
  const interrupted = new AbortController();
  const interrupt = (): void => interrupted.abort();
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
  using scratch = createScratch(1);
  let namespaces: Namespaces | undefined;
  const places = new Map<Pairing, Place>();
  try {
    const gtlsclient = await debianProgram("gtlsclient", "ngtcp2-client", log);
    for (const pairing of wanted) {
      try {
        const place =
          pairing.over === "relay"
            ? await relayPlace(pairing, scratch, gtlsclient)
            : await wirePlace(pairing, scratch, gtlsclient, (namespaces ??= await connectNamespaces()));
        places.set(pairing, place);
        results.set(pairing, []);
      } catch (error) {
        if (!(error instanceof Skip)) throw error;
        remarks.push(`no ${nameOf(pairing)}: ${error.message}`);
      }
    }
    for (let round = 1; round <= rounds; round += 1) {
      for (const [pairing, place] of places) {
        const rates = await measure(place, interrupted.signal);
        const mbits = rates.map((rate) => ((rate * 8) / 1e6).toFixed(1)).join(" + ");
        log(`round ${round} of ${rounds}: ${nameOf(pairing)}: ${mbits} Mbit/s`);
        results.get(pairing)!.push(rates);
      }
    }
  } finally {
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
    for (const place of places.values()) await place[Symbol.asyncDispose]();
    namespaces?.[Symbol.dispose]();
  }
  return report(results, remarks);
};

function report(results: ReadonlyMap<Pairing, [number, number][]>, remarks: readonly string[]): Report {
  const rows = [...results].map(([pairing, rates]): Row => {
    const shares = rates.map(([first, second]) => first / (first + second));
    const larger = shares.map((share) => Math.max(share, 1 - share));
    const total = median(rates.map(([first, second]) => first + second));
    return {
      name: nameOf(pairing),
      figures: {
        "first flow's share": rounded(median(shares)),
        "larger share": rounded(median(larger)),
        "largest of a round": rounded(Math.max(...larger)),
        "Mbit/s": rounded((total * 8) / 1e6),
      },
    };
  });
  const targets = PAIRINGS.filter(({ target }) => target).map((pairing) => ({
    of: `${nameOf(pairing)}: larger share`,
    atMost: 0.6,
  }));
  return { rows, ratios: {}, targets, remarks };
}
