/** The table of experiments. */

import type { Experiment } from "./experiment.ts";
import { handshakeRtt } from "./handshake-rtt/handshake-rtt.ts";
import { happyEyeballs } from "./happy-eyeballs/happy-eyeballs.ts";
import { justInTime } from "./just-in-time/just-in-time.ts";
import { lossRecovery } from "./loss-recovery/loss-recovery.ts";
import { partialPostReplay } from "./partial-post-replay/partial-post-replay.ts";
import { priorities } from "./priorities/priorities.ts";

export const EXPERIMENTS: readonly Experiment[] = [
  lossRecovery,
  handshakeRtt,
  priorities,
  happyEyeballs,
  partialPostReplay,
  justInTime,
];
