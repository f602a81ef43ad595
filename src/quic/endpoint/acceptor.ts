/**
 * Decides which clients are accepted (RFC 9000 §8.1, §14.1, §5.2.2). Checks the first Initial of an unknown connection,
 * and responds with Version Negotiation, Retry or a refusal if it is not accepted.
 */

import type { ReceivedBatch, SocketAddress } from "../../base/datagrams.ts";
import { randomBytes } from "../../base/rng.ts";
import type { Instant, Micros } from "../../base/time.ts";
import type { ServerTransportParameters, TlsHandshake } from "../../tls/handshake.ts";
import { equalBytes } from "../../wire/text.ts";
import type { ConnectionConfig } from "../connection/config.ts";
import type { ConnectionFactsForTls, ConnectionOptions, PreferredAddresses } from "../connection/options.ts";
import { ConnectionId } from "../packet/connection-id.ts";
import type { ConnectionIdGenerator } from "../packet/connection-id-generator.ts";
import { MIN_DATAGRAM_SIZE } from "../packet/datagram-size.ts";
import { type PacketHeader, parsePacketHeader } from "../packet/header.ts";
import { supportedVersions } from "../versions/index.ts";
import { InitialShares } from "./initial-shares.ts";
import { RetryTokens } from "./retry-token.ts";
import type { StatelessReplies } from "./stateless-replies.ts";

export interface AcceptPolicy {
  /** Creates the server side of a handshake. */
  readonly createTls: (transportParameters: ServerTransportParameters, facts: ConnectionFactsForTls) => TlsHandshake;
  /** When a client must prove its address before it costs state; "auto" only under load. */
  readonly retry?: "always" | "never" | "auto";
  /** The number of unfinished handshakes above which "auto" requires proof. */
  readonly retryAbove?: number;
  /** The number of unfinished handshakes above which new connections are refused. */
  readonly refuseAbove?: number;
  readonly maxConnections?: number;
  /** Addresses of this server that clients should move to after the handshake (RFC 9000 §9.6). */
  readonly preferredAddress?: PreferredAddresses | undefined;
  /**
   * Called for a client that may connect otherwise, and for one whose connection is about to move to this address (RFC
   * 9000 §9). Returns false to refuse the one, or not to follow the other.
   */
  readonly admits?: (remote: SocketAddress, local: SocketAddress, occasion: "connect" | "move") => boolean;
  /**
   * The key of address validation tokens. Servers behind one address share it, so that each accepts the others' tokens.
   */
  readonly tokenKey?: Uint8Array;
}

export interface Admission {
  readonly version: number;
  readonly source: ConnectionId;
  readonly destination: ConnectionId;
  readonly originalDestination: ConnectionId;
  readonly retrySource: ConnectionId | undefined;
  readonly isAddressValidated: boolean;
  readonly preferredAddress: PreferredAddresses | undefined;
  readonly mayMove: NonNullable<ConnectionOptions["mayMove"]>;
  readonly issueToken: NonNullable<ConnectionOptions["issueToken"]>;
  readonly createTls: (transportParameters: ServerTransportParameters, facts: ConnectionFactsForTls) => TlsHandshake;
}

export interface Pressure {
  readonly isAccepting: boolean;
  readonly halfOpen: number;
  readonly connections: number;
  readonly now: Instant;
}

/** RFC 9000 §7.2. */
const MIN_DESTINATION_LENGTH = 8;
/** Retry costs an honest client one round trip, and costs us a tenth of the start of a handshake. */
const RETRY_ABOVE = 250;
const CONNECTION_REFUSED = 0x2;
const INVALID_TOKEN = 0xb;

export class Acceptor {
  readonly #policy: AcceptPolicy;
  readonly #tokens: RetryTokens;
  readonly #wallTime: ConnectionConfig["wallTime"];
  readonly #connectionIds: ConnectionIdGenerator;
  readonly #replies: StatelessReplies;
  readonly #shares: InitialShares;
  readonly #handshakeTimeout: Micros;
  readonly #versions: readonly number[];
  /** RFC 9287 §3.1: a client may clear it from its first packet on, if an earlier connection told that we accept that. */
  readonly #ignoresQuicBit: boolean;
  /** The same for all connections, which keep them. */
  readonly #mayMove: Admission["mayMove"] = (to, local) => this.#policy.admits?.(to, local, "move") !== false;
  readonly #issueToken: Admission["issueToken"] = (remote, version, now) =>
    this.#tokens.issueNewToken(version, remote, this.#wallTime(now));
  #forgeries = 0;
  #forgeriesSince: Instant = 0 as Instant;

  constructor(config: ConnectionConfig, policy: AcceptPolicy, replies: StatelessReplies) {
    const { engine, rng, connectionIds, handshakeTimeout, versions = supportedVersions } = config;
    this.#wallTime = config.wallTime;
    this.#versions = versions;
    this.#ignoresQuicBit = config.greaseQuicBit;
    this.#policy = policy;
    this.#handshakeTimeout = handshakeTimeout;
    this.#shares = new InitialShares(rng);
    this.#connectionIds = connectionIds;
    this.#tokens = new RetryTokens(engine, policy.tokenKey ?? randomBytes(rng, 32), rng);
    this.#replies = replies;
  }

  /** Checks a long-header datagram for an unknown connection. Returns undefined if it was answered or dropped. */
  evaluate(received: ReceivedBatch, index: number, pressure: Pressure): Admission | undefined {
    const start = received.offset[index]!;
    const length = received.length[index]!;
    const local = received.local[index]!;
    const remote = received.remote[index]!;
    // RFC 9000 §14.1: a shorter datagram cannot be a client's first.
    if (length < MIN_DATAGRAM_SIZE) return undefined;
    const { length: idLength } = this.#connectionIds;
    const header = parsePacketHeader(received.arena, start, start + length, idLength, this.#ignoresQuicBit);
    if (header === undefined) return undefined;
    const { halfOpen, connections, isAccepting, now } = pressure;
    // RFC 9000 §6.1: not in response to Version Negotiation, and only to datagrams that could have started a connection.
    if (header.form === "version-negotiation") return undefined;
    if (!this.#versions.includes(header.version)) {
      this.#replies.negotiateVersion(header, this.#versions, local, remote, now);
      return undefined;
    }
    if (header.form !== "initial") return undefined;
    if (header.destination.length < MIN_DESTINATION_LENGTH) return undefined;

    const { refuseAbove = 10_000, maxConnections = 100_000, retryAbove = RETRY_ABOVE, retry = "auto" } = this.#policy;
    const isFull = !isAccepting || halfOpen >= refuseAbove || connections >= maxConnections;
    if (isFull || this.#policy.admits?.(remote, local, "connect") === false) {
      this.#replies.refuse(header, CONNECTION_REFUSED, local, remote, now);
      return undefined;
    }
    const wall = this.#wallTime(now);
    const token = header.token.length > 0 ? this.#tokens.open(header.token, header.version, remote, wall) : "not-ours";
    const isForeign = token !== "not-ours" && token && !equalBytes(token.retrySource, header.destination);
    if (token === undefined || isForeign) {
      // RFC 9000 §8.1.2: a Retry token of ours that is not valid for this client, or for this connection attempt.
      this.#replies.refuse(header, INVALID_TOKEN, local, remote, now);
      return undefined;
    }
    if (token === "not-ours") {
      if (header.token.length > 0 && this.#tokens.acceptsNewToken(header.token, header.version, remote, wall)) {
        return this.#admit(header, ConnectionId.from(header.destination), undefined, true);
      }
      // A Retry costs more than parsing the Initial.
      if (!this.#shares.take(remote, now)) return undefined;
      const isProofRequired =
        retry === "always" || (retry === "auto" && halfOpen + this.#forgeriesAt(now) >= retryAbove);
      if (isProofRequired) {
        const source = this.#connectionIds.generate();
        const issued = this.#tokens.issue(header.version, remote, header.destination, source.bytes, wall);
        this.#replies.retry(header, source, issued, local, remote, now);
        return undefined;
      }
      return this.#admit(header, ConnectionId.from(header.destination), undefined, false);
    }
    const { originalDestination, retrySource } = token;
    return this.#admit(header, ConnectionId.from(originalDestination), ConnectionId.from(retrySource), true);
  }

  /**
   * An admitted Initial failed to decrypt. It cost as much as the start of a handshake, so it counts as an unfinished one
   * for the handshake timeout.
   */
  onForgery(now: Instant): void {
    this.#forgeries = this.#forgeriesAt(now) + 1;
    this.#forgeriesSince = now;
  }

  #forgeriesAt(now: Instant): number {
    const { retryAbove = RETRY_ABOVE } = this.#policy;
    const elapsed = (now - this.#forgeriesSince) / this.#handshakeTimeout;
    return Math.max(0, this.#forgeries - elapsed * retryAbove);
  }

  #admit(
    header: PacketHeader,
    originalDestination: ConnectionId,
    retrySource: ConnectionId | undefined,
    isAddressValidated: boolean,
  ): Admission {
    return {
      source: ConnectionId.from(header.source),
      destination: ConnectionId.from(header.destination),
      originalDestination,
      retrySource,
      isAddressValidated,
      preferredAddress: this.#policy.preferredAddress,
      version: header.version,
      mayMove: this.#mayMove,
      issueToken: this.#issueToken,
      createTls: this.#policy.createTls,
    };
  }
}
