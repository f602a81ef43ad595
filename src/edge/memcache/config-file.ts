/** The files that configure the memcached proxy: Lua, as memcached reads it, or a module or JSON with a typed object. */

import { statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { LuaConfigReader } from "../../host/memcache/lua/index.ts";
import { type MemcacheConfig, MemcacheConfigError } from "../../memcache/config/config.ts";

export interface ConfigSource {
  /** Lua files, in order. */
  readonly lua?: readonly string[];
  /** A module or a JSON file. */
  readonly module?: string;
  /** What another part of the program has read, instead of a file. */
  readonly read?: () => Promise<MemcacheConfig>;
}

/**
 * Parses memcached's `-o proxy_config=FILE[:FILE…][,proxy_arg=FILE]`. `routelib` names the library that is built in; the file
 * that it reads is its argument.
 */
export function parseProxyOption(option: string): readonly string[] {
  let files: string[] = [];
  let argument: string | undefined;
  for (const part of option.split(",")) {
    const [, name, value] = /^(proxy_config|proxy_arg)=(.+)$/.exec(part) ?? [];
    if (value === undefined) throw new MemcacheConfigError(`-o ${part}: the options are proxy_config and proxy_arg`);
    if (name === "proxy_config") files = value.split(":");
    else argument = value;
  }
  const isLibrary = files.length === 1 && /^routelib(\.lua)?$/.test(basename(files[0]!));
  if (isLibrary && argument === undefined) {
    throw new MemcacheConfigError(
      "routelib reads the file that proxy_arg names: -o proxy_config=routelib,proxy_arg=FILE",
    );
  }
  if (files.length === 0) throw new MemcacheConfigError("-o needs proxy_config=FILE");
  return isLibrary ? [argument!] : files;
}

/** Reads a configuration, again and again. */
export class ConfigReader {
  readonly #source: ConfigSource;
  readonly #log: (line: string) => void;
  #lua: LuaConfigReader | undefined;

  constructor(source: ConfigSource, log: (line: string) => void) {
    this.#source = source;
    this.#log = log;
  }

  /** Reads the configuration as it is now. */
  async read(): Promise<MemcacheConfig> {
    const { lua, module, read } = this.#source;
    if (read !== undefined) return read();
    for (const file of lua ?? [module!]) {
      if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true)
        throw new MemcacheConfigError(`there is no file ${file}`);
    }
    if (lua === undefined) return readModule(module!);
    const { LuaConfigReader: Reader } = await import("../../host/memcache/lua/index.ts");
    this.#lua ??= new Reader(lua, this.#log);
    return this.#lua.read();
  }
}

async function readModule(path: string): Promise<MemcacheConfig> {
  const loaded = extname(path) === ".json" ? await readJson(path) : await importAgain(path);
  const config = hasKey(loaded, "memcache") ? loaded.memcache : loaded;
  if (!hasKey(config, "pools") || !hasKey(config, "routes")) {
    throw new MemcacheConfigError(`${path} needs pools and routes: export default { memcache: { pools, routes } }`);
  }
  return config as unknown as MemcacheConfig;
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    throw new MemcacheConfigError(`${path} is no JSON: ${(cause as Error).message}`, { cause });
  }
}

/** Imports a module as it is now, not as an earlier import found it. */
async function importAgain(path: string): Promise<unknown> {
  const { createJiti } = await import("jiti");
  const url = pathToFileURL(resolve(path)).href;
  try {
    return await createJiti(url, { moduleCache: false, fsCache: false }).import(url, { default: true });
  } catch (cause) {
    throw new MemcacheConfigError(`cannot load ${path}: ${(cause as Error).message.split("\n")[0]}`, { cause });
  }
}

const hasKey = <Key extends string>(value: unknown, key: Key): value is Record<Key, unknown> =>
  typeof value === "object" && value !== null && key in value;
