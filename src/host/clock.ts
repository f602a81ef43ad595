/** The host's clock, as machines are told it: microseconds since this process started, never backwards. */

import { performance } from "node:perf_hooks";
import type { Instant } from "../base/time.ts";

export const systemNow = (): Instant => Math.floor(performance.now() * 1_000) as Instant;
