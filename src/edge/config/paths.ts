/** File names in a configuration are relative to the folder of its file. */

import { resolve } from "node:path";
import type { ValidConfig, ValidRoute, ValidSite } from "./schema.ts";

export function absolutePaths(
  { listen, sites, acme, accessLog, deprecationReport, handBack, ...rest }: ValidConfig,
  folder: string,
): ValidConfig {
  const path = (name: string): string => resolve(folder, name);
  const qlog = listen?.qlog;
  return {
    ...rest,
    ...(acme === undefined ? {} : { acme: acmeWith(acme, path) }),
    ...(accessLog === undefined ? {} : { accessLog: outputWith(accessLog, path) }),
    ...(deprecationReport === undefined ? {} : { deprecationReport: outputWith(deprecationReport, path) }),
    ...(handBack === undefined ? {} : { handBack: handBackWith(handBack, path) }),
    ...(listen === undefined
      ? {}
      : {
          listen: { ...listen, ...(qlog === undefined ? {} : { qlog: { ...qlog, directory: path(qlog.directory) } }) },
        }),
    sites: Object.fromEntries(Object.entries(sites).map(([name, site]) => [name, siteWith(site, path)])),
  };
}

type Resolve = (name: string) => string;

function acmeWith(acme: NonNullable<ValidConfig["acme"]>, path: Resolve): ValidConfig["acme"] {
  const { storage, caFile } = acme;
  return {
    ...acme,
    ...(typeof storage === "string" ? { storage: path(storage) } : {}),
    ...(caFile === undefined ? {} : { caFile: path(caFile) }),
  };
}

/** "-" is standard output. */
function outputWith<Options extends { readonly to?: string | undefined }>(
  output: string | Options,
  path: Resolve,
): string | Options {
  const file = (to: string): string => (to === "-" ? to : path(to));
  if (typeof output === "string") return file(output);
  return output.to === undefined ? output : { ...output, to: file(output.to) };
}

function handBackWith(handBack: NonNullable<ValidConfig["handBack"]>, path: Resolve): ValidConfig["handBack"] {
  return "directory" in handBack && handBack.directory !== undefined
    ? { ...handBack, directory: path(handBack.directory) }
    : handBack;
}

function siteWith(site: ValidSite, path: Resolve): ValidSite {
  const { tls } = site;
  return {
    ...site,
    ...(typeof tls === "object" ? { tls: { ...tls, certFile: path(tls.certFile), keyFile: path(tls.keyFile) } } : {}),
    routes: site.routes.map((route) => routeWith(route, path)),
  };
}

function routeWith(route: ValidRoute, path: Resolve): ValidRoute {
  const { files, proxy, upload, live, geofeed, geo, handler } = route;
  return {
    ...route,
    ...(files === undefined ? {} : { files: filesWith(files, path) }),
    ...(proxy !== undefined && "caFile" in proxy && proxy.caFile !== undefined
      ? { proxy: { ...proxy, caFile: path(proxy.caFile) } }
      : {}),
    ...(geofeed === undefined ? {} : { geofeed: { ...geofeed, file: path(geofeed.file) } }),
    ...(typeof geo === "object" && geo.feed !== undefined ? { geo: { ...geo, feed: path(geo.feed) } } : {}),
    ...(upload === undefined ? {} : { upload: { ...upload, directory: path(upload.directory) } }),
    ...(live !== undefined && "tokens" in live && live.tokens !== undefined
      ? { live: { ...live, tokens: { ...live.tokens, keyFile: path(live.tokens.keyFile) } } }
      : {}),
    ...(typeof handler === "string" ? { handler: path(handler) } : {}),
  };
}

function filesWith(files: NonNullable<ValidRoute["files"]>, path: Resolve): NonNullable<ValidRoute["files"]> {
  const directory = path(files.directory);
  return "safe" in files && files.safe !== undefined
    ? { ...files, directory, safe: path(files.safe) }
    : { ...files, directory };
}
