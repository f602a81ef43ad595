/** Options for node:http2's server: certificates by name, limits on heads and streams, timeouts. */

import type { SecureServerOptions } from "node:http2";
import type { SecureContext } from "node:tls";
import { MAX_HEAD_SIZE } from "../../http/index.ts";
import { SETTINGS_NO_RFC7540_PRIORITIES } from "../../http/priority/index.ts";
import { limitSettings, SESSION_SETTINGS, WT_ENABLED } from "../../webtransport/h2/settings.ts";
import { OWN_LIMITS } from "../../webtransport/mux/limits.ts";
import type { SelectedIdentity } from "../certificates/select-by-name.ts";
import { type Fault, guard } from "../guard.ts";
import { LONGEST_TIMEOUT } from "../timer.ts";
import { Http1Request } from "./http1-request.ts";
import { Http1Response } from "./http1-response.ts";
import type { Http1Limits, ListenerOptions } from "./listener.ts";
import type { TlsIdentities } from "./tls-identities.ts";

export const IDLE_TIMEOUT = 60_000;
const HANDSHAKE_TIMEOUT = 15_000;
const HEAD_TIMEOUT = 30_000;
/** How often Node checks for late heads. Its default of 30 s would double the timeout. */
const HEAD_CHECK_INTERVAL = 5_000;
export const MAX_CONCURRENT_STREAMS = 256;
const STREAM_WINDOW = 256 * 1024;
/**
 * The head size at which node:http2 resets the stream. It is above our limit, so that the client gets a 431. The
 * number of field lines fits this size.
 */
const MAX_HTTP2_HEAD = 2 * MAX_HEAD_SIZE;
const MAX_FIELD_LINES = 4_000;

/** node:http's limits. */
export const http1Limits = (stallTimeout: number): Http1Limits => ({
  headersTimeout: HEAD_TIMEOUT,
  // Node silently drops fields above a maximum count; the size of the head is the limit.
  maxHeadersCount: 0,
  connectionsCheckingInterval: HEAD_CHECK_INTERVAL,
  requestTimeout: 0,
  // 0 disables it.
  ...{ timeout: stallTimeout <= LONGEST_TIMEOUT ? stallTimeout : 0 },
  maxHeaderSize: MAX_HEAD_SIZE,
});

export function serverOptions(
  identities: TlsIdentities,
  {
    tlsOptions,
    selectByName,
    http2PriorityUpdate,
    http2WebTransport,
  }: Pick<ListenerOptions, "tlsOptions" | "selectByName" | "http2PriorityUpdate" | "http2WebTransport">,
  enableConnectProtocol: boolean,
  onFault: (fault: Fault) => void,
): SecureServerOptions {
  return {
    allowHTTP1: true,
    Http1IncomingMessage: Http1Request,
    Http1ServerResponse: Http1Response,
    ...identities.options(),
    requestCert: tlsOptions?.requestCert ?? false,
    rejectUnauthorized: tlsOptions?.rejectUnauthorized ?? false,
    SNICallback: guard(
      "tls server name",
      (fault, _name, callback: SniCallback) => {
        onFault(fault);
        callback(fault.error);
      },
      (name: string, callback: SniCallback) => {
        if (selectByName === undefined) callback(null, identities.contextFor(name));
        else selectByName(name, "tcp", (error, selected) => answer(identities, name, callback, error, selected));
      },
    ),
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
      customSettings: {
        // RFC 9218 §2.1: clients send PRIORITY_UPDATE only to servers that say so.
        ...(http2PriorityUpdate ? { [SETTINGS_NO_RFC7540_PRIORITIES]: 1 } : {}),
        ...(http2WebTransport ? { [WT_ENABLED]: 1, ...limitSettings(OWN_LIMITS) } : {}),
      },
    },
    ...(http2WebTransport ? { remoteCustomSettings: [...SESSION_SETTINGS] } : {}),
  } as unknown as SecureServerOptions;
}

function answer(
  identities: TlsIdentities,
  name: string,
  callback: SniCallback,
  error: Error | null,
  { context, identity }: SelectedIdentity = {},
): void {
  try {
    if (error !== null) callback(error);
    else callback(null, context ?? (identity ? identities.contextOf(identity) : identities.contextFor(name)));
  } catch (unusable) {
    callback(unusable as Error);
  }
}

type SniCallback = (error: Error | null, context?: SecureContext) => void;
