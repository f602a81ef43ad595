/** What a configuration says about the server as a whole. */

import * as v from "valibot";
import type { DnsHook } from "../../host/acme/dns-hook.ts";
import type { ExternalAccount } from "../../host/acme/jose.ts";
import type { OnDemandOptions } from "../../host/acme/options.ts";
import type { Storage } from "../../host/acme/storage.ts";
import type { AltSvcOptions } from "../../host/listen/alt-svc.ts";
import { QLOG_DIALECTS } from "../../host/qlog/options.ts";
import { QUIC_VERSION_NAMES } from "../../host/quic/quic-options.ts";
import { MAX_WORKERS } from "../../host/workers/place.ts";
import { ALTERNATIVE_NAME } from "../../http/index.ts";
import { ACCESS_LOG_FORMATS } from "../operations/access-log/formats.ts";
import type { RequestIdOptions } from "../operations/identification/request-id.ts";
import type { TraceContextOptions } from "../operations/identification/traceparent.ts";
import { either, list, type Members, section } from "./section.ts";
import type {
  AccessLogConfig,
  AcmeConfig,
  DeprecationReportConfig,
  HandBackConfig,
  LimitsConfig,
  ListenConfig,
  MetricsConfig,
  ProxyProtocolConfig,
  QlogConfig,
  RouteLimitsConfig,
} from "./types.ts";
import { DURATION, flag, number, oneOf, port, SIZE, show, text } from "./values.ts";

const ADDRESSES = list(text("an address or prefix"), "a list of addresses and prefixes");

const LIMIT = v.pipe(
  number(),
  v.check(
    (limit) => limit > 0,
    ({ input }) => `${show(input)} is not a limit: give a number above 0, or leave it out`,
  ),
);

/** What limits of the server and of a route have in common. */
const REQUEST_LIMITS = {
  requestsPerSecond: v.optional(LIMIT),
  burst: v.optional(
    v.pipe(
      number(),
      v.check(
        (burst) => burst >= 1,
        ({ input }) => `${show(input)} lets no request pass: give at least 1`,
      ),
    ),
  ),
  concurrentRequests: v.optional(LIMIT),
  retryAfter: v.optional(DURATION),
  exempt: v.optional(ADDRESSES),
};

export const ROUTE_LIMITS = section("RouteLimitsConfig", REQUEST_LIMITS satisfies Members<RouteLimitsConfig>);

export const LISTEN = section("ListenConfig", {
  port: v.optional(port(0)),
  host: v.optional(text("an address or name of this machine")),
  httpPort: v.optional(port(0)),
  publicPort: v.optional(port(1)),
  workers: v.optional(
    either(`a number from 1 to ${MAX_WORKERS}, or "auto"`, [
      v.literal("auto"),
      v.custom<number>((value) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= MAX_WORKERS),
    ]),
  ),
  user: v.optional(text("a user")),
  group: v.optional(text("a group")),
  grace: v.optional(DURATION),
  drainTimeout: v.optional(DURATION),
  stallTimeout: v.optional(DURATION),
  memoryLimit: v.optional(SIZE),
  http3: v.optional(flag()),
  retry: v.optional(oneOf(["auto", "always", "never"])),
  quicVersions: v.optional(list(oneOf(QUIC_VERSION_NAMES), "a list of versions")),
  altSvc: v.optional(
    section("AltSvcOptions", {
      maxAge: v.optional(v.number()),
      port: v.optional(port(1)),
      advertise: v.optional(flag()),
      clear: v.optional(flag()),
    } satisfies Members<AltSvcOptions>),
  ),
  altSvcb: v.optional(
    v.pipe(
      text("a host name"),
      v.regex(
        ALTERNATIVE_NAME,
        'is not a host name: give one such as "instance31.example.com", or "invalid" to withdraw it',
      ),
    ),
  ),
  http2PriorityUpdate: v.optional(flag()),
  origins: v.optional(list(text('an origin such as "https://www.example.com"'), "a list of origins")),
  http2WebTransport: v.optional(flag()),
  proxyProtocol: v.optional(
    section("ProxyProtocolConfig", {
      trusted: ADDRESSES,
      timeout: v.optional(DURATION),
    } satisfies Members<ProxyProtocolConfig>),
  ),
  qlog: v.optional(
    either("a folder, or an object", [
      v.pipe(
        text("a folder"),
        v.transform((directory) => ({ directory })),
      ),
      section("QlogConfig", {
        directory: text("a folder"),
        dialect: v.optional(oneOf(QLOG_DIALECTS)),
      } satisfies Members<QlogConfig>),
    ]),
  ),
} satisfies Members<ListenConfig>);

export const ACME = section("AcmeConfig", {
  agreeToTerms: v.optional(flag()),
  email: v.optional(either("an address, or a list of them", [text("an address"), list(text("an address"), "a list")])),
  directory: v.optional(text("the URL of a directory")),
  caFile: v.optional(text("a PEM file")),
  eab: v.optional(
    section("ExternalAccount", {
      kid: text("an id"),
      hmacKey: text("a key in base64url"),
    } satisfies Members<ExternalAccount>),
  ),
  challenges: v.optional(list(oneOf(["http-01", "tls-alpn-01", "dns-01"]), "a list of challenges")),
  dnsHook: v.optional(
    either("a program, or a program with its first arguments", [
      text("a program"),
      list(text("an argument"), "a list of arguments"),
      v.custom<DnsHook>((value) => typeof (value as DnsHook | null)?.set === "function"),
    ]),
  ),
  storage: v.optional(
    either("a folder, or an object", [
      text("a folder"),
      v.custom<Storage>((value) => typeof (value as Storage | null)?.get === "function"),
    ]),
  ),
  onDemand: v.optional(
    section("OnDemandOptions", {
      allow: either("a list of patterns, a URL, or a function", [
        text("a URL"),
        list(text("a pattern"), "a list of patterns"),
        v.custom<(name: string) => boolean | Promise<boolean>>((value) => typeof value === "function"),
      ]),
      limit: v.exactOptional(number()),
    } satisfies Members<OnDemandOptions>),
  ),
  keyType: v.optional(oneOf(["p256", "p384", "rsa2048", "rsa4096"])),
  accountKeyType: v.optional(oneOf(["ES256", "EdDSA"])),
  profile: v.optional(text("a profile")),
  preferredChain: v.optional(text("a common name")),
} satisfies Members<AcmeConfig>);

export const OPERATIONS = {
  accessLog: v.optional(
    either('a file, "-", or an object', [
      text('a file, or "-"'),
      section("AccessLogConfig", {
        to: v.optional(text('a file, or "-"')),
        format: v.optional(oneOf(ACCESS_LOG_FORMATS)),
        query: v.optional(oneOf(["names", "full", "none"])),
        address: v.optional(oneOf(["full", "network", "none"])),
      } satisfies Members<AccessLogConfig>),
    ]),
  ),
  requestId: v.optional(
    either("true, false, or an object", [
      flag(),
      section("RequestIdOptions", {
        header: v.optional(text("a field name")),
        accept: v.optional(oneOf(["trusted", "all", "none"])),
        respond: v.optional(flag()),
      } satisfies Members<RequestIdOptions>),
    ]),
  ),
  traceContext: v.optional(
    either("true, false, or an object", [
      flag(),
      section("TraceContextOptions", {
        continue: v.optional(oneOf(["all", "trusted", "none"])),
        sampleRatio: v.optional(number()),
      } satisfies Members<TraceContextOptions>),
    ]),
  ),
  trustedProxies: v.optional(ADDRESSES),
  metrics: v.optional(
    either("true, false, or an object", [
      flag(),
      section("MetricsConfig", {
        port: v.optional(port(0)),
        host: v.optional(text("an address or name of this machine")),
        sites: v.optional(list(text("a host name"), "a list of host names")),
        quic: v.optional(flag()),
      } satisfies Members<MetricsConfig>),
    ]),
  ),
  handBack: v.optional(
    either("a list of proxies, or an object with trusted", [
      v.pipe(
        ADDRESSES,
        v.transform((trusted) => ({ trusted })),
      ),
      section("HandBackConfig", {
        trusted: ADDRESSES,
        status: v.optional(number()),
        memory: v.optional(SIZE),
        directory: v.optional(text("a folder")),
      } satisfies Members<HandBackConfig>),
    ]),
  ),
  deprecationReport: v.optional(
    either('a file, "-", or an object', [
      text('a file, or "-"'),
      section("DeprecationReportConfig", {
        to: v.optional(text('a file, or "-"')),
        interval: v.optional(DURATION),
        address: v.optional(oneOf(["full", "network", "none"])),
        caller: v.optional(text("a field name")),
        maxCallers: v.optional(LIMIT),
      } satisfies Members<DeprecationReportConfig>),
    ]),
  ),
  limits: v.optional(
    section("LimitsConfig", {
      ...REQUEST_LIMITS,
      connectionsPerAddress: v.optional(LIMIT),
      maxLag: v.optional(DURATION),
      maxMemory: v.optional(SIZE),
    } satisfies Members<LimitsConfig>),
  ),
};
