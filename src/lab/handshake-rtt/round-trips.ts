/** How many round trips pass before a request and before its response, for each way to connect. */

import { millis, toMillis } from "../../base/time.ts";
import { VERSION_1, VERSION_2 } from "../../quic/index.ts";
import { part } from "../experiment.ts";
import { product } from "../figures.ts";
import { type VisitOptions, visit } from "./visit.ts";

type Kind = Omit<VisitOptions, "seed" | "engine" | "delay">;

/** Bytes. */
const CHAIN = 8_000;

const KINDS = {
  v1: { version: VERSION_1 },
  v2: { version: VERSION_2, clientVersions: [VERSION_2, VERSION_1] },
  compatible: { version: VERSION_1, serverVersions: [VERSION_2, VERSION_1] },
  negotiation: { version: VERSION_1, serverVersions: [VERSION_2] },
  retry: { version: VERSION_1, retry: true },
  token: { version: VERSION_1, retry: true, kept: { token: true } },
  "hello-retry": { version: VERSION_1, serverGroups: ["secp256r1"] },
  chain: { version: VERSION_1, chain: CHAIN },
  resumption: { version: VERSION_1, kept: { session: true } },
  "chain-resumption": { version: VERSION_1, chain: CHAIN, kept: { session: true } },
  "zero-rtt": { version: VERSION_1, kept: { earlyData: "accepted" } },
  "zero-rtt-rejected": { version: VERSION_1, kept: { earlyData: "rejected" } },
  "zero-rtt-retry": { version: VERSION_1, retry: true, kept: { earlyData: "accepted" } },
  "zero-rtt-token": { version: VERSION_1, retry: true, kept: { earlyData: "accepted", token: true } },
} as const satisfies Record<string, Kind>;

export type ConnectionKind = keyof typeof KINDS;

const LABELS: Readonly<Record<ConnectionKind, string>> = {
  v1: "version 1",
  v2: "version 2",
  compatible: "version 1, converted to 2",
  negotiation: "version 1, then 2 after Version Negotiation",
  retry: "Retry",
  token: "Retry, with an earlier token",
  "hello-retry": "HelloRetryRequest",
  chain: "certificates of 8 kB",
  resumption: "resumption",
  "chain-resumption": "certificates of 8 kB, resumption",
  "zero-rtt": "0-RTT",
  "zero-rtt-rejected": "0-RTT, rejected",
  "zero-rtt-retry": "0-RTT, Retry",
  "zero-rtt-token": "0-RTT, Retry, with an earlier token",
};

export const roundTrips = part({
  name: "round-trips",
  title: "Round trips to a response",
  setup:
    "A client connects and sends a request of 100 bytes as soon as it can. Nothing is lost, and the link takes no time for bytes: only " +
    "the delay counts. The first byte of the response ends a run. The client supports versions 1 and 2. An earlier token or session is that of a first connection.",
  parameters: { kind: { title: "connection", labels: LABELS }, rtt: { title: "RTT", unit: "ms" } },
  figures: {
    request: { title: "request sent after", unit: "RTT", digits: 2 },
    response: { title: "response after", unit: "RTT", digits: 2 },
    version: { title: "version" },
    session: { title: "session", labels: { new: "new", resumed: "resumed", early: "resumed, with early data" } },
    milliseconds: { title: "response after", unit: "ms", digits: 1 },
  },
  cells: product({ kind: Object.keys(KINDS) as ConnectionKind[], rtt: [10, 50, 200] as const }),
  isQuick: ({ rtt }) => rtt === 50,
  repetitions: 1,
  measure({ kind, rtt }, run) {
    const figures = visit({ ...run, ...KINDS[kind], delay: millis(rtt / 2) });
    return {
      request: toMillis(figures.request) / rtt,
      response: toMillis(figures.response) / rtt,
      version: figures.version === VERSION_2 ? 2 : 1,
      session: figures.acceptedEarlyData ? "early" : figures.resumed ? "resumed" : "new",
      milliseconds: toMillis(figures.response),
    };
  },
  plots: [
    { kind: "bars", title: "Round trips to the response", category: "kind", value: "response", where: { rtt: 50 } },
  ],
});
