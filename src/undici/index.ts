/**
 * HTTP/3 for undici and for Node's own `fetch`. The guide to the library says which names are stable.
 *
 * @module nagare/undici
 */

export { Agent, type AgentOptions, type AnyDispatcher } from "./agent.ts"; // a Dispatcher
export { install } from "./install.ts"; // the global dispatcher
