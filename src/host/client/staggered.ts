// Drives agent/staggered-attempts.ts with attempts that are promises, and aborts those that lose.
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
  /** The signal aborts if all attempts are aborted, or if another candidate was faster. */
  attempt(candidate: Candidate, signal: AbortSignal): Promise<Outcome>;
  /** Disposes of an outcome that was too late. */
  discard(outcome: Outcome): void;
  /** True if every other candidate would fail with the same error. */
  isFinal(error: unknown): boolean;
}

/** Resolves with the first outcome. If all fail, rejects with the final error, or else the first one. */
export function staggered<Candidate, Outcome>(stagger: Stagger<Candidate, Outcome>): Promise<Outcome> {
  const { candidates, delay, signal, clock = systemClock } = stagger;
  return new Promise((resolve, reject) => {
    const machine = new StaggeredAttempts(candidates.length, delay);
    const losers = new AbortController();
    const either = AbortSignal.any([signal, losers.signal]);
    const errors: unknown[] = [];
    const isSettled = (): boolean => machine.outcome !== undefined;

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
          if (isSettled()) {
            stagger.discard(outcome);
            return;
          }
          machine.handleConnected(candidate);
          settle();
          resolve(outcome);
        },
        (error: unknown) => {
          if (isSettled()) return;
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
      losers.abort(new Error("another address was faster"));
    };

    machine.start(clock.now());
    proceed();
  });
}
