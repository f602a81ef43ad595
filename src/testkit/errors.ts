/** All simulation failures, as stable codes. The message begins with the seed that reproduces the failure. */

export type SimulateProblem =
  /** An option has the wrong type or is out of range. */
  | "OPTION_INVALID"
  /** The test threw the exception in `cause`. */
  | "TEST_FAILED"
  /** Unmarked use of a file, a socket, the thread pool or a real timer. */
  | "UNMARKED_REAL_WORK"
  /** Marked work did not settle in time. */
  | "REAL_WORK_TIMEOUT"
  /** The test is waiting, but no event is left that could wake it. */
  | "NOTHING_LEFT"
  /** The test did not finish within `maxVirtualTime`. */
  | "TIME_LIMIT"
  /** Code schedules immediates endlessly, so virtual time cannot advance. */
  | "NEVER_IDLE"
  /** Virtual time was requested after the end of the simulation. */
  | "SIMULATION_OVER";

export class SimulateError extends Error {
  override readonly name = "SimulateError";
  readonly code: SimulateProblem;
  /** Undefined for an invalid option. */
  readonly seed: number | undefined;

  constructor(code: SimulateProblem, seed: number | undefined, message: string, options?: ErrorOptions) {
    super(seed === undefined ? message : `seed ${seed}: ${message}`, options);
    this.code = code;
    this.seed = seed;
  }
}

/** The properties that assertion libraries set on their errors and reporters read. */
const ASSERTION_DETAILS = ["actual", "expected", "operator", "showDiff"] as const;

/** The error for a test that threw: points at the same line, shows the same diff, and names the seed. */
export function testFailure(seed: number, cause: unknown, handlerErrors: readonly unknown[]): SimulateError {
  const message = cause instanceof Error ? cause.message : String(cause);
  const before = handlerErrors.filter((error) => error !== cause).map((error) => ` (the handler threw ${error})`);
  const failure = new SimulateError("TEST_FAILED", seed, message + before.join(""), { cause });
  if (!(cause instanceof Error)) return failure;
  const frames = cause.stack?.split("\n").filter((line) => line.startsWith("    at ")) ?? [];
  failure.stack = [`${failure.name}: ${failure.message}`, ...frames].join("\n");
  for (const detail of ASSERTION_DETAILS) {
    if (detail in cause)
      // An assignment: vitest replaces these with printable forms.
      (failure as Partial<Record<(typeof ASSERTION_DETAILS)[number], unknown>>)[detail] = Reflect.get(cause, detail);
  }
  return failure;
}
