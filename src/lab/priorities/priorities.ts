/** What priorities (RFC 9218) are worth to a page, beside other rules and HTTP/2. */

import type { ClaimSpec, Experiment, FigureColumn } from "../experiment.ts";
import { part } from "../experiment.ts";
import { product } from "../figures.ts";
import { figureOf, range } from "../rows.ts";
import { RATE, RTT } from "./network.ts";
import { loadOverHttp2 } from "./over-http2.ts";
import { loadOverHttp3 } from "./over-http3.ts";
import { BLOCKING_BYTES, PAGE_BYTES, RESOURCES } from "./page.ts";
import { RULES } from "./rules.ts";

const FIGURES: Readonly<Record<string, FigureColumn>> = {
  blocking: { title: "render-blocking", unit: "ms" },
  pictures: { title: "all pictures once", unit: "ms" },
  page: { title: "everything", unit: "ms" },
};

const LOSS = { title: "loss", unit: "%" };
const REPETITIONS = 3;

const LINK = `${RATE / 1e6} Mbit/s and ${RTT} ms`;

const http3 = part({
  name: "http3",
  title: "A page over HTTP/3",
  setup:
    `A page of ${RESOURCES.length} resources and ${PAGE_BYTES / 1_000} kB over ${LINK}: style, fonts and two scripts block rendering ` +
    `(${BLOCKING_BYTES / 1_000} kB with the page), twelve progressive JPEGs do not. The browser asks as Chromium does, and prefetches the scripts with u=4 until the ` +
    "parser needs them, when PRIORITY_UPDATE says u=1. Times are from the first request to the last render-blocking byte, to 15 % of every " +
    "picture, which is its first scan, and to the last byte. Client and server are ours; rules of other servers are models of what they publish.",
  parameters: { rule: { title: "rules", labels: RULES }, loss: LOSS },
  figures: FIGURES,
  cells: product({ rule: ["nagare", "quiche", "h2o", "arrival", "turns"] as const, loss: [0, 2] as const }),
  isQuick: ({ loss }) => loss === 0,
  repetitions: REPETITIONS,
  measure: ({ rule, loss }, run) => loadOverHttp3({ ...run, rule, loss: loss / 100, promotes: true }),
  plots: [
    {
      kind: "bars",
      title: "Last render-blocking byte, ms, without loss",
      category: "rule",
      value: "blocking",
      where: { loss: 0 },
    },
  ],
});

const update = part({
  name: "update",
  title: "A browser that changes its mind",
  setup: "The same page over HTTP/3 under our rules, with PRIORITY_UPDATE frames and without them.",
  parameters: { frames: { title: "PRIORITY_UPDATE", labels: { yes: "sent", no: "not sent" } } },
  figures: FIGURES,
  cells: product({ frames: ["yes", "no"] as const }),
  isQuick: () => true,
  repetitions: REPETITIONS,
  measure: ({ frames }, run) => loadOverHttp3({ ...run, rule: "nagare", loss: 0, promotes: frames === "yes" }),
  plots: [],
});

const http2 = part({
  name: "http2",
  title: "The same page over one ordered stream",
  setup:
    "As HTTP/2 over TCP: frames of at most 16 kB of all responses share one ordered stream. What the server has written ahead of the network, into the socket, " +
    "cannot be overtaken. 16 kB is about TCP_NOTSENT_LOWAT, a megabyte a socket buffer that the kernel has grown.",
  parameters: {
    order: {
      title: "order",
      labels: { turns: "in turns", field: "by the field", frame: "by the field and PRIORITY_UPDATE" },
    },
    ahead: { title: "written ahead", unit: "kB" },
  },
  figures: FIGURES,
  cells: product({ order: ["turns", "field", "frame"] as const, ahead: [16, 128, 1_024] as const }),
  isQuick: ({ ahead }) => ahead !== 128,
  repetitions: REPETITIONS,
  measure: ({ order, ahead }, run) =>
    loadOverHttp2({
      ...run,
      loss: 0,
      takesTurns: order === "turns",
      promotes: order === "frame",
      ahead: ahead * 1024,
    }),
  plots: [],
});

/** How much sooner one time is than another, in percent. */
const sooner = (time: number, than: number): number => 100 * (1 - time / than);

/** Whole percents, without a negative zero. */
const percent = (value: number): number => Math.round(value) + 0;

/** Compares figures of our rules with another one's, at every loss that was measured. */
const compared = (
  claim: Omit<ClaimSpec, "judge">,
  figure: string,
  against: keyof typeof RULES,
  isMet: (ours: number, theirs: number) => boolean,
  word: "sooner" | "later" = "later",
): ClaimSpec => ({
  ...claim,
  judge(rows) {
    const pairs = [0, 2].flatMap((loss) => {
      const ours = figureOf(rows, "http3", figure, { rule: "nagare", loss });
      const theirs = figureOf(rows, "http3", figure, { rule: against, loss });
      return ours === undefined || theirs === undefined ? [] : [{ ours, theirs }];
    });
    if (pairs.length === 0) return undefined;
    const sign = word === "sooner" ? 1 : -1;
    const percents = pairs.map(({ ours, theirs }) => percent(sign * sooner(ours, theirs)));
    return {
      ours: `${range(percents, 0, "%")} ${word}`,
      met: pairs.every(({ ours, theirs }) => isMet(ours, theirs)),
    };
  },
});

const CLAIMS: readonly ClaimSpec[] = [
  compared(
    {
      name: "What blocks rendering comes sooner than in turns",
      source: "RFC 9218 §1, §10",
      theirs: "better performance than without priorities; here: at least 40 % sooner, also with loss",
    },
    "blocking",
    "turns",
    (ours, theirs) => sooner(ours, theirs) >= 40,
    "sooner",
  ),
  compared(
    {
      name: "The whole page does not pay for it",
      source: "RFC 9218 §10",
      theirs: "only the order changes; here: at most 3 % later than in turns",
    },
    "page",
    "turns",
    (ours, theirs) => ours <= 1.03 * theirs,
  ),
  compared(
    {
      name: "Sharing within an urgency costs little beside quiche",
      source: "quiche, the order of stream priorities",
      theirs: "non-incremental responses strictly first; here: ours at most 10 % later",
    },
    "blocking",
    "quiche",
    (ours, theirs) => ours <= 1.1 * theirs,
  ),
  compared(
    {
      name: "The same beside h2o",
      source: "h2o, the scheduler of HTTP/3",
      theirs: "the same, after a first packet of each; here: ours at most 10 % later",
    },
    "blocking",
    "h2o",
    (ours, theirs) => ours <= 1.1 * theirs,
  ),
  {
    name: "A browser that needs a prefetched script gets it sooner",
    source: "RFC 9218 §7",
    theirs: "reprioritisation; here: at least 30 % sooner than without PRIORITY_UPDATE",
    judge(rows) {
      const [sent, not] = ["yes", "no"].map((frames) => figureOf(rows, "update", "blocking", { frames }));
      if (sent === undefined || not === undefined) return undefined;
      return { ours: `${sooner(sent, not).toFixed(0)} % sooner`, met: sooner(sent, not) >= 30 };
    },
  },
  {
    name: "HTTP/2 needs a short queue in the socket",
    source: "RFC 9218 §10",
    theirs:
      "what is written cannot be overtaken; here: at least 30 % sooner with 16 kB written ahead than with a megabyte",
    judge(rows) {
      const [short, long] = [16, 1_024].map((ahead) => figureOf(rows, "http2", "blocking", { order: "frame", ahead }));
      if (short === undefined || long === undefined) return undefined;
      return { ours: `${sooner(short, long).toFixed(0)} % sooner`, met: sooner(short, long) >= 30 };
    },
  },
];

export const priorities: Experiment = {
  name: "priorities",
  title: "Extensible priorities",
  summary: "a page load over HTTP/3 and HTTP/2: RFC 9218, beside turns and other servers' rules",
  takes: "10 s",
  parts: [http3, update, http2],
  claims: CLAIMS,
};
