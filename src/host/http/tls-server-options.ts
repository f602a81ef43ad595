/** Options for node:http2's server: certificates by name, limits on heads and streams, timeouts. */

import type { SecureServerOptions } from "node:http2";
import { createSecureContext, type SecureContext } from "node:tls";
import { MAX_HEAD_SIZE } from "../../http/index.ts";
import type { Identity } from "../certificates/identity.ts";
import { CertificateStore } from "../certificates/store.ts";
import { type Fault, guard } from "../guard.ts";
import type { ListenerOptions } from "./listener.ts";

export const IDLE_TIMEOUT = 60_000;
const HANDSHAKE_TIMEOUT = 15_000;
const MAX_CONCURRENT_STREAMS = 256;
const STREAM_WINDOW = 256 * 1024;
/**
 * The head size at which node:http2 resets the stream. It is above our limit, so that the client gets a 431. The
 * number of field lines fits this size.
 */
const MAX_HTTP2_HEAD = 2 * MAX_HEAD_SIZE;
const MAX_FIELD_LINES = 4_000;

export function serverOptions(
  identities: ListenerOptions["identities"],
  enableConnectProtocol: boolean,
  onFault: (fault: Fault) => void,
): SecureServerOptions {
  const store = new CertificateStore(identities);
  // Node does not reveal the client's signature schemes, so select only by name.
  const schemes = identities.flatMap(({ signer }) => signer.schemes);
  const contexts = new Map<Identity, SecureContext>();
  const contextOf = (identity: Identity): SecureContext => {
    let context = contexts.get(identity);
    if (context === undefined) {
      context = createSecureContext({ cert: identity.cert, key: identity.key });
      contexts.set(identity, context);
    }
    return context;
  };
  return {
    allowHTTP1: true,
    cert: identities[0].cert,
    key: identities[0].key,
    SNICallback: guard(
      "tls server name",
      (fault, _name, callback: SniCallback) => {
        onFault(fault);
        callback(fault.error);
      },
      (name: string, callback: SniCallback) => callback(null, contextOf(store.select(name, schemes) ?? identities[0])),
    ),
    minVersion: "TLSv1.2",
    handshakeTimeout: HANDSHAKE_TIMEOUT,
    noDelay: true,
    maxHeaderSize: MAX_HEAD_SIZE,
    maxHeaderListPairs: MAX_FIELD_LINES,
    keepAliveTimeout: IDLE_TIMEOUT,
    settings: {
      maxConcurrentStreams: MAX_CONCURRENT_STREAMS,
      initialWindowSize: STREAM_WINDOW,
      enablePush: false,
      enableConnectProtocol,
      maxHeaderListSize: MAX_HTTP2_HEAD,
    },
  } as SecureServerOptions;
}

type SniCallback = (error: Error | null, context?: SecureContext) => void;
