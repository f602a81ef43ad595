/** HTTP on the host's sockets: the Exchange, the listeners over TCP, and the WHATWG face. */
export * from "./exchange.ts"; // one request and its response, over any version
export { type Context, createFetchHandler, type FetchHandler, type Handler } from "./fetch-handler.ts"; // Request to Response
export * from "./listener.ts"; // what a server is made of
export { LightResponse } from "./plain-response.ts"; // a Response that is cheap to make and to send
export { TcpListener } from "./tcp-listener.ts"; // HTTP/1.1 and HTTP/2 on one TLS port
