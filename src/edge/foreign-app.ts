/** Applications made for Node's `(req, res)`, recognised by their marks, since as fetch handlers they would fail at the first request. */

type Marks = Readonly<Record<string, unknown>>;

const isFunction = (value: unknown): boolean => typeof value === "function";

const has = (value: Marks, ...methods: string[]): boolean => methods.every((name) => typeof value[name] === "function");

interface Kind {
  readonly name: string;
  readonly isOne: (value: Marks) => boolean;
  /** The line that serves it with nagare/node. */
  readonly line: string;
}

const created = (listener: string): string => `createServer({ cert, key }, ${listener}).listen(443)`;

/** Most specific first. */
const KINDS: readonly Kind[] = [
  {
    name: "an Express app",
    isOne: (value) => isFunction(value) && has(value, "handle", "set", "engine", "listen"),
    line: created("app"),
  },
  {
    name: "an Express router",
    isOne: (value) => isFunction(value) && has(value, "handle", "use", "route", "param"),
    line: created("express().use(router)"),
  },
  {
    name: "a Connect app",
    isOne: (value) => isFunction(value) && has(value, "handle", "use") && Array.isArray(value.stack),
    line: created("app"),
  },
  {
    name: "a Fastify instance",
    isOne: (value) => has(value, "inject", "ready", "route", "listen"),
    line: "Fastify({ serverFactory: (listener) => createServer({ cert, key }, listener) }).listen({ port: 443 })",
  },
  {
    name: "a Koa app",
    isOne: (value) => has(value, "callback", "use") && Array.isArray(value.middleware),
    line: created("app.callback()"),
  },
  {
    name: "a server of node:http",
    isOne: (value) => has(value, "listen", "address", "getConnections", "emit"),
    line: created("listener"),
  },
];

/** What is wrong with the value as a handler, and what to do; undefined where it is none of them. */
export function foreignApp(value: unknown): string | undefined {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return undefined;
  if (typeof (value as Marks).fetch === "function") return undefined;
  const kind = KINDS.find(({ isOne }) => isOne(value as Marks));
  if (kind === undefined) return undefined;
  return (
    `this is ${kind.name}, made for Node's (req, res), and no fetch handler (request) => Response: ` +
    `import { createServer } from "nagare/node" and write ${kind.line}`
  );
}
