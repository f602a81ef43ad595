/** Loads a user's module for `nagare serve MODULE`. */
import { statSync } from "node:fs";
import { extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Handler } from "../host/http/fetch-handler.ts";
import { ServeError } from "../host/listen/errors.ts";
import { foreignApp } from "./foreign-app.ts";

const JAVASCRIPT = new Set([".js", ".mjs", ".cjs"]);
const TYPESCRIPT = new Set([".ts", ".mts", ".cts"]);

export const isModulePath = (path: string): boolean => JAVASCRIPT.has(extname(path)) || TYPESCRIPT.has(extname(path));

export interface LoadedModule {
  readonly handler: Handler;
  /** True if the default export requests Node's own Request, like the option of `serve`. */
  readonly nativeRequest: boolean;
}

/** Changes when the file does; empty if there is none. */
export const moduleState = (path: string): string => String(statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? "");

/** The states of modules as they were first imported. */
const firstStates = new Map<string, string>();

/**
 * Imports a module and finds its handler: a default export that is a function, or that has a `fetch` method. With a state,
 * the file is imported again if its state has changed since; what it imports itself is not.
 */
export async function loadModule(path: string, state?: string): Promise<LoadedModule> {
  const file = resolve(path);
  if (!statSync(file, { throwIfNoEntry: false })?.isFile()) {
    throw new ServeError("MODULE_INVALID", `there is no file ${path}: name a module or a folder that exists`);
  }
  const exported = await importDefault(file, path, state);
  const foreign = foreignApp(exported);
  if (foreign !== undefined) throw new ServeError("MODULE_INVALID", `${path}: ${foreign}`);
  const handler = asHandler(exported);
  if (handler === undefined) {
    const shape = "export default { fetch(request) { return new Response() } }";
    throw new ServeError(
      "MODULE_INVALID",
      `${path} exports no handler: it needs a default function, or ${shape}; a program that starts its own server runs with node`,
    );
  }
  const { nativeRequest } = exported as { nativeRequest?: unknown };
  return { handler, nativeRequest: nativeRequest === true };
}

/** A function, or the `fetch` of an object. */
export function asHandler(value: unknown): Handler | undefined {
  if (typeof value === "function") return value as Handler;
  if (typeof value !== "object" || value === null) return undefined;
  const { fetch } = value as { fetch?: unknown };
  return typeof fetch === "function" ? (request, context) => fetch.call(value, request, context, context) : undefined;
}

async function importDefault(file: string, path: string, state: string | undefined): Promise<unknown> {
  try {
    const module = (await importFile(file, state)) as { default?: unknown };
    return module.default;
  } catch (cause) {
    const { moduleProblem } = await import("./module-problem.ts");
    const problem = moduleProblem(cause, pathToFileURL(file).href);
    throw new ServeError("MODULE_INVALID", `cannot load ${path}: ${problem}`, { cause });
  }
}

async function importFile(file: string, state: string | undefined): Promise<unknown> {
  const first = firstStates.get(file) ?? state;
  if (state !== undefined && first === state) firstStates.set(file, state);
  const url = `${pathToFileURL(file).href}${first === state ? "" : `?changed=${state}`}`;
  if (!TYPESCRIPT.has(extname(file))) return import(url);
  // Node 22.18 and later strips types, but rejects syntax that compiles to code, such as an enum.
  if ((process.features as { typescript?: unknown }).typescript) {
    try {
      return await import(url);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX") throw error;
    }
  }
  const { createJiti } = await import("jiti");
  return createJiti(url).import(url);
}
