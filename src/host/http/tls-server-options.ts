/** What node:http2's server is made with: certificates by name, limits of heads, streams and time. */

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
 * What node:http2 takes of a head before it resets the stream: more than is served, so that the client is told why (431),
 * and as many field lines as have room in it.
 */
const MAX_HTTP2_HEAD = 2 * MAX_HEAD_SIZE;
const MAX_FIELD_LINES = 4_000;

export function serverOptions(
  identities: ListenerOptions["identities"],
  enableConnectProtocol: boolean,
  onFault: (fault: Fault) => void,
): SecureServerOptions {
  const store = new CertificateStore(identities);
  // Node does not say what a client can verify, so the choice is by name alone.
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
