// One check of `nagare doctor` and its result.

import type { Io } from "../io.ts";

/** "absent" means missing but optional. */
export type CheckVerdict = "ok" | "failed" | "absent";

export interface CheckResult {
  readonly verdict: CheckVerdict;
  readonly detail: string;
  readonly advice?: string;
}

export interface Check {
  readonly name: string;
  run(env: Io["env"]): Promise<CheckResult>;
}
