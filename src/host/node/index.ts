/** Node's face of exchanges, for a server shaped like https.Server. */
export type { RequestClass } from "./incoming.ts"; // what `req` is an instance of
export { createNodeHandler, failResponse, type NodeServer } from "./node-handler.ts"; // exchanges as Node's events
export type { ResponseClass } from "./outgoing.ts"; // what `res` is an instance of
export { type Listener, NodeIncomingMessage, NodeServerResponse } from "./types.ts"; // Node's own, for floors without sockets
