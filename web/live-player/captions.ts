/** What happens, in words: for people who watch, and for screen readers, which hear changes of the status alone. */

import type { LiveState, LiveStats } from "./options.ts";

const STATES: Readonly<Record<LiveState, string>> = {
  connecting: "Connecting to the relay…",
  waiting: "Connected. Waiting for the broadcast…",
  buffering: "Waiting for media…",
  playing: "Live",
  paused: "Paused",
  ended: "The broadcast has ended.",
  failed: "This broadcast cannot be played here.",
};

const milliseconds = (value: number): string =>
  value >= 10_000 ? `${(value / 1_000).toFixed(0)} s` : `${Math.round(value)} ms`;

/** `status` changes rarely, `figures` all the time. */
export function captionOf(
  stats: LiveStats | undefined,
  notice: string,
  isLocked: boolean,
): { readonly status: string; readonly figures: string } {
  const state = STATES[stats?.state ?? "connecting"];
  const status = [state, isLocked ? "Press a button for sound." : "", notice === "" ? "" : `${notice}.`];
  if (stats === undefined) return { status: status.join(" ").trim(), figures: "" };
  const { latency, buffer, target, rate, dropped, skipped, silent, stalls, stalled, dialect, path, engine } = stats;
  const figures = [
    latency === undefined ? "" : `latency ${milliseconds(latency)}`,
    `buffer ${milliseconds(buffer)} of ${milliseconds(target)}`,
    rate === 1 || rate === 0 ? "" : `speed ${rate.toFixed(2)}`,
    dropped === 0 ? "" : `${dropped} frames dropped`,
    skipped < 1 ? "" : `${milliseconds(skipped)} of pictures skipped`,
    silent < 1 ? "" : `${milliseconds(silent)} of sound missing`,
    stalls === 0 ? "" : `${stalls} stalls, ${milliseconds(stalled)}`,
    dialect === undefined ? "" : `${dialect} over ${path}`,
    engine === undefined ? "" : engine === "mse" ? "Media Source Extensions" : "WebCodecs",
    stats.rendition === undefined ? "" : `${stats.rendition} ${stats.width ?? "?"} × ${stats.height ?? "?"}`,
  ];
  return {
    status: status.filter((each) => each !== "").join(" "),
    figures: figures.filter((each) => each !== "").join(" · "),
  };
}
