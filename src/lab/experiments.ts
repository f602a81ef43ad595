/** The table of experiments. */

import type { Experiment } from "./experiment.ts";
import { lossRecovery } from "./loss-recovery/loss-recovery.ts";

export const EXPERIMENTS: readonly Experiment[] = [lossRecovery];
