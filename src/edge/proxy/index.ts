/** The reverse proxy. Not supported: upgrades (WebSocket), CONNECT, request trailers, HTTP/2 to the origin. */
export { createProxy } from "./service.ts";
