/** Configurations in Lua, as memcached's proxy reads them. */

import type { MemcacheConfig } from "../../../memcache/config/config.ts";
import { runLuaFiles } from "./interpreter.ts";
import type { Collected } from "./tables.ts";
import { translate } from "./translate.ts";

/** Runs Lua files and returns the configuration that they declare. */
export async function loadLuaConfig(paths: readonly string[], log: (line: string) => void): Promise<MemcacheConfig> {
  return translate(JSON.parse(await runLuaFiles(paths, log)) as Collected);
}
