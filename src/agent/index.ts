/** A client's decisions, as machines without I/O. */

/** What origins offer besides TCP, and where HTTP/3 failed. */
export {
  type AltSvcEntry,
  type AltSvcFile,
  type OriginProtocol,
  parseAltSvcFile,
  printAltSvcFile,
} from "./alt-svc-file.ts";
export { Alternatives, type Http3Knowledge } from "./alternatives.ts";
/** Client hints. */
export { ClientHints, type HintValue } from "./client-hints.ts";
/** Decides which connections to open for an origin. */
export {
  type ChoiceCommand,
  type ChoiceRules,
  ConnectionChoice,
  type Standing,
} from "./connection-choice.ts";
/** From a host name to one connection: Happy Eyeballs. */
export type { AddressHistory, PolicyRow } from "./happy-eyeballs/address-order.ts";
export type { RaceEvent, RaceTrace } from "./happy-eyeballs/events.ts";
export { NetworkHistory } from "./happy-eyeballs/history.ts";
export { type AttemptReport, Race, type RaceCommand, type RaceOutcome } from "./happy-eyeballs/race.ts";
export type { RecordKind } from "./happy-eyeballs/resolution.ts";
export {
  type AlternativePlace,
  DEFAULT_ATTEMPT_DELAY,
  DEFAULT_RESOLUTION_DELAY,
  type Endpoint,
  type RaceRules,
  type Transport,
} from "./happy-eyeballs/rules.ts";
export { readServices, type Service, type ServiceInfo } from "./happy-eyeballs/services.ts";
/** Connections before the first request. */
export { hintedOrigins, linkedOrigins } from "./preconnect.ts";
/** Origins that their HTTPS records send to https. */
export { SecureOrigins } from "./secure-origins.ts";
/** Decides which address to try when. */
export {
  type AttemptsOutcome,
  CONNECTION_ATTEMPT_DELAY,
  StaggeredAttempts,
  type StartAttempt,
} from "./staggered-attempts.ts";
