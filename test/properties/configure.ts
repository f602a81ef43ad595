/** Loaded before each test file by `npm run properties`: scales the properties that name no number of examples. */

import fc from "fast-check";
import { runs } from "./runs.ts";

/** fast-check's own default. */
const DEFAULT_RUNS = 100;

fc.configureGlobal({ numRuns: runs(DEFAULT_RUNS) });
