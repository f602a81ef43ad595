// install(): nagare's Agent as the global dispatcher of every copy of undici in the process, Node's own included.
import { UndiciAgent } from "../host/client/undici.ts";
import { Agent, type AgentOptions, type AnyDispatcher } from "./agent.ts";

/** Where undici 6 and 7, Node 20 to 24, look for the dispatcher; and where undici 8 and Node 26 do. */
const PLACES = [Symbol.for("undici.globalDispatcher.1"), Symbol.for("undici.globalDispatcher.2")];

type Globals = Record<symbol, AnyDispatcher | undefined>;

/**
 * Makes Node's fetch, and undici's functions, use HTTP/3. What the agent cannot do goes to the dispatcher that was
 * installed before, unless the options name another. Returns a function that restores it, and resolves when the
 * requests have ended and the connections are closed.
 */
export function install(options: AgentOptions = {}): () => Promise<void> {
  Reflect.get(globalThis, "Headers"); // Node loads its undici now, and finds the place of its own dispatcher free
  const globals = globalThis as unknown as Globals;
  const previous = PLACES.map((place) => globals[place]);
  const fallback = options.fallback ?? previous[1] ?? previous[0];
  const agent = new Agent({ ...options, fallback });
  for (const place of PLACES) set(place, agent);
  return async () => {
    PLACES.forEach((place, i) => {
      // A copy of undici that was loaded since then has found a dispatcher here, and expects one.
      if (globals[place] === (agent as AnyDispatcher)) set(place, previous[i] ?? new UndiciAgent());
    });
    await agent.close();
  };
}

/** As undici defines it. */
function set(place: symbol, value: AnyDispatcher): void {
  Object.defineProperty(globalThis, place, { value, writable: true, enumerable: false, configurable: false });
}
