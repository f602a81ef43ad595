/** Every way a simulation can fail, as stable codes. The message begins with the seed that brings the failure back. */

export type SimulateProblem =
  /** An option is of the wrong type or out of range. */
  | "OPTION_INVALID"
  /** The test itself threw what is the `cause`. */
  | "TEST_FAILED"
  /** A file, a socket, the thread pool or a real timer was used and not marked. */
  | "UNMARKED_REAL_WORK"
  /** Marked work did not settle in time. */
  | "REAL_WORK_TIMEOUT"
  /** The test waits, and no event is left that could wake it. */
  | "NOTHING_LEFT"
  /** The test was not over at `maxVirtualTime`. */
  | "TIME_LIMIT"
  /** Code schedules immediates without end, so virtual time cannot go on. */
  | "NEVER_IDLE"
  /** Something asked for virtual time after the simulation had ended. */
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

/** What assertion libraries put on their errors, and reporters look for. */
const ASSERTION_DETAILS = ["actual", "expected", "operator", "showDiff"] as const;

/** The error of a test that threw: points at the same line, shows the same difference, and names the seed. */
export function testFailure(seed: number, cause: unknown, handlerErrors: readonly unknown[]): SimulateError {
  const said = cause instanceof Error ? cause.message : String(cause);
  const before = handlerErrors.filter((error) => error !== cause).map((error) => ` (the handler threw ${error})`);
  const failure = new SimulateError("TEST_FAILED", seed, said + before.join(""), { cause });
  if (!(cause instanceof Error)) return failure;
  const frames = cause.stack?.split("\n").filter((line) => line.startsWith("    at ")) ?? [];
  failure.stack = [`${failure.name}: ${failure.message}`, ...frames].join("\n");
  for (const detail of ASSERTION_DETAILS) {
    if (detail in cause)
      Object.defineProperty(failure, detail, { value: Reflect.get(cause, detail), enumerable: true });
  }
  return failure;
}
