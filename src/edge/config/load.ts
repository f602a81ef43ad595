/** Reads a configuration file. */

import { readFileSync } from "node:fs";
import { dirname, extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import * as v from "valibot";
import { moduleProblem } from "../module-problem.ts";
import { absolutePaths } from "./paths.ts";
import { ConfigError, problemsOf } from "./problem.ts";
import { CONFIG, type ValidConfig } from "./schema.ts";

export interface LoadedConfig {
  /** As given. */
  readonly file: string;
  readonly source: string;
  /** With absolute file names. */
  readonly config: ValidConfig;
}

/** Evaluates the file anew on each call. Rejects with a `ConfigError`. */
export async function loadConfig(file: string): Promise<LoadedConfig> {
  const path = resolve(file);
  const source = readSource(file, path);
  const value = extname(path) === ".json" ? parseJson(file, source) : await evaluate(file, path, source);
  const result = v.safeParse(CONFIG, value);
  if (!result.success) throw new ConfigError(file, problemsOf(result.issues, source));
  return { file, source, config: absolutePaths(result.output, dirname(path)) };
}

const whole = (message: string, line?: number) => [{ path: "", message, line, column: undefined }];

function readSource(file: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = code === "ENOENT" ? "there is no such file: name one that exists" : `cannot be read: ${message}`;
    throw new ConfigError(file, whole(why), { cause });
  }
}

function parseJson(file: string, source: string): unknown {
  try {
    return JSON.parse(source);
  } catch (cause) {
    const { message } = cause as Error;
    const offset = /position (\d+)/.exec(message)?.[1];
    const line = offset === undefined ? undefined : source.slice(0, Number(offset)).split("\n").length;
    throw new ConfigError(file, whole(`is not JSON: ${message}`, line), { cause });
  }
}

/**
 * Through jiti on every Node, not by import(): that keeps a module forever, and a reload would find the previous one. jiti
 * evaluates the file and the TypeScript that it imports from the project again, and leaves the rest to Node.
 */
async function evaluate(file: string, path: string, source: string): Promise<unknown> {
  const { createJiti } = await import("jiti");
  const jiti = createJiti(path, { moduleCache: false, fsCache: false, nativeModules: ["nagare"] });
  try {
    const options = { filename: path, ext: extname(path), async: true, forceTranspile: true };
    return ((await jiti.evalModule(source, options)) as { readonly default?: unknown }).default;
  } catch (cause) {
    throw new ConfigError(file, whole(`cannot be loaded: ${moduleProblem(cause, pathToFileURL(path).href)}`), {
      cause,
    });
  }
}
