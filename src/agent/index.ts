/** A client's decisions, as machines without I/O. */

/** What origins offer besides TCP, and where HTTP/3 failed. */
export { Alternatives, type Http3Knowledge } from "./alternatives.ts";
/** Decides which connections to open for an origin. */
export {
  type ChoiceCommand,
  type ChoiceRules,
  ConnectionChoice,
  type Standing,
} from "./connection-choice.ts";
/** Decides which address to try when. */
export {
  type AttemptsOutcome,
  CONNECTION_ATTEMPT_DELAY,
  StaggeredAttempts,
  type StartAttempt,
} from "./staggered-attempts.ts";
