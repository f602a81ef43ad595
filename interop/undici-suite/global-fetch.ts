/** Decides whose fetch undici's tests get. */
import Module from "node:module";
import { join } from "node:path";

type Load = (request: string, parent: { readonly filename?: string } | undefined, isMain: boolean) => unknown;

/** What a copy of undici and Node both have. */
const NAMES = ["fetch", "Headers", "Request", "Response", "FormData", "WebSocket", "CloseEvent", "MessageEvent"];

/** Node's own functions and classes in the index of the sources, as their tests see it. */
export function setGlobalFetch(source: string): void {
  const loader = Module as unknown as { _load: Load; _resolveFilename: (...given: unknown[]) => string };
  const { _load: load } = loader;
  let mixed: object | undefined;
  loader._load = (request, parent, isMain) => {
    const loaded = load.call(loader, request, parent, isMain);
    if (!request.startsWith(".") || !parent?.filename?.startsWith(join(source, "test"))) return loaded;
    const path = loader._resolveFilename(request, parent, isMain);
    if (path !== join(source, "index.js") && path !== join(source, "index-fetch.js")) return loaded;
    const known = globalThis as unknown as Record<string, unknown>;
    mixed ??= { ...(loaded as object), ...Object.fromEntries(NAMES.map((name) => [name, known[name]])) };
    return mixed;
  };
}
