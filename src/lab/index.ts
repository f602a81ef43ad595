/** Experiments: simulations that measure what papers and RFCs claim. */

/** What an experiment and its result are. */
export type { Claim, Experiment, Result, Row } from "./experiment.ts";
/** The table of experiments. */
export { EXPERIMENTS } from "./experiments.ts";
/** Plots. */
export { experimentDocument } from "./plot/document.ts";
/** A page of all results. */
export { type Finding, reportPage } from "./report/page.ts";
/** A result as text. */
export { resultLines } from "./report/text.ts";
/** Runs. */
export { type Progress, type RunOptions, runExperiment } from "./run.ts";
