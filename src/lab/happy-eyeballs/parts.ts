/** The tests of a client that the measurement study of 2025 made, in virtual time. */

import type { ServiceInfo } from "../../agent/index.ts";
import { part } from "../experiment.ts";
import { product } from "../figures.ts";
import { CLIENT, CLIENTS, familyOf, LIMIT, visitBy } from "./clients.ts";
import { ipv4, ipv6, NO_RECORD, type Site } from "./world.ts";

/** Milliseconds that the name server takes. */
const DNS = 20;
const NEVER = Number.POSITIVE_INFINITY;
const ANSWERS = { A: DNS, AAAA: DNS, HTTPS: DNS };

const site = (given: Partial<Site>): Site => ({
  rtt: 50,
  answers: ANSWERS,
  ipv4: ipv4(2),
  ipv6: ipv6(2),
  services: NO_RECORD,
  behaviour: () => "answers",
  ...given,
});

export const deadFamily = part({
  name: "dead-family",
  title: "A dead family",
  setup:
    `A site has two addresses of each family; those of IPv6 answer nothing. DNS takes ${DNS} ms. A connection is TCP with TLS 1.3, which ` +
    "takes two round trips.",
  parameters: { client: CLIENT, rtt: { title: "RTT", unit: "ms" } },
  figures: {
    connected: { title: "connected after", unit: "ms" },
    attempts: { title: "attempts" },
    family: { title: "by" },
  },
  cells: product({ client: CLIENTS, rtt: [20, 100, 240, 260, 400, 800] as const }),
  isQuick: () => true,
  repetitions: 1,
  measure({ client, rtt }, run) {
    const behaviour: Site["behaviour"] = (address) => (familyOf(address) === "IPv6" ? "silent" : "answers");
    const { connected, winner, attempts } = visitBy(client, site({ rtt, behaviour }), run);
    return {
      connected: connected ?? null,
      attempts: attempts.length,
      family: winner === undefined ? null : familyOf(winner.address),
    };
  },
  plots: [
    {
      kind: "lines",
      title: "Time to a connection where IPv6 is dead",
      x: { column: "rtt" },
      y: { column: "connected" },
      series: "client",
    },
  ],
});

export const slowFamily = part({
  name: "slow-family",
  title: "A slow family",
  setup: `A site has an address of each family; IPv4 is 20 ms away, IPv6 farther, in steps of 10 ms. DNS takes ${DNS} ms.`,
  parameters: { client: CLIENT, rtt: { title: "RTT of IPv6", unit: "ms" } },
  figures: { connected: { title: "connected after", unit: "ms" }, family: { title: "by" } },
  cells: product({
    client: CLIENTS,
    rtt: [200, 210, 220, 230, 240, 250, 260, 270, 280, 290, 300, 400] as const,
  }),
  isQuick: () => true,
  repetitions: 1,
  measure({ client, rtt }, run) {
    const { connected, winner } = visitBy(client, site({ rtt: 20, ipv6Rtt: rtt, ipv4: ipv4(1), ipv6: ipv6(1) }), run);
    return { connected: connected ?? null, family: winner === undefined ? null : familyOf(winner.address) };
  },
  plots: [],
});

export const questions = part({
  name: "questions",
  title: "Questions",
  setup: "What a client asks the name server, in order. Under Node's rules, the system's lookup asks.",
  parameters: { client: CLIENT },
  figures: { questions: { title: "questions" } },
  cells: product({ client: CLIENTS }),
  isQuick: () => true,
  repetitions: 1,
  measure({ client }, run) {
    return { questions: visitBy(client, site({}), run).questions?.join(", ") ?? null };
  },
  plots: [],
});

export const lateAnswers = part({
  name: "late-answers",
  title: "A late answer",
  setup: `The answer for one family comes after ${DNS} ms, that for the other later or never. All addresses answer; the RTT is 50 ms.`,
  parameters: {
    client: CLIENT,
    late: { title: "late answer", labels: { AAAA: "AAAA", A: "A" } },
    by: { title: "later by", unit: "ms", labels: { never: "never" } },
  },
  figures: { first: { title: "first attempt after", unit: "ms" }, family: { title: "with" } },
  cells: product({
    client: CLIENTS,
    late: ["AAAA", "A"] as const,
    by: [0, 20, 49, 51, 200, 1_000, "never"] as const,
  }),
  isQuick: () => true,
  repetitions: 1,
  measure({ client, late, by }, run) {
    const at = by === "never" ? NEVER : DNS + by;
    const [first] = visitBy(client, site({ answers: { ...ANSWERS, [late]: at } }), run).attempts;
    return { first: first?.at ?? null, family: first === undefined ? null : familyOf(first.address) };
  },
  plots: [],
});

const WATCHED = 2_500;

export const allSilent = part({
  name: "all-silent",
  title: "The order of addresses",
  setup: `A site has four addresses of each family, and none answers. The client is watched for ${WATCHED / 1_000} s.`,
  parameters: { client: CLIENT },
  figures: {
    attempts: { title: "attempts" },
    ipv6: { title: "of IPv6" },
    order: { title: "families in order" },
    spacing: { title: "between attempts", unit: "ms" },
  },
  cells: product({ client: CLIENTS }),
  isQuick: () => true,
  repetitions: 1,
  measure({ client }, run) {
    const dead = site({ ipv4: ipv4(4), ipv6: ipv6(4), behaviour: () => "silent" });
    const { attempts } = visitBy(client, dead, run, WATCHED);
    const families = attempts.map(({ address }) => familyOf(address));
    const gaps = new Set(attempts.slice(1).map(({ at }, i) => at - attempts[i]!.at));
    return {
      attempts: attempts.length,
      ipv6: families.filter((each) => each === "IPv6").length,
      order: families.map((each) => each.slice(-1)).join(" "),
      spacing: [...gaps].join(", "),
    };
  },
  plots: [],
});

const service = (alpn: readonly string[]): ServiceInfo => ({
  kind: "services",
  services: [
    {
      priority: 1,
      target: "site.test.",
      port: undefined,
      alpn,
      hints: [],
      hasEch: false,
      quicv: [],
      preconnectHint: [],
    },
  ],
});
const RECORDS = { none: NO_RECORD, h2: service(["h2"]), h3: service(["h3", "h2"]) };

export const records = part({
  name: "https-records",
  title: "HTTPS records",
  setup:
    "A client of version 3 that supports HTTP/3 visits a site. UDP may be blocked on the way. The RTT is 100 ms; QUIC takes one round trip, TCP with " +
    `TLS two. Addresses come after ${DNS} ms, the answer about the record later by the time given, or never.`,
  parameters: {
    record: { title: "record", labels: { none: "none", h2: "alpn=h2", h3: "alpn=h3,h2" } },
    by: { title: "later by", unit: "ms", labels: { never: "never" } },
    udp: { title: "UDP", labels: { open: "open", blocked: "blocked" } },
  },
  figures: {
    connected: { title: "connected after", unit: "ms" },
    protocol: { title: "over" },
    attempts: { title: "attempts" },
  },
  cells: product({
    record: ["none", "h2", "h3"] as const,
    by: [0, 30, "never"] as const,
    udp: ["open", "blocked"] as const,
  }).filter(({ record, by }) => record === "none" || by !== "never"),
  isQuick: () => true,
  repetitions: 1,
  measure({ record, by, udp }, run) {
    const visited = site({
      rtt: 100,
      answers: { ...ANSWERS, HTTPS: by === "never" ? NEVER : DNS + by },
      services: RECORDS[record],
      behaviour: (_address, transport) => (transport === "quic" && udp === "blocked" ? "silent" : "answers"),
    });
    const { connected, winner, attempts } = visitBy("v3", visited, run, LIMIT, ["quic", "tcp"]);
    return {
      connected: connected ?? null,
      protocol: winner === undefined ? null : winner.transport === "quic" ? "QUIC" : "TCP",
      attempts: attempts.length,
    };
  },
  plots: [],
});
