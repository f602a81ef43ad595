/** Recognizes applications for Node's `(req, res)`, which would fail as fetch handlers at the first request. */

type Members = Readonly<Record<string, unknown>>;

const isFunction = (value: unknown): boolean => typeof value === "function";

const has = (value: Members, ...methods: string[]): boolean =>
  methods.every((name) => typeof value[name] === "function");

/** Most specific first. */
const KINDS: readonly (readonly [name: string, matches: (value: Members) => boolean])[] = [
  ["an Express app", (value) => isFunction(value) && has(value, "handle", "set", "engine", "listen")],
  ["an Express router", (value) => isFunction(value) && has(value, "handle", "use", "route", "param")],
  ["a Connect app", (value) => isFunction(value) && has(value, "handle", "use") && Array.isArray(value.stack)],
  ["a Fastify instance", (value) => has(value, "inject", "ready", "route", "listen")],
  ["a Koa app", (value) => has(value, "callback", "use") && Array.isArray(value.middleware)],
  ["a server of node:http", (value) => has(value, "listen", "address", "getConnections", "emit")],
];

/** Says why the value is not a handler, and what to do. Returns undefined if it is not such an application. */
export function foreignApp(value: unknown): string | undefined {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return undefined;
  if (typeof (value as Members).fetch === "function") return undefined;
  const kind = KINDS.find(([, matches]) => matches(value as Members))?.[0];
  if (kind === undefined) return undefined;
  return (
    `this is ${kind} for Node's (req, res), not a fetch handler (request) => Response; it needs nagare/node, which is ` +
    "not built yet: until then, let it listen on its own port and put nagare proxy PORT in front of it"
  );
}
