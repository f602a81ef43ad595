/**
 * Keys that change with wall time and belong to connection ids. An id names its key by two bits, of the number of the
 * period in which it was made: enough to tell the few last periods apart. So all processes with one secret and one clock
 * agree on the key of an id, also after a restart, without storing or exchanging any.
 */

import { type Instant, type Micros, seconds } from "../../base/time.ts";

export const KEY_PERIOD: Micros = seconds(24 * 60 * 60);

/** The number of keys that an id can tell apart. */
export const KEY_NUMBERS = 4;

/** The period of a time on the clock that all processes share. */
export const keyPeriodAt = (wallTime: Instant): number => Math.floor(wallTime / KEY_PERIOD);

/** The number with which ids name the key of a period. */
export const keyNumber = (period: number): number => ((period % KEY_NUMBERS) + KEY_NUMBERS) % KEY_NUMBERS;

/**
 * The period of a key that an id names in period `current`. It is at most one ahead, since the clocks of processes differ;
 * so an id is understood until two periods after its own have ended.
 */
export const keyPeriodOf = (number: number, current: number): number => current + 1 - keyNumber(current + 1 - number);
