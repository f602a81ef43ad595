/** The compared sets of rules: ours with each controller, and classic TCP's. */

import type { Column } from "../experiment.ts";
import { downloadClassically } from "./classic-download.ts";
import { type DownloadFigures, type DownloadOptions, isClassic, type Recovery } from "./download.ts";
import { downloadOverQuic } from "./quic-download.ts";

export const RECOVERY: Column = {
  title: "recovery",
  labels: {
    newreno: "NewReno",
    cubic: "CUBIC",
    bbr: "BBR",
    classic: "classic TCP",
    "classic-200ms": "classic TCP, 200 ms",
  } satisfies Record<Recovery, string>,
};

export const download = (recovery: Recovery, options: DownloadOptions): DownloadFigures =>
  isClassic(recovery) ? downloadClassically(recovery, options) : downloadOverQuic(recovery, options);
