/** All engines: each list of cases runs on every one. */

import type { CryptoEngine } from "../engine.ts";
import { portableEngine } from "../portable/index.ts";
import { pureEngine } from "../pure/index.ts";

export const ENGINES: readonly CryptoEngine[] = [portableEngine, pureEngine];
