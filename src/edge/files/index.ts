/** Files: a folder as a web site, for a server (on Exchanges) and for use inside a handler. */
export { serveFiles } from "./handler.ts"; // the same as a Handler
export { FileService, type FilesOptions } from "./service.ts"; // straight on Exchanges
