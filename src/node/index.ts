// nagare/node: the server of node:https, on HTTP/1.1, HTTP/2 and HTTP/3.
export type { CertificateOptions } from "./identities.ts"; // as https.createServer takes them
export type { ListenOptions } from "./listen-arguments.ts"; // where it listens
export { createServer, Server, type ServerOptions } from "./server.ts"; // the product
