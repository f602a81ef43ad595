/** What a viewer of live media sees when the link gets slower: Warp, MoQ Transport, and segments on one stream. */

import { type ClaimSpec, type Experiment, part, type Row, type Run, type Values } from "../experiment.ts";
import { product, round } from "../figures.ts";
import { range, rowsOf } from "../rows.ts";
import { broadcast, HALF, QUEUE, RATE, RTT, SLOW_FROM, SLOW_UNTIL } from "./live.ts";
import { play } from "./player.ts";
import { AUDIO_RATE, FRAME_RATE, VIDEO_RATE } from "./source.ts";
import { TRANSPORTS, type TransportName } from "./transports.ts";

/** Seconds. */
const BUFFER = 0.3;
/** Milliseconds: what counts as live. */
const LIVE = 1_000;

function measureCell(transport: TransportName, group: number, loss: number, run: Run): Values {
  const { arrivals, start, end, order, maxTransit } = broadcast({ ...run, transport, group, loss });
  const watched = play(arrivals, start, end, { buffer: BUFFER, needsPictures: transport === "segments" });
  const worst = watched.latency.reduce((most, { milliseconds }) => Math.max(most, milliseconds), 0);
  const behind = watched.latency.filter(({ at, milliseconds }) => at >= SLOW_UNTIL && milliseconds > LIVE);
  const last = behind.at(-1);
  const isBehindAtEnd = last !== undefined && last.at >= watched.latency.at(-1)!.at;
  return {
    worst: round(worst),
    back: isBehindAtEnd ? null : round(last === undefined ? 0 : (last.at - SLOW_UNTIL) * 1_000),
    silence: round(watched.silence),
    skipped: round(watched.skipped, 1),
    disorder: order.violations,
    repeated: order.repeated,
    transit: round(maxTransit),
  };
}

const halved = part({
  name: "halved",
  title: "A link that loses half of its rate",
  setup:
    `One viewer, over QUIC with CUBIC. Pictures of ${VIDEO_RATE / 1e6} Mbit/s at ${FRAME_RATE} a second and sound of ${AUDIO_RATE / 1e3} kbit/s, a fragment for each frame. The link has ` +
    `${RATE / 1e6} Mbit/s and a round trip of ${RTT} ms; from second ${SLOW_FROM} to ${SLOW_UNTIL} it has ${HALF / 1e6} Mbit/s. Its queue holds ${QUEUE} packets, 95 ms at the lower rate. ` +
    `The player shows a picture ${BUFFER * 1_000} ms after it was made. Warp and MoQ give up a group a second after its end, and their player skips pictures that are late. On one stream ` +
    "everything comes in the order in which it was made, as HLS over TCP brings it, and the player waits for it.",
  parameters: {
    transport: { title: "transport", labels: TRANSPORTS },
    group: { title: "keyframe every", unit: "s" },
    loss: { title: "loss", unit: "%" },
  },
  figures: {
    worst: { title: "oldest picture", unit: "ms" },
    back: { title: "live again after", unit: "ms" },
    silence: { title: "without sound", unit: "ms" },
    skipped: { title: "pictures skipped", unit: "s", digits: 1 },
    disorder: { title: "frames out of order" },
    repeated: { title: "frames sent again" },
    transit: { title: "slowest packet", unit: "ms" },
  },
  cells: product({ transport: ["warp", "moq", "segments"] as const, group: [1, 2] as const, loss: [0, 1] as const }),
  isQuick: ({ group, loss, transport }) => group === 1 && (loss === 0 || transport === "warp"),
  repetitions: 1,
  measure: ({ transport, group, loss }, run) => measureCell(transport, group, loss / 100, run),
  plots: [
    {
      kind: "bars",
      title: "The oldest picture on the screen, ms, without loss",
      category: "transport",
      value: "worst",
      where: { group: 1, loss: 0 },
    },
    {
      kind: "bars",
      title: "Time without sound, ms, without loss",
      category: "transport",
      value: "silence",
      where: { group: 1, loss: 0 },
    },
  ],
});

const numbers = (rows: readonly Row[], figure: string): number[] =>
  rows.map((row) => row[figure]).filter((value) => typeof value === "number");

/** Judges the rows of some transports. */
const claim = (
  spec: Omit<ClaimSpec, "judge">,
  transports: readonly TransportName[],
  judge: (rows: readonly Row[]) => { readonly ours: string; readonly met: boolean },
): ClaimSpec => ({
  ...spec,
  judge(rows) {
    const own = transports.flatMap((transport) => rowsOf(rows, "halved", { transport }));
    return own.length === 0 ? undefined : judge(own);
  },
});

const CLAIMS: readonly ClaimSpec[] = [
  claim(
    {
      name: "Sound goes on while pictures are skipped",
      source: "draft-lcurley-warp-01",
      theirs: "audio is more important than video; here: no time without sound, with Warp and MoQ",
    },
    ["warp", "moq"],
    (rows) => ({
      ours: `${range(numbers(rows, "silence"), 0, "ms")} without sound, ${range(numbers(rows, "skipped"), 1, "s")} of pictures skipped`,
      met:
        numbers(rows, "silence").every((value) => value === 0) && numbers(rows, "skipped").some((value) => value > 0),
    }),
  ),
  claim(
    {
      name: "Warp and MoQ are live again when the link is",
      source: "draft-lcurley-warp-01",
      theirs: "the newest media first; here: at most a second old within three seconds after the link recovered",
    },
    ["warp", "moq"],
    (rows) => ({
      ours: `after ${range(numbers(rows, "back"), 0, "ms")}`,
      met: rows.every(({ back }) => typeof back === "number" && back <= 3_000),
    }),
  ),
  claim(
    {
      name: "Delivery is in strict order of precedence, retransmissions included",
      source: "draft-lcurley-warp-01",
      theirs:
        "bandwidth goes to the highest precedence; here: no STREAM frame while a higher stream has new or lost data",
    },
    ["warp"],
    (rows) => ({
      ours: `${range(numbers(rows, "disorder"), 0)} frames out of order, ${range(numbers(rows, "repeated"), 0)} sent again`,
      met:
        numbers(rows, "disorder").every((value) => value === 0) &&
        numbers(rows, "repeated").every((value) => value > 0),
    }),
  ),
  claim(
    {
      name: "On one stream the viewer stays behind",
      source: "draft-lcurley-warp-01",
      theirs: "head-of-line blocking; here: more than a second of stalls, and not live again",
    },
    ["segments"],
    (rows) => ({
      ours: `${range(numbers(rows, "silence"), 0, "ms")} of stalls, pictures up to ${range(numbers(rows, "worst"), 0, "ms")} old`,
      met: rows.every(({ silence, back }) => Number(silence) > 1_000 && (back === null || Number(back) > 3_000)),
    }),
  ),
];

export const warp: Experiment = {
  name: "warp",
  title: "Warp",
  summary: "live media while a link loses half of its rate: Warp, MoQ Transport, and segments on one stream",
  takes: "20 s",
  parts: [halved],
  claims: CLAIMS,
};
