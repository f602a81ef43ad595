/** Opens connections over hq-interop, which share their sessions and tokens. */

import { type QuicDialerOptions, quicDialer } from "../../src/host/client/h3-connector.ts";
import type { ResolvedAddress } from "../../src/host/client/session.ts";
import type { QuicEnvironment } from "../../src/host/quic/environment.ts";
import { type HqOptions, type HqSession, hqSessions } from "./session.ts";

export interface HqTarget {
  /** The name that the certificate must match. */
  readonly host: string;
  readonly port: number;
  readonly address: ResolvedAddress;
  /** Trusted authorities as PEM; without them, any certificate is accepted. */
  readonly ca?: readonly string[];
  /** Sends requests in 0-RTT data if a session can be resumed. */
  readonly earlyData?: boolean;
  readonly onKeyLog?: ((line: string) => void) | undefined;
  readonly signal?: AbortSignal;
}

export interface HqDialerOptions extends HqOptions {
  readonly environment?: QuicEnvironment;
  readonly quic?: QuicDialerOptions;
}

/** The caller has the limits of time. */
export function hqDialer({
  environment,
  quic,
  ...options
}: HqDialerOptions = {}): (target: HqTarget) => Promise<HqSession> {
  const dial = quicDialer(hqSessions(options), environment, quic);
  return ({ host, port, address, ca, earlyData = false, onKeyLog, signal = new AbortController().signal }) =>
    dial(`https://${host}:${port}`, {
      servername: host,
      port,
      addresses: [address],
      lookupStart: 0,
      lookupEnd: 0,
      ca,
      rejectUnauthorized: ca !== undefined,
      earlyData,
      keylog: onKeyLog,
      connectTimeout: 0,
      signal,
      onChange: () => {},
    });
}
