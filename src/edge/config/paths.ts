/** File names in a configuration are relative to the folder of its file. */

import { resolve } from "node:path";
import type { ValidConfig, ValidRoute, ValidSite } from "./schema.ts";

export function absolutePaths({ listen, sites, acme, accessLog, ...rest }: ValidConfig, folder: string): ValidConfig {
  const path = (name: string): string => resolve(folder, name);
  const qlog = listen?.qlog;
  return {
    ...rest,
    ...(acme === undefined ? {} : { acme: acmeWith(acme, path) }),
    ...(accessLog === undefined ? {} : { accessLog: accessLogWith(accessLog, path) }),
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
function accessLogWith(accessLog: NonNullable<ValidConfig["accessLog"]>, path: Resolve): ValidConfig["accessLog"] {
  const file = (to: string): string => (to === "-" ? to : path(to));
  if (typeof accessLog === "string") return file(accessLog);
  return accessLog.to === undefined ? accessLog : { ...accessLog, to: file(accessLog.to) };
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
  const { files, proxy, upload, handler } = route;
  return {
    ...route,
    ...(files === undefined ? {} : { files: { ...files, directory: path(files.directory) } }),
    ...(proxy !== undefined && "caFile" in proxy && proxy.caFile !== undefined
      ? { proxy: { ...proxy, caFile: path(proxy.caFile) } }
      : {}),
    ...(upload === undefined ? {} : { upload: { ...upload, directory: path(upload.directory) } }),
    ...(typeof handler === "string" ? { handler: path(handler) } : {}),
  };
}
