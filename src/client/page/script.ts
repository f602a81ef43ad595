// What a script asks for, as far as its text says: imports of modules, and workers.
import { parse } from "es-module-lexer/js";
import type { Reference } from "../../agent/audit/index.ts";
import { resolveUrl } from "./url.ts";

const WORKER = /new\s+Worker\(\s*(?:new\s+URL\(\s*)?["'`]([^"'`$\n]+)["'`]/g;
/** Of one script; more are not looked at. */
const MAX_IMPORTS = 500;

export function* scriptReferences(text: string, base: string, isModule: boolean, from: string): Generator<Reference> {
  for (const specifier of isModule ? importsOf(text) : []) {
    // Bare names need an import map.
    if (!/^(?:\.{0,2}\/|https?:)/.test(specifier)) continue;
    const url = resolveUrl(specifier, base);
    if (url !== undefined)
      yield {
        kind: "script",
        url,
        mode: "cors",
        credentials: "same-origin",
        from: `import in ${from}`,
        isBlocking: false,
      };
  }
  for (const [, worker] of text.matchAll(WORKER)) {
    const url = resolveUrl(worker!, base);
    if (url !== undefined)
      yield {
        kind: "worker",
        url,
        mode: "no-cors",
        credentials: "include",
        from: `new Worker() in ${from}`,
        isBlocking: false,
      };
  }
}

function importsOf(text: string): string[] {
  try {
    const [imports] = parse(text);
    const names = imports.slice(0, MAX_IMPORTS).map((each) => ("specifier" in each ? each.specifier : undefined));
    return names.filter((name): name is string => typeof name === "string");
  } catch {
    // A syntax error: browsers run nothing of it.
    return [];
  }
}
