/** The main loop: runs sessions, each with its own seed, until enough inputs were sent or time is up. */

import { type Session, type Target, VictimFault } from "./session.ts";

export interface FuzzOptions {
  readonly target: Target;
  /** The seed of the first session; each following one adds 1. */
  readonly seed: number;
  readonly maxInputs: number;
  /** Called after every session; returning true ends the run. */
  readonly isTimeUp?: () => boolean;
  /** Milliseconds of any clock. An input that takes longer than MAX_INPUT_TIME counts as a hang. */
  readonly clock?: () => number;
  /** Bytes in use after garbage collection; called occasionally. */
  readonly memory?: () => number;
  readonly onProgress?: (report: FuzzReport) => void;
}

export interface FuzzFailure {
  /** A run with this seed begins with the failing session. */
  readonly seed: number;
  readonly input: number;
  readonly error: unknown;
}

export interface FuzzReport {
  readonly target: string;
  readonly seed: number;
  inputs: number;
  sessions: number;
  /** How the victims' connections ended, with counts. */
  readonly outcomes: Map<string, number>;
  /** Bytes in use, oldest first. */
  readonly memory: number[];
  failure: FuzzFailure | undefined;
}

/** A session ends after this many inputs, even if the victim's connection is still open. */
const MAX_INPUTS_OF_A_SESSION = 20_000;
const PROGRESS_EVERY = 50_000;
const MAX_INPUT_TIME = 5_000;
/** The allowed memory growth after the first measurement. */
export const MAX_GROWTH = 48 * 1024 * 1024;

export function fuzz(options: FuzzOptions): FuzzReport {
  const { target, seed, maxInputs, isTimeUp = () => false } = options;
  const report: FuzzReport = {
    target: target.name,
    seed,
    inputs: 0,
    sessions: 0,
    outcomes: new Map(),
    memory: [],
    failure: undefined,
  };
  let progressAt = PROGRESS_EVERY;
  while (report.inputs < maxInputs && report.failure === undefined && !isTimeUp()) {
    runSession(options, report, seed + report.sessions);
    report.sessions += 1;
    if (report.inputs < progressAt) continue;
    progressAt += PROGRESS_EVERY;
    measureMemory(options, report);
    options.onProgress?.(report);
  }
  return report;
}

function runSession(options: FuzzOptions, report: FuzzReport, seed: number): void {
  const { target, clock = () => 0, maxInputs } = options;
  let input = 0;
  try {
    const session: Session = target.start(seed);
    while (session.outcome === undefined && input < MAX_INPUTS_OF_A_SESSION && report.inputs < maxInputs) {
      const begin = clock();
      input += 1;
      report.inputs += 1;
      session.step();
      const time = clock() - begin;
      if (time > MAX_INPUT_TIME) throw new VictimFault(`an input took ${Math.round(time)} ms`);
    }
    const outcome = session.outcome ?? "still open";
    session.end();
    report.outcomes.set(outcome, (report.outcomes.get(outcome) ?? 0) + 1);
  } catch (error) {
    report.failure = { seed, input, error };
  }
}

function measureMemory(options: FuzzOptions, report: FuzzReport): void {
  if (options.memory === undefined) return;
  const bytes = options.memory();
  report.memory.push(bytes);
  const growth = bytes - report.memory[0]!;
  if (growth <= MAX_GROWTH) return;
  const error = new VictimFault(`memory grew by ${Math.round(growth / 2 ** 20)} MiB`);
  report.failure ??= { seed: report.seed, input: report.inputs, error };
}
