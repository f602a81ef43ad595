/** Applications made for Node's `(req, res)`, recognised by their marks, since as fetch handlers they would fail at the first request. */

type Marks = Readonly<Record<string, unknown>>;

const isFunction = (value: unknown): boolean => typeof value === "function";

const has = (value: Marks, ...methods: string[]): boolean => methods.every((name) => typeof value[name] === "function");

/** Most specific first. */
const KINDS: readonly (readonly [name: string, isOne: (value: Marks) => boolean])[] = [
  ["an Express app", (value) => isFunction(value) && has(value, "handle", "set", "engine", "listen")],
  ["an Express router", (value) => isFunction(value) && has(value, "handle", "use", "route", "param")],
  ["a Connect app", (value) => isFunction(value) && has(value, "handle", "use") && Array.isArray(value.stack)],
  ["a Fastify instance", (value) => has(value, "inject", "ready", "route", "listen")],
  ["a Koa app", (value) => has(value, "callback", "use") && Array.isArray(value.middleware)],
  ["a server of node:http", (value) => has(value, "listen", "address", "getConnections", "emit")],
];

/** What is wrong with the value as a handler, and what to do; undefined where it is none of them. */
export function foreignApp(value: unknown): string | undefined {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return undefined;
  if (typeof (value as Marks).fetch === "function") return undefined;
  const kind = KINDS.find(([, isOne]) => isOne(value as Marks))?.[0];
  if (kind === undefined) return undefined;
  return (
    `this is ${kind}, made for Node's (req, res), and no fetch handler (request) => Response: it is for nagare/node; ` +
    "until that is built, let it listen on a port of its own and put nagare proxy PORT in front"
  );
}
