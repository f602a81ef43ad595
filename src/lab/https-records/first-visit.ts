/** First visits of sites, by clients that do and do not ask for HTTPS records. */

import { millis } from "../../base/time.ts";
import { VERSION_1 } from "../../quic/index.ts";
import { part, type Run, type Values } from "../experiment.ts";
import { product } from "../figures.ts";
import type { BrowserOptions, Visit } from "../first-byte/browser.ts";
import { browse, DNS_RTT, millisAt, type PlacedSite, type WebOptions } from "../first-byte/network.ts";

/** Milliseconds; RFC 8305 §8. */
export const ATTEMPT_DELAY = 250;
/** Milliseconds to a place that a record names. */
export const NEAR_RTT = 10;

const HOST = "www.example";
const NEAR = "10.0.0.3";
const NEAR_PORT = 8_443;
const ADDRESS = "10.0.0.2";

type Client = "alt-svc" | "unasked" | "records";
const CLIENTS: Readonly<Record<Client, Omit<BrowserOptions, keyof Run>>> = {
  "alt-svc": { usesRecords: false, transports: ["tcp"], versions: [VERSION_1] },
  unasked: { usesRecords: false, transports: ["quic", "tcp"], versions: [VERSION_1] },
  records: { usesRecords: true, transports: ["quic", "tcp"], versions: [VERSION_1] },
};

const SITES = {
  h3: "www HTTPS 1 . alpn=h3,h2\n",
  h2: "www HTTPS 1 . alpn=h2\n",
  alias: "www HTTPS 0 edge\nedge A 10.0.0.2\nedge HTTPS 1 . alpn=h3,h2\n",
  elsewhere: `www HTTPS 1 near alpn=h3 port=${NEAR_PORT}\nnear A ${NEAR}\n`,
} as const;
type SiteName = keyof typeof SITES;

const quic = [VERSION_1];

function visitOnce(web: Omit<WebOptions, keyof Run | "browser">, client: Client, run: Run): Values {
  let visit: Visit | undefined;
  const { names } = browse(
    { ...run, ...web, browser: CLIENTS[client] },
    ({ browser }, now) => {
      visit = browser.visit({ host: HOST }, true, now);
    },
    () => visit?.firstByteAt !== undefined,
  );
  const winner = visit!.winner?.place.transport;
  return {
    firstByte: millisAt(visit!.firstByteAt),
    over: winner === undefined ? null : winner === "quic" ? "QUIC" : "TCP",
    attempts: visit!.attempts.length,
    questions: names.asked,
  };
}

const FIGURES = {
  firstByte: { title: "first byte after", unit: "ms" },
  over: { title: "over" },
  attempts: { title: "attempts" },
  questions: { title: "questions" },
};

export const firstVisits = part({
  name: "first-visit",
  title: "A first visit",
  setup:
    `The name server is ${DNS_RTT} ms away, and answers at once. The client's cache is empty. TCP with TLS 1.3 is a model that takes two round trips; names, the race and ` +
    "QUIC are our own. The first byte of the response ends a run. A site elsewhere has a record that names another host, 10 ms away, and another port.",
  parameters: {
    client: {
      title: "client",
      labels: {
        "alt-svc": "waits for Alt-Svc",
        unasked: "tries QUIC unasked",
        records: "asks for records",
      },
    },
    site: {
      title: "site",
      labels: { h3: "HTTP/3 and 2", h2: "HTTP/2, UDP blocked", alias: "an alias", elsewhere: "HTTP/3 elsewhere" },
    },
    rtt: { title: "RTT", unit: "ms" },
  },
  figures: FIGURES,
  cells: product({
    client: ["alt-svc", "unasked", "records"] as const,
    site: Object.keys(SITES) as SiteName[],
    rtt: [20, 50, 100, 200] as const,
  }),
  isQuick: ({ rtt }) => rtt === 50,
  repetitions: 1,
  measure({ client, site, rtt }, run) {
    const origin: PlacedSite = { address: ADDRESS, rtt, quic: site === "h2" ? undefined : quic, thinks: millis(0) };
    const near: PlacedSite = { address: NEAR, port: NEAR_PORT, rtt: NEAR_RTT, quic, thinks: millis(0) };
    return visitOnce({ zone: `www A ${ADDRESS}\n${SITES[site]}`, sites: [origin, near] }, client, run);
  },
  plots: [
    {
      kind: "lines",
      title: "Time to a first byte at the first visit",
      x: { column: "rtt" },
      y: { column: "firstByte" },
      series: "client",
      panels: "site",
    },
  ],
});

const RTT = 50;

export const lateAddresses = part({
  name: "late-addresses",
  title: "Late addresses",
  setup: `The record's answer comes after ${DNS_RTT} ms, those for addresses later. The record has hints, or not. The RTT is ${RTT} ms.`,
  parameters: {
    hints: { title: "ipv4hint", labels: { yes: "yes", no: "no" } },
    by: { title: "addresses late by", unit: "ms" },
  },
  figures: FIGURES,
  cells: product({ hints: ["no", "yes"] as const, by: [0, 20, 50, 100, 200] as const }),
  isQuick: () => true,
  repetitions: 1,
  measure({ hints, by }, run) {
    const hint = hints === "yes" ? ` ipv4hint=${ADDRESS}` : "";
    const site: PlacedSite = { address: ADDRESS, rtt: RTT, quic, thinks: millis(0) };
    const zone = `www A ${ADDRESS}\nwww HTTPS 1 . alpn=h3,h2${hint}\n`;
    return visitOnce({ zone, late: { A: millis(by) }, sites: [site] }, "records", run);
  },
  plots: [],
});
