/** Validates a configuration, and turns durations into milliseconds, sizes into bytes, and shorthands into objects. */

import * as v from "valibot";
import type { Handler } from "../../host/http/fetch-handler.ts";
import { isToken } from "../../http/index.ts";
import type { ConnectUdpOptions } from "../connect-udp/options.ts";
import { asHandler } from "../module.ts";
import type { FetchObject } from "../serve.ts";
import { PathPattern } from "../sites/path-pattern.ts";
import type { UploadOptions } from "../upload/options.ts";
import { LIVE, liveProblem } from "./live-schema.ts";
import { MEMCACHE } from "./memcache-schema.ts";
import { CLIENT_HINTS, DEPRECATION, GEO, GEOFEED, noticeProblem, SUNSET } from "./notice-schema.ts";
import { PROXY } from "./proxy-schema.ts";
import { either, list, type Members, objectOf, section } from "./section.ts";
import { ACME, LISTEN, OPERATIONS, ROUTE_LIMITS } from "./server-schema.ts";
import type {
  CompressConfig,
  Config,
  ConnectUdpAction,
  FilesAction,
  RedirectAction,
  RespondAction,
  RouteConfig,
  SiteConfig,
  TlsFiles,
  UploadAction,
} from "./types.ts";
import { DURATION, FIELDS, flag, hook, isSiteName, number, oneOf, SIZE, show, text } from "./values.ts";

const TLS = either('"auto", "development", or an object with certFile and keyFile', [
  v.literal("auto"),
  v.literal("development"),
  section("TlsFiles", {
    certFile: text("a PEM file"),
    keyFile: text("a PEM file"),
    passphrase: v.optional(text("a text")),
  } satisfies Members<TlsFiles>),
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
    safe: v.optional(text("a folder")),
  } satisfies Members<FilesAction>),
]);

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
  } satisfies Members<RedirectAction>),
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
  } satisfies Members<RespondAction>),
]);

const CONNECT_UDP = section("ConnectUdpAction", {
  allow: v.pipe(
    list(text('a target such as "*.example.com:443"'), "a list of targets"),
    v.minLength(1, 'is empty: give at least one target, such as "*.example.com:443"'),
  ),
  template: v.optional(text("a template of paths")),
  authorize: v.optional(hook<NonNullable<ConnectUdpOptions["authorize"]>>()),
  idleTimeout: v.optional(DURATION),
  lookupTimeout: v.optional(DURATION),
  maxSockets: v.optional(number()),
  maxSocketsPerClient: v.optional(number()),
  trustedProxies: v.optional(list(text("an address or prefix"), "a list of addresses and prefixes")),
} satisfies Members<ConnectUdpAction>);

const UPLOAD = either("a folder, or an object with directory", [
  v.pipe(
    text("a folder"),
    v.transform((directory) => ({ directory })),
  ),
  section("UploadAction", {
    directory: text("a folder"),
    keepNames: v.optional(flag()),
    maxSize: v.optional(SIZE),
    maxAppendSize: v.optional(SIZE),
    minAppendSize: v.optional(SIZE),
    maxAge: v.optional(DURATION),
    maxUploads: v.optional(number()),
    stallTimeout: v.optional(DURATION),
    cors: v.optional(
      either("true, false, or a list of origins", [flag(), list(text("an origin"), "a list of origins")]),
    ),
    trustedProxies: v.optional(list(text("an address or prefix"), "a list of addresses and prefixes")),
    authorize: v.optional(hook<NonNullable<UploadOptions["authorize"]>>()),
    onCreate: v.optional(hook<NonNullable<UploadOptions["onCreate"]>>()),
    onComplete: v.optional(hook<NonNullable<UploadOptions["onComplete"]>>()),
  } satisfies Members<UploadAction>),
]);

const HANDLER = either("a function, an object with fetch, or the file of a module", [
  text("the file of a module"),
  v.custom<Handler | FetchObject>((value) => asHandler(value) !== undefined),
]);

const COMPRESS = either("true, false, or an object", [
  flag(),
  section("CompressConfig", {
    codings: v.optional(list(oneOf(["br", "zstd", "gzip"]), "a list of codings")),
    minSize: v.optional(SIZE),
  } satisfies Members<CompressConfig>),
]);

/** A route has exactly one of these. */
export const ACTIONS = [
  "files",
  "proxy",
  "redirect",
  "respond",
  "upload",
  "connectUdp",
  "live",
  "geofeed",
  "handler",
] as const;

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
    upload: v.optional(UPLOAD),
    connectUdp: v.optional(CONNECT_UDP),
    live: v.optional(LIVE),
    geofeed: v.optional(GEOFEED),
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
    limits: v.optional(ROUTE_LIMITS),
    deprecation: v.optional(DEPRECATION),
    sunset: v.optional(SUNSET),
    clientHints: v.optional(CLIENT_HINTS),
    geo: v.optional(GEO),
  } satisfies Members<RouteConfig>),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const { value } = dataset;
    const given = ACTIONS.filter((name) => value[name] !== undefined);
    if (given.length === 0) addIssue({ message: `has no action: give one of ${ACTIONS.join(", ")}` });
    if (given.length > 1)
      addIssue({ message: `has ${given.length} actions, ${given.join(" and ")}: keep one of them` });
    const contradiction = noticeProblem(value.deprecation, value.sunset);
    if (contradiction !== undefined) addIssue({ message: contradiction, path: pathTo(value, "sunset") });
  }),
);

const SITE = section("SiteConfig", {
  tls: v.optional(TLS),
  routes: v.pipe(list(ROUTE, "a list of routes"), v.minLength(1, "is empty: give at least one route")),
  headers: v.optional(FIELDS),
} satisfies Members<SiteConfig>);

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

export const CONFIG = v.pipe(
  section("Config", {
    $schema: v.optional(v.string()),
    listen: v.optional(LISTEN),
    sites: SITES,
    acme: v.optional(ACME),
    memcache: v.optional(MEMCACHE),
    ...OPERATIONS,
  } satisfies Members<Config>),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const { sites, acme, listen } = dataset.value;
    for (const [name, site] of Object.entries(sites)) {
      for (const [index, { live }] of site.routes.entries()) {
        const problem = live === undefined ? undefined : liveProblem(listen?.workers);
        if (problem !== undefined)
          addIssue({ message: problem, path: pathTo(dataset.value, "sites", name, "routes", String(index), "live") });
      }
      const message = site.tls === "auto" ? autoProblem(name, acme) : undefined;
      if (message !== undefined) addIssue({ message, path: pathTo(dataset.value, "sites", name, "tls") });
    }
  }),
) satisfies v.GenericSchema<Config, unknown>;

/** A valid configuration. */
export type ValidConfig = v.InferOutput<typeof CONFIG>;
export type ValidSite = ValidConfig["sites"][string];
export type ValidRoute = ValidSite["routes"][number];

/** What is missing for automatic certificates of a site, if anything. */
function autoProblem(name: string, acme: v.InferOutput<typeof ACME> | undefined): string | undefined {
  if (acme?.agreeToTerms !== true)
    return '"auto" needs acme: { agreeToTerms: true }, once you have read the terms of the authority';
  if (name === "*" && acme.onDemand === undefined)
    return '"auto" for "*" needs acme.onDemand, which says for which names';
  return undefined;
}

/** The path of an issue: objects only. */
function pathTo(root: object, ...keys: readonly string[]): [v.IssuePathItem, ...v.IssuePathItem[]] {
  let input = root as Record<string, unknown>;
  const items = keys.map((key): v.IssuePathItem => {
    const item = { type: "object", origin: "value", input, key, value: input[key] } as const;
    input = input[key] as Record<string, unknown>;
    return item;
  });
  return items as [v.IssuePathItem, ...v.IssuePathItem[]];
}
