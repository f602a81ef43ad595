// Drives agent/staggered-attempts.ts: attempts are promises, and those that are given up are aborted.
import { StaggeredAttempts } from "../../agent/index.ts";
import type { Micros } from "../../base/time.ts";
import { type HostClock, systemClock } from "../clock.ts";
import { detach, type Fault } from "../guard.ts";
import { MachineTimer } from "../machine-timer.ts";

export interface Stagger<Candidate, Outcome> {
  /** Best first, never empty. */
  readonly candidates: readonly Candidate[];
  readonly delay: Micros;
  readonly signal: AbortSignal;
  readonly clock?: HostClock;
  /** The signal is aborted when the whole is, and when another candidate was first. */
  attempt(candidate: Candidate, signal: AbortSignal): Promise<Outcome>;
  /** What was too late. */
  discard(outcome: Outcome): void;
  /** Whether this error would meet every other candidate too. */
  isFinal(error: unknown): boolean;
}

/** The first outcome; when there is none, the first error, or the final one. */
export function staggered<Candidate, Outcome>(stagger: Stagger<Candidate, Outcome>): Promise<Outcome> {
  const { candidates, delay, signal, clock = systemClock } = stagger;
  return new Promise((resolve, reject) => {
    const machine = new StaggeredAttempts(candidates.length, delay);
    const losers = new AbortController();
    const either = AbortSignal.any([signal, losers.signal]);
    const errors: unknown[] = [];
    const isOver = (): boolean => machine.outcome !== undefined;

    const proceed = (): void => {
      for (let next = machine.pollCommand(); next !== undefined; next = machine.pollCommand()) start(next.candidate);
      timer.set(machine.nextTimeout());
    };
    const fail = ({ error }: Fault): void => {
      settle();
      reject(error);
    };
    const timer = new MachineTimer(
      fail,
      (now) => {
        machine.handleTimeout(now);
        proceed();
      },
      clock,
    );
    const start = (candidate: number): void => {
      const tried = stagger.attempt(candidates[candidate]!, either).then(
        (outcome) => {
          if (isOver()) {
            stagger.discard(outcome);
            return;
          }
          machine.handleConnected(candidate);
          settle();
          resolve(outcome);
        },
        (error: unknown) => {
          if (isOver()) return;
          errors[candidate] = error;
          machine.handleFailed(candidate, signal.aborted || stagger.isFinal(error), clock.now());
          if (machine.outcome === undefined) {
            proceed();
            return;
          }
          settle();
          reject(errors[machine.outcome.candidate]);
        },
      );
      detach("client address", fail, tried);
    };
    const settle = (): void => {
      timer.set(undefined);
      losers.abort(new Error("another address was first"));
    };

    machine.start(clock.now());
    proceed();
  });
}
