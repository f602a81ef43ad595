/**
 * QUIC's view of TLS 1.3 (RFC 9001 §4): a machine that consumes and produces handshake bytes per encryption level and
 * reports when keys are ready. It has no record layer, no clock and no certificate store; anything slow or owned by the
 * host is an event out and a command back in.
 */

import type { Rng } from "../base/rng.ts";
import type { Instant } from "../base/time.ts";
import type { CryptoEngine, GroupName, SignatureSchemeName, Signer } from "../crypto/engine.ts";
import type { CipherSuite, CipherSuiteName } from "./cipher-suite.ts";
import type { CompressionAlgorithm } from "./code-points.ts";
import type { Exporter } from "./exporter.ts";
import type { ClientSession } from "./session.ts";
import type { StrikeRegister } from "./strike-register.ts";
import type { TicketKeys } from "./tickets.ts";

/** The encryption levels of TLS over QUIC (RFC 9001 §2.1). */
export const EncryptionLevel = { initial: 0, zeroRtt: 1, handshake: 2, oneRtt: 3 } as const;
export type EncryptionLevel = (typeof EncryptionLevel)[keyof typeof EncryptionLevel];
/** The names of the encryption levels (RFC 9001 §2.1), by index. */
export const ENCRYPTION_LEVEL_NAMES = ["Initial", "0-RTT", "Handshake", "1-RTT"] as const;

/** A traffic secret from which QUIC derives packet keys (RFC 9001 §5.1). */
export interface TrafficSecret {
  readonly level: Exclude<EncryptionLevel, typeof EncryptionLevel.initial>;
  /** "read" protects what the peer sends. */
  readonly direction: "read" | "write";
  readonly suite: CipherSuite;
  readonly secret: Uint8Array;
}

/** What a handshake tells its QUIC connection. */
export type TlsEvent =
  | ({ readonly type: "secret" } & TrafficSecret)
  /** The peer's quic_transport_parameters extension (RFC 9001 §8.2). Precedes all application secrets. */
  | { readonly type: "peer-parameters"; readonly bytes: Uint8Array }
  /** Client only: the server's parameters of the resumed session, which apply to 0-RTT packets. Precedes their secret. */
  | { readonly type: "remembered-parameters"; readonly bytes: Uint8Array; readonly alpn: string }
  /** The fate of the early data that the client offered. Precedes "peer-parameters" at a client, follows it at a server. */
  | { readonly type: "early-data"; readonly accepted: boolean; readonly alpn: string }
  /** Client only, after the handshake: a session that another connection can resume. */
  | { readonly type: "session"; readonly session: ClientSession }
  /** Validate this chain (DER, leaf first), then call `certificateVerdict`. The sender holds the key of the first. */
  | {
      readonly type: "verify-certificate";
      readonly chain: readonly Uint8Array[];
      /** The name that the certificate must be for; undefined for that of a client. */
      readonly serverName: string | undefined;
    }
  /** Server only, if `selectIdentity` returned "later": choose, then call `identitySelected`. */
  | {
      readonly type: "select-identity";
      readonly serverName: string | undefined;
      readonly schemes: readonly SignatureSchemeName[];
    }
  /** This side has sent its Finished and verified the peer's (RFC 9001 §4.1.1). */
  | {
      readonly type: "complete";
      readonly alpn: string;
      readonly suite: CipherSuite;
      readonly group: string;
      readonly serverName: string | undefined;
      /** Undefined for a resumed session, whose server proved its identity before. */
      readonly signatureScheme: SignatureSchemeName | undefined;
      readonly resumed: boolean;
    }
  /** A line of an SSLKEYLOGFILE (RFC 9850). Only with `keyLog`. */
  | { readonly type: "key-log"; readonly line: string };

/** A certificate chain and its key. */
export interface TlsIdentity {
  /** DER, leaf first. */
  readonly chain: readonly Uint8Array[];
  readonly signer: Signer;
}

/** Compresses chains (RFC 8879). */
export interface CertificateCompression {
  /** In order of preference. */
  readonly algorithms: readonly CompressionAlgorithm[];
  /** Compresses a Certificate message (RFC 8879). */
  compress(algorithm: CompressionAlgorithm, bytes: Uint8Array): Uint8Array;
  /** Undefined if the input is malformed or yields anything but `length` bytes; never makes more than that. */
  decompress(algorithm: CompressionAlgorithm, bytes: Uint8Array, length: number): Uint8Array | undefined;
}

/** The options of both sides. */
export interface TlsCommonConfig {
  readonly engine: CryptoEngine;
  readonly rng: Rng;
  /** In order of preference. */
  readonly alpn: readonly string[];
  /** In order of preference; all three suites by default. */
  readonly cipherSuites?: readonly CipherSuiteName[];
  /**
   * In order of preference. A client sends a share for the first only; by default x25519, secp256r1, secp384r1. A server
   * prefers x25519mlkem768 to these by default.
   */
  readonly groups?: readonly GroupName[];
  readonly keyLog?: boolean;
  /**
   * The time on a clock that outlives connections and processes, for the age of tickets. Default: the given instant, which
   * suits tickets that do not outlive the driver's clock.
   */
  readonly wallTime?: (now: Instant) => Instant;
  /** A server compresses its chain for clients that offer it, and a client offers it. */
  readonly certificateCompression?: CertificateCompression | undefined;
}

/** The options of a client. */
export interface TlsClientConfig extends TlsCommonConfig {
  /** The quic_transport_parameters to send. */
  readonly transportParameters: Uint8Array;
  /** The name that the certificate must match; an IP literal is verified but not sent as SNI (RFC 6066 §3). */
  readonly serverName: string;
  /** A session to resume. Ignored if it has expired or does not fit this configuration. */
  readonly session?: ClientSession | undefined;
  /** True to offer 0-RTT with the session, if it allows that. */
  readonly earlyData?: boolean;
  /** Sent if the server requests a certificate; without it, the client answers that it has none. */
  readonly identity?: TlsIdentity | undefined;
}

/** Session tickets, and what a server accepts with them. */
export interface TicketPolicy {
  readonly keys: TicketKeys;
  /**
   * What else tickets are bound to: a number that may change during the handshake, such as the version of QUIC (RFC 9369 §5).
   * A ticket is accepted if its number is the one at the first ClientHello, and issued with the one at the end.
   */
  readonly binding?: () => number;
  /** If absent, early data is rejected. */
  readonly earlyData?:
    | {
        /**
         * Identifies the configuration that early data relies on (transport parameters, SETTINGS), at most 255 bytes. Early
         * data is only accepted if it was the same when the ticket was issued (RFC 9000 §7.4.1, RFC 9114 §7.2.4.2).
         */
        readonly context: Uint8Array;
        readonly register: StrikeRegister;
      }
    | undefined;
}

/** A server's quic_transport_parameters, which may depend on the client's. */
export type ServerTransportParameters = (client: Uint8Array) => Uint8Array;

/** The options of a server. */
export interface TlsServerConfig extends TlsCommonConfig {
  /** The quic_transport_parameters to send; a function is called once. */
  readonly transportParameters: Uint8Array | ServerTransportParameters;
  /**
   * Selects the identity for a name and the schemes that the client can verify. Undefined refuses the connection; "later"
   * asks again with "select-identity".
   */
  readonly selectIdentity: (
    serverName: string | undefined,
    schemes: readonly SignatureSchemeName[],
  ) => TlsIdentity | "later" | undefined;
  /** If absent, no tickets are issued or accepted. */
  readonly tickets?: TicketPolicy | undefined;
  /**
   * Requests a certificate from the client; "optional" accepts a client that has none. It excludes tickets, because a resumed
   * session would need the verdict of the first connection.
   */
  readonly clientCertificate?: "optional" | "required" | undefined;
}

/**
 * One side of a handshake. Calling order: `start` once (produces a client's first flight), then `handleCrypto` as bytes
 * arrive; after each call drain `pollEvent`, then `pollTransmit`.
 *
 * A fatal condition throws a `ProtocolError` of layer "transport" whose code is CRYPTO_ERROR (0x100 + the alert, RFC
 * 9001 §4.8); after that the machine ignores all input.
 */
export interface TlsHandshake {
  /** Begins. A client's first flight is then ready to be sent. */
  start(now: Instant): void;
  /** Takes the next in-order bytes of the crypto stream of `level`. Messages may be split anywhere. */
  handleCrypto(level: EncryptionLevel, bytes: Uint8Array, now: Instant): void;
  /** Answers "verify-certificate": undefined accepts; otherwise the handshake fails with the alert. */
  certificateVerdict(failure: { readonly alert: number; readonly reason: string } | undefined, now: Instant): void;
  /** Answers "select-identity"; undefined refuses the connection. */
  identitySelected(identity: TlsIdentity | undefined, now: Instant): void;
  /** Bytes to append to the crypto stream of `level`. */
  pollTransmit(): { readonly level: EncryptionLevel; readonly bytes: Uint8Array } | undefined;
  /** Returns the next event; undefined if there is none. */
  pollEvent(): TlsEvent | undefined;
  readonly isComplete: boolean;
  /** Once complete: keying material for applications (RFC 8446 §7.5). */
  readonly exporter: Exporter | undefined;
  /** What can take over once everything was polled, to release the memory of the handshake. */
  readonly successor?: TlsHandshake | undefined;
}
