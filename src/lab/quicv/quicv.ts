/** What it saves to know a server's versions of QUIC before the first packet (draft-duke-httpbis-quic-version-alt-svc). */

import { millis } from "../../base/time.ts";
import { VERSION_1, VERSION_2 } from "../../quic/index.ts";
import type { ClaimSpec, Experiment, Row, Values } from "../experiment.ts";
import { part } from "../experiment.ts";
import { product } from "../figures.ts";
import type { Visit } from "../first-byte/browser.ts";
import { browse, DNS_RTT, millisAt } from "../first-byte/network.ts";
import { rowsOf } from "../rows.ts";

const SERVERS = { v1: [VERSION_1], v2: [VERSION_2], both: [VERSION_2, VERSION_1] } as const;
type ServerName = keyof typeof SERVERS;

/** Of the record: 65401 is quicv, 32 bits for each version. */
const RECORDS = {
  none: "",
  v1: String.raw` key65401="\000\000\000\001"`,
  v2: String.raw` key65401="\107\051\067\207"`,
} as const;
type RecordName = keyof typeof RECORDS;

const VERSIONS = { "1 first": [VERSION_1, VERSION_2], "2 first": [VERSION_2, VERSION_1] } as const;

const firstFlights = part({
  name: "first-flight",
  title: "The version of the first flight",
  setup:
    `A client that supports versions 1 and 2 visits a site whose HTTPS record names its versions, or not. The name server is ${DNS_RTT} ms away. The first byte of the ` +
    "response ends a run. Everything is our own: names, the race, QUIC.",
  parameters: {
    client: { title: "client", labels: { "1 first": "version 1 first", "2 first": "version 2 first" } },
    server: { title: "server", labels: { v1: "version 1", v2: "version 2", both: "2 and 1" } },
    record: { title: "record", labels: { none: "without quicv", v1: "quicv=1", v2: "quicv=2" } },
    rtt: { title: "RTT", unit: "ms" },
  },
  figures: {
    firstByte: { title: "first byte after", unit: "ms" },
    trips: { title: "after DNS", unit: "RTT", digits: 2 },
    version: { title: "version" },
  },
  cells: product({
    client: Object.keys(VERSIONS) as (keyof typeof VERSIONS)[],
    server: Object.keys(SERVERS) as ServerName[],
    record: Object.keys(RECORDS) as RecordName[],
    rtt: [20, 100] as const,
  }),
  isQuick: ({ rtt }) => rtt === 100,
  repetitions: 1,
  measure({ client, server, record, rtt }, run) {
    let visit: Visit | undefined;
    browse(
      {
        ...run,
        browser: { usesRecords: true, transports: ["quic"], versions: VERSIONS[client] },
        zone: `www A 10.0.0.2\nwww HTTPS 1 . alpn=h3${RECORDS[record]}\n`,
        sites: [{ address: "10.0.0.2", rtt, quic: SERVERS[server], thinks: millis(0) }],
      },
      ({ browser }, now) => {
        visit = browser.visit({ host: "www.example" }, true, now);
      },
      () => visit?.firstByteAt !== undefined,
    );
    const firstByte = millisAt(visit!.firstByteAt);
    return {
      firstByte,
      trips: firstByte === null ? null : (firstByte - DNS_RTT) / rtt,
      version: visit!.winner?.connection?.version === VERSION_2 ? 2 : 1,
    };
  },
  plots: [
    {
      kind: "lines",
      title: "Round trips after DNS, client with version 1 first: servers as panels",
      x: { column: "rtt" },
      y: { column: "firstByte" },
      series: "record",
      panels: "server",
    },
  ],
});

const expected = (
  claim: Omit<ClaimSpec, "judge">,
  where: Values,
  isMet: (row: Row) => boolean,
  also: (row: Row) => boolean = () => true,
): ClaimSpec => ({
  ...claim,
  judge(rows) {
    const found = rowsOf(rows, "first-flight", where).filter(also);
    if (found.length === 0) return undefined;
    const text = new Set(found.map(({ trips, version }) => `${trips} RTT with version ${version}`));
    return { ours: [...text].join(", "), met: found.every(isMet) };
  },
});

export const quicv: Experiment = {
  name: "quicv",
  title: "Known versions of QUIC",
  summary: "the time to a first byte if the HTTPS record names the server's versions of QUIC, and if not",
  takes: "seconds",
  parts: [firstFlights],
  claims: [
    expected(
      {
        name: "A first flight in a version that the server lacks costs a round trip",
        source: "RFC 9368 §2.1",
        theirs: "Version Negotiation: three round trips to the first byte",
      },
      { client: "1 first", server: "v2", record: "none" },
      ({ trips, version }) => trips === 3 && version === 2,
    ),
    expected(
      {
        name: "quicv saves it",
        source: "draft-duke-httpbis-quic-version-alt-svc §1",
        theirs: "the first flight is in a version that the server has: two round trips",
      },
      { client: "1 first", server: "v2", record: "v2" },
      ({ trips, version }) => trips === 2 && version === 2,
    ),
    expected(
      {
        name: "The same for a client that begins with version 2",
        source: "draft-duke-httpbis-quic-version-alt-svc §1",
        theirs: "two round trips to a server with version 1 alone",
      },
      { client: "2 first", server: "v1", record: "v1" },
      ({ trips, version }) => trips === 2 && version === 1,
    ),
    expected(
      {
        name: "A server with both needs no record",
        source: "RFC 9368 §2.3",
        theirs: "compatible negotiation takes no round trip",
      },
      { server: "both" },
      ({ trips }) => trips === 2,
    ),
    expected(
      {
        name: "A wrong record costs a round trip, and no more",
        source: "RFC 9368 §4: a hint is not trusted",
        theirs: "Version Negotiation, as without a record",
      },
      {},
      ({ trips, version, server }) => trips === 3 && `v${version}` === server,
      ({ server, record }) => (server === "v1" && record === "v2") || (server === "v2" && record === "v1"),
    ),
  ],
};
