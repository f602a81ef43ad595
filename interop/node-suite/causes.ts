/** Why files fail with our server and pass with node:https. */
import { names } from "./files.ts";

export const CAUSES: Readonly<Record<string, readonly string[]>> = {
  "each request has its own socket, which has no parser and none of the connection's bytes, pauses and writes": names(`
    http-keepalive-client http-keepalive-request http-outgoing-end-cork http-no-read-no-dump
    http-outgoing-properties http-response-cork http-server-unconsume http-server-unconsume-consume
    http-parser-freed-before-upgrade
  `),
  "pipelined requests begin one at a time": names(`
    http-incoming-pipelined-socket-destroy http-pipeline-assertionerror-finish
    http-pipeline-socket-parser-typeerror http-response-splitting http-server-keep-alive-timeout
  `),
  "an exception in a listener fails its request, and the process lives": names(`
    http-exceptions http-upgrade-server2
  `),
  "a request with an invalid Host, several of them, or none with an upgrade, is refused (RFC 9112 §3.2)": names(`
    http-header-owstext http-server-multiheaders http-server-multiheaders2
    http-server-request-timeout-upgrade
  `),
  "an unknown transfer coding gets a 501 (RFC 9112 §6.1)": names(`
    http-transfer-encoding-repeated-chunked
  `),
  "control characters in field values are refused, also with insecureHTTPParser (RFC 9110 §5.5)": names(`
    http-insecure-parser
  `),
  "a head may have 64 KiB by default": names(`
    https-max-header-size-per-stream
  `),
  "timeout and setTimeout apply to a request's socket, not to a connection without a request": names(`
    http-set-timeout-server https-set-timeout-server
  `),
  "responses have Connection: close while the server closes (RFC 9112 §9.6)": names(`
    http-raw-headers
  `),
  "an upgrade without a listener is answered as a request": names(`
    http-upgrade-server-callback
  `),
  "uses undocumented members of Node's server or response": names(`
    http-information-headers http-server-async-dispose http-server-close-destroy-timeout
    https-argument-of-creating https-server-async-dispose https-server-close-destroy-timeout
  `),
  "needs the event connection or secureConnection": names(`
    http-server-close-idle http-server-destroy-socket-on-client-error https-server-close-idle
    https-timeout-server-2
  `),
  "options of TLS are not all supported: handshakeTimeout, the types of cert and key": names(`
    https-options-boolean-check https-timeout-server
  `),
};

/** The recorded cause of a file's failure. */
export const causeOf = (name: string): string | undefined =>
  Object.keys(CAUSES).find((cause) => CAUSES[cause]!.includes(name));
