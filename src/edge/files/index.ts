/** Serves a folder as a web site: as a service on Exchanges, or inside a handler. */
export { serveFiles } from "./handler.ts"; // as a Handler
export { FileService, type FilesOptions } from "./service.ts"; // directly on Exchanges
