/** Time and chance for the client of an authority; tests replace them. */

import { setTimeout as sleep } from "node:timers/promises";

export interface AcmeClock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Waits, without keeping the process alive. Rejects with the signal's reason. */
  wait(milliseconds: number, signal: AbortSignal): Promise<void>;
  /** From 0 to 1. */
  random(): number;
}

/** The longest duration of Node's timers. */
const LONGEST = 0x7fff_ffff;

export const systemAcmeClock: AcmeClock = {
  now: () => Date.now(),
  random: () => Math.random(),
  wait: async (milliseconds, signal) => {
    const until = Date.now() + milliseconds;
    try {
      for (let left = milliseconds; left > 0; left = until - Date.now()) {
        await sleep(Math.min(left, LONGEST), undefined, { signal, ref: false });
      }
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    }
  },
};

/** Between three quarters and five quarters of a duration, so that many clients do not return at the same moment. */
export const jittered = (milliseconds: number, { random }: Pick<AcmeClock, "random">): number =>
  milliseconds * (0.75 + random() / 2);
