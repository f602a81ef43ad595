import { expect, test } from "vitest";
import { captionOf } from "./captions.ts";
import type { LiveStats } from "./options.ts";

const STATS: LiveStats = {
  ...{
    state: "playing",
    dialect: "moqt-20",
    path: "HTTP/3",
    engine: "webcodecs",
    latency: 123.4,
    buffer: 90,
    target: 80,
  },
  ...{ rate: 1, stalls: 0, stalled: 0, shown: 30, dropped: 0, skipped: 0, silent: 0, lateGroups: 0, bytes: 1 },
  ...{ connections: 1, rendition: "video1", width: 640, height: 360, position: 1 },
};

test("says what happens, and shows the figures apart from it", () => {
  expect(captionOf(STATS, "", false)).toEqual({
    status: "Live",
    figures: "latency 123 ms · buffer 90 ms of 80 ms · moqt-20 over HTTP/3 · WebCodecs · video1 640 × 360",
  });
});

test("says why, and what is missing", () => {
  const told = { ...STATS, rate: 1.05, dropped: 2, skipped: 12_000, silent: 40, stalls: 1, stalled: 300 };
  const { status, figures } = captionOf({ ...told, state: "buffering" }, "the relay left", true);
  expect(status).toBe("Waiting for media… Press a button for sound. the relay left.");
  expect(figures).toContain(
    "speed 1.05 · 2 frames dropped · 12 s of pictures skipped · 40 ms of sound missing · 1 stalls",
  );
});

test("has something to say before there is anything", () => {
  expect(captionOf(undefined, "", false)).toEqual({ status: "Connecting to the relay…", figures: "" });
});
