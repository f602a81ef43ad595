/** Every engine there is: each list of cases runs on all of them. */

import type { CryptoEngine } from "../engine.ts";
import { portableEngine } from "../portable/index.ts";
import { pureEngine } from "../pure/index.ts";

export const ENGINES: readonly CryptoEngine[] = [portableEngine, pureEngine];
