// RFC 8305 §5: the addresses of a host are tried in turn, each a moment after the one before or as soon as that one has failed.

/** RFC 8305 §5, the recommended Connection Attempt Delay. */
export const ATTEMPT_DELAY = 250;

export interface Stagger<Candidate, Outcome> {
  /** Best first, never empty. */
  readonly candidates: readonly Candidate[];
  /** Milliseconds. */
  readonly delay: number;
  readonly signal: AbortSignal;
  /** The signal is aborted when the whole is, and when another candidate was first. */
  attempt(candidate: Candidate, signal: AbortSignal): Promise<Outcome>;
  /** What was too late. */
  discard(outcome: Outcome): void;
  /** Whether this error would meet every other candidate too. */
  isFinal(error: unknown): boolean;
}

/** The first outcome; when there is none, the first error, or the final one. */
export function staggered<Candidate, Outcome>(stagger: Stagger<Candidate, Outcome>): Promise<Outcome> {
  const { candidates, delay, signal } = stagger;
  return new Promise((resolve, reject) => {
    const losers = new AbortController();
    const either = AbortSignal.any([signal, losers.signal]);
    const errors: unknown[] = [];
    let next = 0;
    let timer: NodeJS.Timeout | undefined;
    let isSettled = false;

    const settle = (): void => {
      isSettled = true;
      clearTimeout(timer);
      losers.abort(new Error("another address was first"));
    };
    const won = (outcome: Outcome): void => {
      if (isSettled) {
        stagger.discard(outcome);
        return;
      }
      settle();
      resolve(outcome);
    };
    const lost = (error: unknown): void => {
      if (isSettled) return;
      errors.push(error);
      const isFinal = signal.aborted || stagger.isFinal(error);
      if (isFinal || errors.length === candidates.length) {
        settle();
        reject(isFinal ? error : errors[0]);
      } else {
        start();
      }
    };
    const start = (): void => {
      clearTimeout(timer);
      const candidate = candidates[next++];
      if (candidate === undefined) return;
      if (next < candidates.length) timer = setTimeout(start, delay);
      stagger.attempt(candidate, either).then(won, lost);
    };
    start();
  });
}
