/** Loss recovery (RFC 9002) with NewReno, CUBIC and BBR, beside the classic rules of TCP. */

import type { Experiment } from "../experiment.ts";
import { CLAIMS } from "./claims.ts";
import { periodicLoss } from "./periodic-loss.ts";
import { randomLoss } from "./random-loss.ts";
import { reordering } from "./reordering.ts";
import { slowStart } from "./slow-start.ts";
import { tailLoss } from "./tail-loss.ts";

export const lossRecovery: Experiment = {
  name: "loss-recovery",
  title: "Loss recovery and congestion control",
  summary: "downloads with loss and reordering: NewReno, CUBIC, BBR and TCP's classic rules",
  takes: "1 min",
  parts: [randomLoss, periodicLoss, tailLoss, slowStart, reordering],
  claims: CLAIMS,
};
