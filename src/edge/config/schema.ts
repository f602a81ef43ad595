/** Validates a configuration, and turns durations into milliseconds, sizes into bytes, and shorthands into objects. */

import * as v from "valibot";
import type { Handler } from "../../host/http/fetch-handler.ts";
import { QLOG_DIALECTS } from "../../host/qlog/options.ts";
import { QUIC_VERSION_NAMES } from "../../host/quic/quic-options.ts";
import { MAX_WORKERS } from "../../host/workers/place.ts";
import { isToken } from "../../http/index.ts";
import { ACCESS_LOG_FORMATS } from "../operations/access-log/formats.ts";
import type { Balance } from "../proxy/origins/policies.ts";
import type { FetchObject } from "../serve.ts";
import { PathPattern } from "../sites/path-pattern.ts";
import { similarName } from "../unknown-options.ts";
import type { Config } from "./types.ts";
import { DURATION, FIELDS, flag, isSiteName, number, oneOf, port, SIZE, show, text } from "./values.ts";

/** The members of each section, for the JSON Schema: a converter cannot look into the check that comes before them. */
export const SECTIONS = new WeakMap<
  object,
  { readonly title: string | undefined; readonly members: v.GenericSchema }
>();

/** An object without other members. The title is the name of its interface in `types.ts`. */
const section = <const Entries extends v.ObjectEntries>(title: string, entries: Entries) => {
  const names = Object.keys(entries);
  const members = v.strictObject(entries, ({ expected, path }) => {
    if (expected !== "never") return "is missing";
    const similar = similarName(String(path?.[0].key), names);
    return `is unknown: ${similar === undefined ? `known here are ${names.join(", ")}` : `did you mean ${similar}?`}`;
  });
  return v.pipe(objectOf(members, title), members);
};

/** The check that a value is an object and not an array, which comes before that of its members. */
function objectOf<const Members extends v.GenericSchema>(members: Members, title?: string) {
  const object = v.custom<v.InferInput<Members>>(isObject, notAnObject);
  SECTIONS.set(object, { title, members });
  return object;
}

const isObject = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value);

const notAnObject = ({ input }: { readonly input: unknown }): string =>
  input === undefined ? "is missing: give an object" : `${show(input)} is not an object`;

const list = <const Item extends v.GenericSchema>(item: Item, what: string) =>
  v.array(item, ({ input }) => (input === undefined ? `is missing: give ${what}` : `${show(input)} is not ${what}`));

/** Several forms of one value. `what` describes them all. */
const either = <const Options extends v.UnionOptions>(what: string, options: Options) =>
  v.union(options, ({ input }) => `${show(input)} is not ${what}`);

const LISTEN = section("ListenConfig", {
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
    }),
  ),
  qlog: v.optional(
    either("a folder, or an object", [
      v.pipe(
        text("a folder"),
        v.transform((directory) => ({ directory })),
      ),
      section("QlogConfig", { directory: text("a folder"), dialect: v.optional(oneOf(QLOG_DIALECTS)) }),
    ]),
  ),
});

const TLS = either('"development", or an object with certFile and keyFile', [
  v.literal("development"),
  section("TlsFiles", {
    certFile: text("a PEM file"),
    keyFile: text("a PEM file"),
    passphrase: v.optional(text("a text")),
  }),
]);

const FILES = either("a folder, or an object with directory", [
  v.pipe(
    text("a folder"),
    v.transform((directory) => ({ directory })),
  ),
  section("FilesAction", {
    directory: text("a folder"),
    spa: v.optional(flag()),
    listing: v.optional(flag()),
    cacheControl: v.optional(text("the value of cache-control")),
  }),
]);

const ORIGIN_TEXT = text("an origin such as http://127.0.0.1:3000");

const ORIGIN = either("an origin such as http://127.0.0.1:3000, or an object with url", [
  ORIGIN_TEXT,
  section("OriginOptions", { url: ORIGIN_TEXT, weight: v.optional(number()), maxConnections: v.optional(number()) }),
]);

const ORIGINS = v.pipe(list(ORIGIN, "a list of origins"), v.minLength(1, "is empty: give at least one origin"));

const STATUS_RANGE = either("a status, or a range such as 200-299", [v.number(), v.string()]);

const BALANCE = /^(?:round-robin|least-connections|address|(?:header|cookie):.+)$/;

const PROXY = either("an origin, a list of origins, or an object with origins", [
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
      }),
    ),
    passiveHealth: v.optional(
      section("PassiveHealthConfig", {
        failures: v.optional(number()),
        backoff: v.optional(DURATION),
        maxBackoff: v.optional(DURATION),
      }),
    ),
    retry: v.optional(
      section("RetryConfig", {
        attempts: v.optional(number()),
        budget: v.optional(number()),
        bufferSize: v.optional(SIZE),
      }),
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
    trustForwarded: v.optional(flag()),
    caFile: v.optional(text("a PEM file")),
    rejectUnauthorized: v.optional(flag()),
  }),
]);

interface ProxyShorthand {
  readonly origins: v.InferOutput<typeof ORIGINS>;
  readonly caFile?: undefined;
}

const LOCATION = text("a path or URL");

const REDIRECT = either("a path or URL, or an object with to", [
  v.pipe(
    LOCATION,
    v.transform((to) => ({ to })),
  ),
  section("RedirectAction", {
    to: LOCATION,
    status: v.optional(oneOf([301, 302, 303, 307, 308])),
    keepQuery: v.optional(flag()),
  }),
]);

const STATUS = v.pipe(
  v.number(),
  v.check(
    (status) => Number.isInteger(status) && status >= 200 && status <= 599,
    ({ input }) => `${show(input)} is not a status: give a number from 200 to 599`,
  ),
);

const RESPOND = either("a status, or an object", [
  v.pipe(
    STATUS,
    v.transform((status) => ({ status })),
  ),
  section("RespondAction", {
    status: v.optional(STATUS),
    body: v.optional(v.string()),
    contentType: v.optional(text("a content type")),
  }),
]);

const isHandler = (value: unknown): value is Handler | FetchObject =>
  typeof value === "function" || typeof (value as { fetch?: unknown } | null)?.fetch === "function";

const HANDLER = either("a function, an object with fetch, or the file of a module", [
  text("the file of a module"),
  v.custom<Handler | FetchObject>(isHandler),
]);

const COMPRESS = either("true, false, or an object", [
  flag(),
  section("CompressConfig", {
    codings: v.optional(list(oneOf(["br", "zstd", "gzip"]), "a list of codings")),
    minSize: v.optional(SIZE),
  }),
]);

/** A route has exactly one of these. */
export const ACTIONS = ["files", "proxy", "redirect", "respond", "handler"] as const;

const ROUTE = v.pipe(
  section("RouteConfig", {
    path: v.pipe(
      text('a path such as "/*"'),
      v.rawCheck(({ dataset, addIssue }) => {
        const problem = dataset.typed ? PathPattern.problemOf(dataset.value) : undefined;
        if (problem !== undefined) addIssue({ message: `${show(dataset.value)} ${problem}` });
      }),
    ),
    methods: v.optional(
      list(
        v.pipe(
          text("a method"),
          v.check(isToken, ({ input }) => `${show(input)} is not a method`),
        ),
        "a list of methods",
      ),
    ),
    files: v.optional(FILES),
    proxy: v.optional(PROXY),
    redirect: v.optional(REDIRECT),
    respond: v.optional(RESPOND),
    handler: v.optional(HANDLER),
    stripPrefix: v.optional(
      v.pipe(
        text('a prefix such as "/api"'),
        v.check(
          (prefix) => prefix.startsWith("/") && prefix.length > 1 && !prefix.endsWith("/"),
          ({ input }) => `${show(input)} is not a prefix: give one such as "/api"`,
        ),
      ),
    ),
    headers: v.optional(FIELDS),
    compress: v.optional(COMPRESS),
    maxBodySize: v.optional(SIZE),
  }),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const { value } = dataset;
    const given = ACTIONS.filter((name) => value[name] !== undefined);
    if (given.length === 0) addIssue({ message: `has no action: give one of ${ACTIONS.join(", ")}` });
    if (given.length > 1)
      addIssue({ message: `has ${given.length} actions, ${given.join(" and ")}: keep one of them` });
  }),
);

const SITE = section("SiteConfig", {
  tls: v.optional(TLS),
  routes: v.pipe(list(ROUTE, "a list of routes"), v.minLength(1, "is empty: give at least one route")),
  headers: v.optional(FIELDS),
});

const SITE_RECORD = v.record(
  v.pipe(
    v.string(),
    v.check(isSiteName, ({ input }) => `${show(input)} is not a host name in lower case, without a port`),
  ),
  SITE,
);

const SITES = v.pipe(
  objectOf(SITE_RECORD),
  SITE_RECORD,
  v.check((sites) => Object.keys(sites).length > 0, 'is empty: give at least one site, such as "*"'),
);

export const CONFIG = section("Config", {
  $schema: v.optional(v.string()),
  listen: v.optional(LISTEN),
  sites: SITES,
  accessLog: v.optional(
    either('a file, "-", or an object', [
      text('a file, or "-"'),
      section("AccessLogConfig", {
        to: v.optional(text('a file, or "-"')),
        format: v.optional(oneOf(ACCESS_LOG_FORMATS)),
        query: v.optional(oneOf(["names", "full", "none"])),
        address: v.optional(oneOf(["full", "network", "none"])),
      }),
    ]),
  ),
  requestId: v.optional(
    either("true, false, or an object", [
      flag(),
      section("RequestIdOptions", {
        header: v.optional(text("a field name")),
        accept: v.optional(oneOf(["trusted", "all", "none"])),
        respond: v.optional(flag()),
      }),
    ]),
  ),
  traceContext: v.optional(
    either("true, false, or an object", [
      flag(),
      section("TraceContextOptions", {
        continue: v.optional(oneOf(["all", "trusted", "none"])),
        sampleRatio: v.optional(number()),
      }),
    ]),
  ),
  trustedProxies: v.optional(list(text("an address or prefix"), "a list of addresses and prefixes")),
}) satisfies v.GenericSchema<Config, unknown>;

/** A valid configuration. */
export type ValidConfig = v.InferOutput<typeof CONFIG>;
export type ValidSite = ValidConfig["sites"][string];
export type ValidRoute = ValidSite["routes"][number];
