/**
 * Happy Eyeballs for sockets of Node's, its agents and undici. Experimental.
 *
 * @module nagare/connect
 */

export type { RaceEvent } from "../../agent/index.ts";
export type { Answer, AnyData, ResourceRecord } from "../../dns/index.ts";
export type { Resolver } from "../../host/client/addresses.ts";
export type { TimedDecision } from "../../host/client/race.ts";
export type { Resolve } from "../../host/client/resolve.ts";
export type { UndiciConnection } from "../../host/client/undici-connection.ts";
export type { HappyEyeballsOptions } from "../happy-eyeballs.ts";
export { createResolver, type OwnResolver, type ResolverOptions } from "../resolver.ts";
export { raceAddresses, undiciConnect } from "./agents.ts";
export { type ConnectOptions, connect, type RacingOptions } from "./connect.ts";
export { ConnectError, type FailedAttempt } from "./errors.ts";
