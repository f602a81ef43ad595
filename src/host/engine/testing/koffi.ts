/** The foreign functions of this machine, for tests. */

import type { ForeignFunctions } from "../../../base/foreign.ts";
import { loadKoffi } from "../koffi.ts";

const loaded = await loadKoffi();

/** Undefined where the fast engine cannot work. */
export const koffi: ForeignFunctions | undefined = "koffi" in loaded ? loaded.koffi : undefined;
