/** Builds the sites of a configuration. */

import { SUPPORTED_CODINGS } from "../../host/compression/encoder.ts";
import { type FieldLine, GEO_HINT } from "../../http/index.ts";
import type { ValidConfig, ValidRoute, ValidSite } from "../config/schema.ts";
import type { CompressionSettings } from "../modifiers/compression.ts";
import { RouteHints } from "../modifiers/hints.ts";
import { RouteNotice } from "../modifiers/notice.ts";
import { Limits } from "../operations/limits/limits.ts";
import { TrustedProxies } from "../trusted-proxies.ts";
import type { ActionStore, HeldAction } from "./action-store.ts";
import { planAction } from "./create-action.ts";
import { Generation, type Site } from "./generation.ts";
import { PathPattern } from "./path-pattern.ts";
import { Route } from "./route.ts";
import { SiteTable } from "./site-table.ts";

/** Rejects, and holds nothing, if an action cannot be created: a folder is missing, a module throws. */
export async function createGeneration(
  { sites, trustedProxies }: ValidConfig,
  store: ActionStore,
  log: (line: string) => void,
): Promise<Generation> {
  const held: HeldAction[] = [];
  const proxies = new TrustedProxies(trustedProxies ?? []);
  try {
    const built: [string, Site][] = [];
    for (const [name, site] of Object.entries(sites)) {
      const routes: Route[] = [];
      for (const route of site.routes) {
        const { key, create } = planAction(route, trustedProxies, log);
        const action = await store.hold(key, create);
        held.push(action);
        routes.push(createRoute(site, route, action, proxies, await hintsOf(route, proxies, log), log));
      }
      built.push([name, { routes }]);
    }
    return new Generation(
      new SiteTable(built),
      built.map(([, site]) => site),
    );
  } catch (error) {
    await Promise.all(held.map((each) => each.release()));
    throw error;
  }
}

function createRoute(
  site: ValidSite,
  route: ValidRoute,
  held: HeldAction,
  proxies: TrustedProxies,
  hints: RouteHints | undefined,
  log: (line: string) => void,
): Route {
  return new Route({
    path: new PathPattern(route.path),
    methods: route.methods === undefined ? undefined : new Set(route.methods),
    held,
    headers: mergedFields(site.headers ?? [], route.headers ?? []),
    stripPrefix: route.stripPrefix,
    compression: compressionOf(route.compress, log),
    maxBodySize: route.maxBodySize,
    limits: route.limits && new Limits(route.limits, []),
    notice: noticeOf(route),
    hints,
    proxies,
  });
}

async function hintsOf(
  { clientHints, geo }: ValidRoute,
  proxies: TrustedProxies,
  log: (line: string) => void,
): Promise<RouteHints | undefined> {
  if (clientHints === undefined && (geo ?? false) === false) return undefined;
  const { accept = [], critical = [] }: AskedHints = clientHints ?? {};
  if ((geo ?? false) === false) return new RouteHints(accept, critical, undefined);
  const { feed, critical: isCritical }: AskedLocation = typeof geo === "object" ? geo : {};
  const loaded = feed === undefined ? undefined : await (await import("../geo/feed-file.ts")).loadFeed(feed);
  const { ClientLocations } = await import("../geo/client-location.ts");
  const locations = new ClientLocations(loaded, proxies, log);
  return new RouteHints([...accept, GEO_HINT], isCritical === true ? [...critical, GEO_HINT] : critical, locations);
}

interface AskedHints {
  readonly accept?: readonly string[] | undefined;
  readonly critical?: readonly string[] | undefined;
}

interface AskedLocation {
  readonly feed?: string | undefined;
  readonly critical?: boolean | undefined;
}

interface RouteStart {
  readonly date?: number | undefined;
  readonly link?: string | undefined;
  readonly successor?: string | undefined;
}

interface RouteEnd {
  readonly date?: number;
  readonly link?: string | undefined;
  readonly gone?: boolean | undefined;
}

function noticeOf({ deprecation, sunset }: ValidRoute): RouteNotice | undefined {
  if (deprecation === undefined && sunset === undefined) return undefined;
  const start: RouteStart = deprecation ?? {};
  const end: RouteEnd = sunset ?? {};
  const notice = {
    deprecation: start.date,
    deprecationLink: start.link,
    sunset: end.date,
    sunsetLink: end.link,
    successor: start.successor,
  };
  return new RouteNotice(notice, end.gone === true);
}

/** The route's value replaces the site's. */
function mergedFields(site: readonly FieldLine[], route: readonly FieldLine[]): readonly FieldLine[] {
  const names = new Set(route.map(([name]) => name));
  return [...site.filter(([name]) => !names.has(name)), ...route];
}

const MIN_SIZE = 1_000;

function compressionOf(compress: ValidRoute["compress"], log: (line: string) => void): CompressionSettings | undefined {
  if (compress === undefined || compress === false) return undefined;
  const { codings = SUPPORTED_CODINGS, minSize = MIN_SIZE } = compress === true ? {} : compress;
  return {
    codings: codings.filter((coding) => SUPPORTED_CODINGS.includes(coding)),
    minSize,
    log,
  };
}
