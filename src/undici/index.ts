// nagare/undici: HTTP/3 for undici and for Node's own fetch.
export { Agent, type AgentOptions, type AnyDispatcher } from "./agent.ts"; // a Dispatcher
export { install } from "./install.ts"; // the global dispatcher
