/** Recognizes applications for Node's `(req, res)`, which would fail as fetch handlers at the first request. */

type Members = Readonly<Record<string, unknown>>;

const isFunction = (value: unknown): boolean => typeof value === "function";

const has = (value: Members, ...methods: string[]): boolean =>
  methods.every((name) => typeof value[name] === "function");

interface Kind {
  readonly name: string;
  readonly matches: (value: Members) => boolean;
  /** The line that serves it with nagare/node. */
  readonly line: string;
}

const created = (listener: string): string => `createServer({ cert, key }, ${listener}).listen(443)`;

/** Most specific first. */
const KINDS: readonly Kind[] = [
  {
    name: "an Express app",
    matches: (value) => isFunction(value) && has(value, "handle", "set", "engine", "listen"),
    line: created("app"),
  },
  {
    name: "an Express router",
    matches: (value) => isFunction(value) && has(value, "handle", "use", "route", "param"),
    line: created("express().use(router)"),
  },
  {
    name: "a Connect app",
    matches: (value) => isFunction(value) && has(value, "handle", "use") && Array.isArray(value.stack),
    line: created("app"),
  },
  {
    name: "a Fastify instance",
    matches: (value) => has(value, "inject", "ready", "route", "listen"),
    line: "Fastify({ serverFactory: (listener) => createServer({ cert, key }, listener) }).listen({ port: 443 })",
  },
  {
    name: "a Koa app",
    matches: (value) => has(value, "callback", "use") && Array.isArray(value.middleware),
    line: created("app.callback()"),
  },
  {
    name: "a Nest app",
    matches: (value) => has(value, "getHttpAdapter", "useGlobalPipes", "init"),
    line: created("app.getHttpAdapter().getInstance()"),
  },
  {
    name: "a Next app",
    matches: (value) => has(value, "getRequestHandler", "getUpgradeHandler", "prepare"),
    line: created("app.getRequestHandler()"),
  },
  {
    name: "a server of node:http",
    matches: (value) => has(value, "listen", "address", "getConnections", "emit"),
    line: created("listener"),
  },
];

/** Says why the value is not a handler, and what to do. Returns undefined if it is not such an application. */
export function foreignApp(value: unknown): string | undefined {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return undefined;
  if (typeof (value as Members).fetch === "function") return undefined;
  const kind = KINDS.find(({ matches }) => matches(value as Members));
  if (kind === undefined) return undefined;
  return (
    `this is ${kind.name} for Node's (req, res), not a fetch handler (request) => Response: ` +
    `import { createServer } from "nagare/node" and write ${kind.line}`
  );
}
