/** The memcached proxy on sockets. */

export { type MemcacheListen, MemcacheServer, type MemcacheServerOptions } from "./server.ts";
