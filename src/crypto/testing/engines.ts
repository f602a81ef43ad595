/** All engines: each list of cases runs on every one. */

import { koffi } from "../../host/engine/testing/koffi.ts";
import type { CryptoEngine } from "../engine.ts";
import { createOpensslEngine } from "../openssl/index.ts";
import { portableEngine } from "../portable/index.ts";
import { pureEngine } from "../pure/index.ts";

/** Undefined where foreign functions are not available. */
export const opensslEngine: CryptoEngine | undefined = koffi && createOpensslEngine(koffi);

export const ENGINES: readonly CryptoEngine[] = [
  portableEngine,
  pureEngine,
  ...(opensslEngine === undefined ? [] : [opensslEngine]),
];
