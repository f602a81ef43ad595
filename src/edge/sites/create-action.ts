/** Creates what the routes of a configuration do. */

import { readFile } from "node:fs/promises";
import { createFetchHandler, type Handler } from "../../host/http/fetch-handler.ts";
import { ServeError } from "../../host/listen/errors.ts";
import type { ACTIONS, ValidRoute } from "../config/schema.ts";
import { foreignApp } from "../foreign-app.ts";
import type { LiveOptions } from "../live/options.ts";
import type { LiveTokenOptions } from "../live/tokens.ts";
import { asHandler, loadModule, moduleState } from "../module.ts";
import type { FetchObject } from "../serve.ts";
import type { UploadOptions } from "../upload/options.ts";
import type { Action } from "./action.ts";
import { RedirectAction } from "./redirect-action.ts";
import { RespondAction } from "./respond-action.ts";

export interface PlannedAction {
  readonly type: (typeof ACTIONS)[number];
  /** Equal for equal actions. */
  readonly key: unknown;
  create(): Promise<Action>;
}

/** File names are absolute. `trustedProxies` are those in front of the whole server. */
export function planAction(
  route: ValidRoute,
  trustedProxies: readonly string[] | undefined,
  log: (line: string) => void,
): PlannedAction {
  const { files, proxy, redirect, respond, upload, connectUdp, live, geofeed, handler } = route;
  if (files !== undefined) {
    return {
      type: "files",
      key: keyOf("files", files),
      create: async () =>
        (await import("../files/safe-variant.ts")).createFileService(files.directory, { ...files, log }),
    };
  }
  if (proxy !== undefined) {
    const { origins, ...own } = proxy as Proxy;
    const options = { ...own, trustedProxies: own.trustedProxies ?? trustedProxies };
    return {
      type: "proxy",
      key: keyOf("proxy", { origins, ...options }),
      create: () => createProxy(origins, options, log),
    };
  }
  if (redirect !== undefined) {
    return { type: "redirect", key: keyOf("redirect", redirect), create: async () => new RedirectAction(redirect) };
  }
  if (respond !== undefined) {
    return { type: "respond", key: keyOf("respond", respond), create: async () => new RespondAction(respond) };
  }
  if (geofeed !== undefined) {
    return {
      type: "geofeed",
      key: keyOf("geofeed", [geofeed, moduleState(geofeed.file)]),
      create: async () =>
        (await import("../geo/service.ts")).GeofeedService.open({ maxAge: undefined, ...geofeed }, log),
    };
  }
  if (connectUdp !== undefined) {
    const { authorize, ...rest } = connectUdp;
    const options = { ...rest, trustedProxies: rest.trustedProxies ?? trustedProxies };
    return {
      type: "connectUdp",
      // A function is equal only to itself, so each reload makes another proxy; tunnels of the previous one end with it.
      key: authorize ?? keyOf("connectUdp", options),
      create: async () => {
        const { createUdpProxy } = await import("../connect-udp/index.ts");
        return createUdpProxy({ ...options, authorize, log });
      },
    };
  }
  if (live !== undefined) return planLive(live, log);
  if (upload !== undefined) return planUpload(upload, trustedProxies, log);
  if (typeof handler === "string") {
    return {
      type: "handler",
      key: keyOf("module", [handler, moduleState(handler)]),
      create: () => createModule(handler, log),
    };
  }
  return { type: "handler", key: handler, create: async () => createHandler(handler!, log) };
}

function planUpload(
  upload: NonNullable<ValidRoute["upload"]>,
  trustedProxies: readonly string[] | undefined,
  log: (line: string) => void,
): PlannedAction {
  const { authorize, onCreate, onComplete, ...rest } = upload as UploadOptions;
  const options = { ...rest, trustedProxies: rest.trustedProxies ?? trustedProxies };
  return {
    type: "upload",
    // Functions are equal only to themselves. Uploads are in the folder, so another service goes on with them.
    key: authorize ?? onCreate ?? onComplete ?? keyOf("upload", options),
    create: async () => {
      const { createUploads } = await import("../upload/index.ts");
      return createUploads({ ...options, authorize, onCreate, onComplete, log });
    },
  };
}

interface LiveSettings extends Omit<LiveOptions, "page"> {
  readonly tokens?: LiveTokenOptions | undefined;
  readonly page?: boolean | undefined;
}

function planLive(live: NonNullable<ValidRoute["live"]>, log: (line: string) => void): PlannedAction {
  const { tokens, authorize, ...options }: LiveSettings = live;
  return {
    type: "live",
    // A function is equal only to itself, so each reload makes another relay; peers of the previous one are asked to come over.
    key: authorize ?? keyOf("live", [options, tokens, tokens && moduleState(tokens.keyFile)]),
    create: async () => {
      const { createLiveRelay } = await import("../live/index.ts");
      const judge = tokens === undefined ? authorize : await (await import("../live/tokens.ts")).liveTokens(tokens);
      return createLiveRelay({ ...options, authorize: judge, log });
    },
  };
}

const keyOf = (type: string, options: unknown): string => JSON.stringify([type, options]);

type Proxy = Omit<
  Extract<NonNullable<ValidRoute["proxy"]>, { readonly connectTimeout?: unknown }>,
  "trustedProxies"
> & { readonly trustedProxies?: readonly string[] | undefined };

async function createProxy(
  origins: Proxy["origins"],
  { caFile, ...options }: Omit<Proxy, "origins">,
  log: (line: string) => void,
): Promise<Action> {
  const { createProxy: create } = await import("../proxy/index.ts");
  const ca = caFile === undefined ? undefined : await readCa(caFile);
  return create(origins, { ...options, ca, log });
}

async function readCa(path: string): Promise<string> {
  try {
    return await readFile(path, "latin1");
  } catch (cause) {
    throw new ServeError("OPTION_INVALID", `cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
}

async function createModule(path: string, log: (line: string) => void): Promise<Action> {
  const { handler, nativeRequest } = await loadModule(path, moduleState(path));
  return createFetchHandler(handler, { log, nativeRequest });
}

function createHandler(given: Handler | FetchObject, log: (line: string) => void): Action {
  const foreign = foreignApp(given);
  if (foreign !== undefined) throw new ServeError("MODULE_INVALID", foreign);
  const { nativeRequest } = given as { readonly nativeRequest?: unknown };
  return createFetchHandler(asHandler(given)!, { log, nativeRequest: nativeRequest === true });
}
