/**
 * Loaded before each test file by `npm run properties`: scales the properties without an explicit number of examples.
 */

import fc from "fast-check";
import { runs } from "./runs.ts";

/** The default of fast-check. */
const DEFAULT_RUNS = 100;

fc.configureGlobal({ numRuns: runs(DEFAULT_RUNS) });
