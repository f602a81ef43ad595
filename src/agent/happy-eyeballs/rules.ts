/** The parameters of a race, and its endpoints. */

import type { Rng } from "../../base/rng.ts";
import { type Micros, millis, seconds } from "../../base/time.ts";
import type { Prefix } from "../../ip/address.ts";
import type { AddressOrderOptions } from "./address-order.ts";

export type Transport = "quic" | "tcp";

/** What one attempt connects to. */
export interface Endpoint {
  readonly address: string;
  readonly family: 4 | 6;
  readonly port: number;
  readonly transport: Transport;
  /** To offer, in our order. */
  readonly alpn: readonly string[];
  /** The priority of the HTTPS record; undefined without one. */
  readonly priority: number | undefined;
  /** QUIC versions that the record names, the best first. */
  readonly quicv: readonly number[];
}

/** The place of an alternative service. */
export interface AlternativePlace {
  /** A name or an address; empty for the origin's host. */
  readonly host: string;
  readonly port: number;
  /** The QUIC versions that it speaks, if known, the best first. */
  readonly quicv: readonly number[];
}

export interface RaceRules extends AddressOrderOptions {
  readonly version: 2 | 3;
  /** A name, or the literal of an address without brackets. */
  readonly host: string;
  readonly port: number;
  /** The protocols that we support, the best first. */
  readonly alpn: readonly string[];
  /** The transports to try without a record, the best first. */
  readonly transports: readonly Transport[];
  /** True to ask for HTTPS records; version 3 alone. */
  readonly usesRecords: boolean;
  /** True if answers cannot be forged: a failure to get HTTPS records then ends the race (RFC 9460 §3.1). */
  readonly isDnsProtected: boolean;
  /** The families for which this machine has a route beyond its link. */
  readonly families: { readonly ipv4: boolean; readonly ipv6: boolean };
  /** The prefix of NAT64, if known; otherwise it is discovered where there is no IPv4. */
  readonly nat64: Prefix | undefined;
  readonly resolutionDelay: Micros;
  readonly attemptDelay: Micros;
  /** How long a transport is tried before the next one joins, unless nothing is left to try; Infinity for no limit. */
  readonly headStart: Micros;
  /** True to let attempts over better transports than the winner's go on, until they are aborted. */
  readonly keepsPreferred?: boolean | undefined;
  /** Where the origin advertised HTTP/3 (RFC 7838): the only place for QUIC unless HTTPS records name others. */
  readonly alternative?: AlternativePlace | undefined;
  /** How many addresses of the preferred family come first. */
  readonly preferredCount: number;
  readonly rng: Rng;
}

/** RFC 8305 §8, draft-ietf-happy-happyeyeballs-v3 §9. */
export const DEFAULT_RESOLUTION_DELAY = millis(50);
export const DEFAULT_ATTEMPT_DELAY = millis(250);
/** RFC 8305 §5: never start attempts faster than this. */
export const MIN_ATTEMPT_DELAY = millis(10);
/** RFC 8305 §8: the recommended maximum, here of extensions. */
export const MAX_ATTEMPT_DELAY = seconds(2);
/** RFC 8305 §7.1, version 2 alone. */
export const LAST_RESORT_DELAY = seconds(2);
/** RFC 8305 §3: answers after the race are still worth keeping. */
export const LATE_ANSWERS = seconds(1);

/** Checks a delay: RFC 8305 §5 allows none under 10 ms. */
export function attemptDelay(delay: Micros): Micros {
  if (!(delay >= 0)) throw new RangeError(`${delay} is not a delay`);
  return Math.max(delay, MIN_ATTEMPT_DELAY) as Micros;
}

/** Equal for endpoints that are the same to an attempt. */
export const endpointKey = ({ address, port, transport }: Endpoint): string => `${transport} ${address} ${port}`;
