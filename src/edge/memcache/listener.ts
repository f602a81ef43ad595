/** The memcached proxy as a listener of a configured server. */

import { MemcacheServer } from "../../host/memcache/index.ts";
import {
  buildPlan,
  discoveredNames,
  type MemcacheConfig,
  MemcacheConfigError,
  withServers,
} from "../../memcache/index.ts";
import type { ValidConfig } from "../config/schema.ts";
import { parseListen } from "./listen.ts";
import { MemcacheService } from "./service.ts";

type ValidMemcache = NonNullable<ValidConfig["memcache"]>;

export interface MemcacheListenerOptions {
  readonly version: string;
  readonly section: ValidMemcache;
  /** Reads the section as it is now; undefined if the file has none any more. */
  readonly read: () => Promise<ValidMemcache | undefined>;
  readonly log: (line: string) => void;
}

/** Where it listens, and its limits, take effect with a start; pools and routes with a reload. */
export function startMemcacheListener({
  version,
  section,
  read,
  log,
}: MemcacheListenerOptions): Promise<MemcacheService> {
  const { listen = "127.0.0.1", maxConnections, maxValue } = section;
  let first: ValidMemcache | undefined = section;
  return MemcacheService.start({
    version,
    source: {
      read: async () => {
        const current = first ?? (await read());
        first = undefined;
        // Without the section, the proxy goes on until the server ends.
        return configOf(current ?? section);
      },
    },
    listen: [listen].flat().map((place) => parseListen(place)),
    watch: false,
    log,
    ...(maxConnections === undefined ? {} : { maxConnections }),
    ...(maxValue === undefined ? {} : { maxValue }),
  });
}

/** Why a start could not use the section; undefined if it could. */
export function memcacheProblem(section: ValidMemcache): string | undefined {
  const config = configOf(section);
  try {
    for (const place of [section.listen ?? []].flat()) parseListen(place);
    discoveredNames(config);
    buildPlan(withServers(config, new Map()), new MemcacheServer({ version: "0" }).environment);
    return undefined;
  } catch (error) {
    if (error instanceof MemcacheConfigError) return error.message;
    throw error;
  }
}

function configOf({ listen: _, maxConnections: _count, maxValue: _size, ...config }: ValidMemcache): MemcacheConfig {
  return Object.fromEntries(
    Object.entries(config).filter(([, value]) => value !== undefined),
  ) as unknown as MemcacheConfig;
}
