/** `connect`: Happy Eyeballs for sockets of Node's (RFC 8305, draft-ietf-happy-happyeyeballs-v3). */

import type { Endpoint } from "../../agent/index.ts";
import type { Resolver } from "../../host/client/addresses.ts";
import { race, type TimedDecision } from "../../host/client/race.ts";
import type { Resolve } from "../../host/client/resolve.ts";
import {
  type ConnectionOptions,
  openStream,
  type Socket,
  type StreamAttempt,
  secureWith,
} from "../../host/client/stream-attempt.ts";
import { systemClock } from "../../host/clock.ts";
import { type HappyEyeballsOptions, raceSettings } from "../happy-eyeballs.ts";
import { ConnectError, connectError } from "./errors.ts";

/** How to find the fastest address. Durations are in milliseconds. */
export interface RacingOptions extends HappyEyeballsOptions {
  /** Gives the addresses of a host; undefined to look it up as usual, with getaddrinfo. */
  readonly resolve?: Resolve;
  /**
   * What to ask for addresses in place of the system: one of `createResolver`, or an object of yours. With `httpsRecords: true`, it is asked for
   * HTTPS records too.
   */
  readonly resolver?: Resolver | undefined;
  /** The time for everything, lookup and handshake included. None by default. */
  readonly timeout?: number;
  /** Called with each decision of the race, and why it was made. */
  readonly onDecision?: (decision: TimedDecision) => void;
}

/** Where to connect, and how. */
export interface ConnectOptions extends RacingOptions {
  /** A name or an address. */
  readonly host: string;
  readonly port: number;
  /** The address of this machine to connect from. */
  readonly localAddress?: string;
  /**
   * TLS with these options of node:tls, or with its defaults. The handshake is part of the race: an address counts as
   * connected when its certificate has been verified.
   */
  readonly tls?: true | ConnectionOptions;
  readonly signal?: AbortSignal;
}

/**
 * Connects to the first address that answers, starting the next attempt without giving up the last one. Resolves with a
 * connected `net.Socket` or `tls.TLSSocket`. Rejects with a `ConnectError`, with the signal's reason, or with a `TypeError`
 * for options that make no sense.
 */
export async function connect(options: ConnectOptions): Promise<Socket> {
  const { host, port, tls, localAddress, signal } = options;
  if (typeof host !== "string" || host === "") throw new TypeError("connect: host is missing");
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new TypeError(`connect: ${String(port)} is not a port`);
  const settings = tls === true ? {} : tls;
  const bare = host.replace(/^\[(.*)\]$/, "$1");
  const secure: StreamAttempt["secure"] =
    settings === undefined ? undefined : (socket) => secureWith(socket, bare, settings);
  const alpn = settings?.ALPNProtocols;
  return raceStreams({ ...options, host: bare }, { localAddress, secure }, namesOf(alpn), signal);
}

const namesOf = (alpn: ConnectionOptions["ALPNProtocols"]): readonly string[] =>
  Array.isArray(alpn) ? alpn.filter((each): each is string => typeof each === "string") : ["http/1.1"];

/** Also for callers that put TLS on the socket in their own way. */
export async function raceStreams(
  options: RacingOptions & { readonly host: string; readonly port: number },
  attempt: Pick<StreamAttempt, "localAddress" | "secure">,
  alpn: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Socket> {
  const { host, port, resolve, resolver, timeout, onDecision, httpsRecords = false } = options;
  const limit = timeout === undefined ? undefined : AbortSignal.timeout(timeout);
  const signals = [signal, limit].filter((each) => each !== undefined);
  try {
    return await race<Socket>({
      // HTTPS records are about https, not about whatever speaks over these sockets: only on request.
      settings: raceSettings({ ...options, httpsRecords }, systemClock, resolver),
      host,
      port,
      transports: ["tcp"],
      alpn,
      resolve,
      clock: systemClock,
      signal: AbortSignal.any(signals),
      attempt: ({ address, port: at }: Endpoint, aborted) => openStream({ ...attempt, address, port: at }, aborted),
      discard: (socket) => void socket.destroy(),
      // Another address of the same host would present the same certificate.
      isFinal: isAboutCertificate,
      failure: (attempts, error, why) => connectError(host, port, attempts, error, why),
      onDecision: (decision) => onDecision?.(decision),
    });
  } catch (error) {
    if (limit?.aborted !== true || error !== limit.reason) throw error;
    throw new ConnectError("ETIMEDOUT", `cannot connect to ${host} port ${port} within ${timeout} ms`, [], {
      cause: error,
    });
  }
}

/** Node's codes for what OpenSSL says about certificates. */
const isAboutCertificate = (error: unknown): boolean =>
  /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ISSUER|CRL/.test((error as { code?: string }).code ?? "");
