/** HTTP Strict Transport Security (RFC 6797). */

export { parseTransportPolicy, type TransportPolicy } from "./field.ts";
export { parseHstsFile, printHstsFile } from "./file.ts";
export { type HstsEntry, HstsStore } from "./store.ts";
