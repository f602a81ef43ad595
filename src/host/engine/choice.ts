/** Which engine is wanted: an option in code, or NAGARE_ENGINE for the operator. */

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

const unknown = (given: string): EngineError =>
  new EngineError(`${given} is not an engine: give "auto", "portable" or "fast"`);
