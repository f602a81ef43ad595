/** All engines: each list of cases runs on every one. */

import { hasCallList } from "../../host/engine/choice.ts";
import { koffi } from "../../host/engine/testing/koffi.ts";
import type { CryptoEngine } from "../engine.ts";
import { createOpensslEngine } from "../openssl/index.ts";
import { portableEngine } from "../portable/index.ts";
import { pureEngine } from "../pure/index.ts";

/** Undefined where foreign functions are not available. */
export const opensslEngine: CryptoEngine | undefined = koffi && createOpensslEngine(koffi, { callList: false });

/** The same, with its calls in a list. Undefined where its machine code does not run. */
export const callListEngine: CryptoEngine | undefined =
  koffi && hasCallList ? { ...createOpensslEngine(koffi, { callList: true }), name: "call list" } : undefined;

export const ENGINES: readonly CryptoEngine[] = [
  portableEngine,
  pureEngine,
  ...(opensslEngine === undefined ? [] : [opensslEngine]),
  ...(callListEngine === undefined ? [] : [callListEngine]),
];
