/** The action `proxy`. */

import * as v from "valibot";
import type { OriginOptions } from "../proxy/options.ts";
import type { Balance } from "../proxy/origins/policies.ts";
import { either, list, type Members, section } from "./section.ts";
import type {
  HealthCheckConfig,
  PartialPostReplayConfig,
  PassiveHealthConfig,
  ProxyAction,
  RetryConfig,
} from "./types.ts";
import { DURATION, flag, number, oneOf, SIZE, show, text } from "./values.ts";

const ORIGIN_TEXT = text("an origin such as http://127.0.0.1:3000");

const ORIGIN = either("an origin such as http://127.0.0.1:3000, or an object with url", [
  ORIGIN_TEXT,
  section("OriginOptions", {
    url: ORIGIN_TEXT,
    weight: v.optional(number()),
    maxConnections: v.optional(number()),
    proxyProtocol: v.optional(oneOf([1, 2])),
  } satisfies Members<OriginOptions>),
]);

const ORIGINS = v.pipe(list(ORIGIN, "a list of origins"), v.minLength(1, "is empty: give at least one origin"));

const STATUS_RANGE = either("a status, or a range such as 200-299", [v.number(), v.string()]);

const BALANCE = /^(?:round-robin|least-connections|address|(?:header|cookie):.+)$/;

export const PROXY = either("an origin, a list of origins, or an object with origins", [
  v.pipe(
    ORIGIN_TEXT,
    v.transform((origin): ProxyShorthand => ({ origins: [origin] })),
  ),
  v.pipe(
    ORIGINS,
    v.transform((origins): ProxyShorthand => ({ origins })),
  ),
  section("ProxyAction", {
    origins: ORIGINS,
    balance: v.optional(
      v.custom<Balance>(
        (value) => typeof value === "string" && BALANCE.test(value),
        ({ input }) =>
          `${show(input)} is not one of "round-robin", "least-connections", "address", "header:NAME", "cookie:NAME"`,
      ),
    ),
    healthCheck: v.optional(
      section("HealthCheckConfig", {
        path: text("a path"),
        interval: v.optional(DURATION),
        jitter: v.optional(number()),
        timeout: v.optional(DURATION),
        status: v.optional(either("a status, or a list of them", [STATUS_RANGE, list(STATUS_RANGE, "a list")])),
        unhealthyAfter: v.optional(number()),
        healthyAfter: v.optional(number()),
        host: v.optional(text("a host")),
      } satisfies Members<HealthCheckConfig>),
    ),
    passiveHealth: v.optional(
      section("PassiveHealthConfig", {
        failures: v.optional(number()),
        backoff: v.optional(DURATION),
        maxBackoff: v.optional(DURATION),
      } satisfies Members<PassiveHealthConfig>),
    ),
    retry: v.optional(
      section("RetryConfig", {
        attempts: v.optional(number()),
        budget: v.optional(number()),
        bufferSize: v.optional(SIZE),
      } satisfies Members<RetryConfig>),
    ),
    partialPostReplay: v.optional(
      either("true, false, or an object", [
        flag(),
        section("PartialPostReplayConfig", {
          status: v.optional(number()),
          maxReplays: v.optional(number()),
          memory: v.optional(SIZE),
          directory: v.optional(text("a folder")),
          timeout: v.optional(DURATION),
        } satisfies Members<PartialPostReplayConfig>),
      ]),
    ),
    maxConnections: v.optional(number()),
    maxWaiting: v.optional(number()),
    waitTimeout: v.optional(DURATION),
    connectTimeout: v.optional(DURATION),
    requestBodyTimeout: v.optional(DURATION),
    headersTimeout: v.optional(DURATION),
    bodyTimeout: v.optional(DURATION),
    timeout: v.optional(DURATION),
    tunnelTimeout: v.optional(DURATION),
    idleTimeout: v.optional(DURATION),
    lookupInterval: v.optional(DURATION),
    hostHeader: v.optional(text('"client", "origin" or a name')),
    trustedProxies: v.optional(list(text("an address or prefix"), "a list of addresses and prefixes")),
    trustForwarded: v.optional(flag()),
    caFile: v.optional(text("a PEM file")),
    rejectUnauthorized: v.optional(flag()),
    http2PriorityUpdate: v.optional(flag()),
  } satisfies Members<ProxyAction>),
]);

export interface ProxyShorthand {
  readonly origins: v.InferOutput<typeof ORIGINS>;
  readonly caFile?: undefined;
}
