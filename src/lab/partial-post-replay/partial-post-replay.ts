/** What Partial POST Replay saves and costs while origins restart under uploads. */

import type { Experiment, FigureColumn, Row, Run, Values } from "../experiment.ts";
import { part } from "../experiment.ts";
import { product, round } from "../figures.ts";
import { range, rowsOf } from "../rows.ts";
import { RollingWorld } from "./world.ts";

const CLIENTS = 20;
const SIZE = 200e6;
const CLIENT_RATE = 4e6;
const ORIGINS = 3;
const MB = 1e6;

const FIGURES: Readonly<Record<string, FigureColumn>> = {
  failed: { title: "failed", digits: 1 },
  unfinished: { title: "unfinished", digits: 1 },
  restarts: { title: "restarts", digits: 1 },
  lostPerRestart: { title: "failed per restart", digits: 1 },
  seconds: { title: "last end", unit: "s" },
  carried: { title: "bytes on the links per byte", digits: 2 },
};

const MODE = { title: "Partial POST Replay", labels: { with: "with", without: "without" } };
const REPETITIONS = 3;

interface Cell {
  readonly mode: string | number;
  readonly grace: number;
  readonly pause: number;
  readonly link: number;
}

function measure({ mode, grace, pause, link }: Cell, { seed }: Run): Values {
  const outcome = new RollingWorld({
    seed,
    handsBack: mode === "with",
    clients: CLIENTS,
    size: SIZE,
    clientRate: CLIENT_RATE,
    origins: ORIGINS,
    linkRate: link * MB,
    pause,
    grace,
  }).run();
  const { failed, unfinished, restarts, seconds, carried } = outcome;
  return {
    failed,
    unfinished,
    restarts,
    lostPerRestart: round(failed / Math.max(restarts, 1), 2),
    seconds: round(seconds),
    carried: round(carried, 2),
  };
}

const LOAD = `${CLIENTS} clients upload ${SIZE / MB} MB each at ${CLIENT_RATE / MB} MB/s through a proxy, while its ${ORIGINS} origins restart one after the other`;

const GRACE = 15;
const grace = part({
  name: "grace",
  title: "The time that a closing origin has",
  setup: `${LOAD}, ${GRACE} s apart. The link of each origin carries 125 MB/s in each direction. Without the proposal, an origin takes uploads until its time is over.`,
  parameters: { mode: MODE, grace: { title: "grace", unit: "s" } },
  figures: FIGURES,
  cells: product({ mode: ["with", "without"] as const, grace: [1, 3, 6, 15, 30, 60] as const }),
  isQuick: ({ grace: seconds }) => seconds === 15,
  repetitions: REPETITIONS,
  measure: (cell, run) => measure({ ...cell, pause: GRACE, link: 125 }, run),
  plots: [
    {
      kind: "bars",
      title: "Failed uploads of 20 with a grace of 15 s",
      category: "mode",
      value: "failed",
      where: { grace: 15 },
    },
  ],
});

const link = part({
  name: "link",
  title: "The link between proxy and origins",
  setup: `${LOAD}, ${GRACE} s apart, with 6 s for what is in progress. An origin that closes has to send back all that it holds in that time.`,
  parameters: { mode: MODE, link: { title: "link", unit: "MB/s" } },
  figures: FIGURES,
  cells: product({ mode: ["with", "without"] as const, link: [30, 60, 125, 500] as const }),
  isQuick: ({ link: rate }) => rate === 30,
  repetitions: REPETITIONS,
  measure: (cell, run) => measure({ ...cell, pause: GRACE, grace: 6 }, run),
  plots: [],
});

const pause = part({
  name: "pause",
  title: "The time between two restarts",
  setup: `${LOAD}, with 30 s for what is in progress and 125 MB/s. Each restart moves what its origin holds to another one, so uploads end later.`,
  parameters: { mode: MODE, pause: { title: "pause", unit: "s" } },
  figures: FIGURES,
  cells: product({ mode: ["with", "without"] as const, pause: [1, 5, 15, 30] as const }),
  isQuick: ({ pause: seconds }) => seconds === 30,
  repetitions: REPETITIONS,
  measure: (cell, run) => measure({ ...cell, grace: 30, link: 125 }, run),
  plots: [],
});

const numbers = (rows: readonly Row[], name: string): number[] => rows.map((row) => Number(row[name]));

export const partialPostReplay: Experiment = {
  name: "partial-post-replay",
  title: "Partial POST Replay",
  summary: "uploads while origins restart: what is lost and carried, with the proposal and without",
  takes: "5 s",
  parts: [grace, link, pause],
  claims: [
    {
      name: "No upload fails while origins restart",
      source: "draft-frindell-httpbis-partial-post-replay-00 §1; Naseer et al., SIGCOMM 2020",
      theirs: "the client notices nothing; here: none of 20 fails with 15 s at 125 MB/s, and some without the proposal",
      judge(rows) {
        const [withIt, without] = (["with", "without"] as const).map((mode) =>
          numbers(rowsOf(rows, "grace", { mode, grace: 15 }), "failed"),
        );
        if (withIt!.length === 0) return undefined;
        return {
          ours: `${withIt![0]} failed, and ${without![0]} without`,
          met: withIt![0] === 0 && without![0]! > 0,
        };
      },
    },
    {
      name: "Without it, only a grace longer than uploads helps",
      source: "Naseer et al., SIGCOMM 2020, §2",
      theirs: "servers drain for 10 to 15 s, and long uploads break; here: some fail with up to 30 s",
      judge(rows) {
        const found = rowsOf(rows, "grace", { mode: "without" }).filter((row) => Number(row.grace) <= 30);
        if (found.length < 2) return undefined;
        const failed = numbers(found, "failed");
        return { ours: `${range(failed, 0)} of 20 failed`, met: failed.every((count) => count > 0) };
      },
    },
    {
      name: "A link that is too slow for the grace loses no more per restart",
      source: "Naseer et al., SIGCOMM 2020",
      theirs:
        "it needs bandwidth between proxies and servers; here: with 6 s it loses at most as many per restart as without",
      judge(rows) {
        const [withIt, without] = (["with", "without"] as const).map((mode) =>
          numbers(rowsOf(rows, "link", { mode }), "lostPerRestart"),
        );
        if (withIt!.length < 2) return undefined;
        return {
          ours: `${withIt!.join(", ")} of 20 per restart, and ${without!.join(", ")} without`,
          met: withIt!.every((lost, index) => lost <= without![index]!),
        };
      },
    },
    {
      name: "Content crosses the link again for each handback",
      source: "Naseer et al., SIGCOMM 2020",
      theirs: "twice more for what is handed back; here: fewer than 3 bytes per byte with a restart every 30 s",
      judge(rows) {
        const found = numbers(rowsOf(rows, "pause", { mode: "with", pause: 30 }), "carried");
        return found.length === 0 ? undefined : { ours: `${found[0]} bytes per byte`, met: found[0]! < 3 };
      },
    },
  ],
};
