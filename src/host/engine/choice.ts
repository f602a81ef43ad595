/**
 * Which engine is wanted: an option in code, or NAGARE_ENGINE for the operator. NAGARE_CALL_LIST is for one of its parts
 * that operators may want to do without.
 */

export type EngineChoice = "auto" | "portable" | "fast";

const CHOICES: readonly string[] = ["auto", "portable", "fast"] satisfies readonly EngineChoice[];

/** An engine that does not exist, or that was demanded and cannot be used. */
export class EngineError extends Error {
  override readonly name = "EngineError";
}

/** "auto" leaves the choice to NAGARE_ENGINE. Throws an `EngineError` for an unknown engine. */
export function engineChoice(option: EngineChoice = "auto"): EngineChoice {
  if (!CHOICES.includes(option)) throw unknown(`engine: ${JSON.stringify(option)}`);
  if (option !== "auto") return option;
  const { NAGARE_ENGINE: wanted = "" } = process.env;
  if (wanted === "") return "auto";
  if (!CHOICES.includes(wanted)) throw unknown(`NAGARE_ENGINE=${wanted}`);
  return wanted as EngineChoice;
}

/** Whether packets are protected by a list of calls, in machine code, where that works and nobody decided. */
const CALL_LIST_DEFAULT = true;

/** Where its machine code runs. */
export const hasCallList = process.platform === "linux" && process.arch === "x64";

/** NAGARE_CALL_LIST or the default. Throws an `EngineError` for an unknown value. */
export function wantsCallList(): boolean {
  const { NAGARE_CALL_LIST: wanted = "" } = process.env;
  if (!["", "0", "1"].includes(wanted)) throw new EngineError(`NAGARE_CALL_LIST=${wanted}: give 0 or 1`);
  return hasCallList && (wanted === "" ? CALL_LIST_DEFAULT : wanted === "1");
}

const unknown = (given: string): EngineError =>
  new EngineError(`${given} is not an engine: give "auto", "portable" or "fast"`);
