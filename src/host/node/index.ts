/** Presents exchanges as Node's `(req, res)`, for a server like https.Server. */
export { HTTP1_PROPERTIES, type Http1Options, type Http1Properties, Http1Settings } from "./http1-settings.ts"; // Node's options for HTTP/1.1
export type { RequestClass } from "./incoming.ts"; // the class of `req`
export { createNodeHandler, type NodeServer } from "./node-handler.ts"; // turns exchanges into Node's events
export { failResponse, type ResponseClass } from "./outgoing.ts"; // a rejected listener; the class of `res`
export { HttpsServerShape, type Listener, NodeIncomingMessage, NodeServerResponse } from "./types.ts"; // Node's classes, for floors that may not import node:http
