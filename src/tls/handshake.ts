/**
 * What QUIC sees of TLS 1.3 (RFC 9001 §4): a machine that takes and gives handshake bytes per encryption level, and says
 * when keys are ready. It has no record layer, no clock of its own and no certificate store; what is slow or belongs to
 * the host is an event out and a command back in.
 */

import type { Rng } from "../base/rng.ts";
import type { Instant } from "../base/time.ts";
import type { AeadName, CryptoEngine, HashName, SignatureSchemeName, Signer } from "../crypto/engine.ts";

/** The encryption levels of TLS over QUIC (RFC 9001 §2.1). */
export const EncryptionLevel = { initial: 0, zeroRtt: 1, handshake: 2, oneRtt: 3 } as const;
export type EncryptionLevel = (typeof EncryptionLevel)[keyof typeof EncryptionLevel];
export const ENCRYPTION_LEVEL_NAMES = ["Initial", "0-RTT", "Handshake", "1-RTT"] as const;

export type CipherSuiteName = "TLS_AES_128_GCM_SHA256" | "TLS_AES_256_GCM_SHA384" | "TLS_CHACHA20_POLY1305_SHA256";

export interface CipherSuite {
  readonly name: CipherSuiteName;
  readonly id: number;
  readonly aead: AeadName;
  readonly hash: HashName;
}

/** A traffic secret from which QUIC derives packet keys (RFC 9001 §5.1). */
export interface TrafficSecret {
  readonly level: typeof EncryptionLevel.handshake | typeof EncryptionLevel.oneRtt;
  /** "read": protects what the peer sends. */
  readonly direction: "read" | "write";
  readonly suite: CipherSuite;
  readonly secret: Uint8Array;
}

export type TlsEvent =
  | ({ readonly type: "secret" } & TrafficSecret)
  /** The quic_transport_parameters extension of the peer (RFC 9001 §8.2). Given before any application secret. */
  | { readonly type: "peer-parameters"; readonly bytes: Uint8Array }
  /** Client only: judge this chain for this name, then call `certificateVerdict`. DER, leaf first. */
  | { readonly type: "verify-certificate"; readonly chain: readonly Uint8Array[]; readonly serverName: string }
  /** Both Finished messages are done on this side (RFC 9001 §4.1.1). */
  | {
      readonly type: "complete";
      readonly alpn: string;
      readonly suite: CipherSuite;
      readonly group: string;
      readonly serverName: string | undefined;
      readonly signatureScheme: SignatureSchemeName | undefined;
    }
  /** A line of an SSLKEYLOGFILE (RFC 9850). Only when `keyLog` was asked for. */
  | { readonly type: "key-log"; readonly line: string };

/** A certificate chain and the key for it. */
export interface TlsIdentity {
  /** DER, leaf first. */
  readonly chain: readonly Uint8Array[];
  readonly signer: Signer;
}

export interface TlsCommonConfig {
  readonly engine: CryptoEngine;
  readonly rng: Rng;
  /** In order of preference. */
  readonly alpn: readonly string[];
  /** In order of preference; all three suites by default. */
  readonly cipherSuites?: readonly CipherSuiteName[];
  /** In order of preference; x25519, secp256r1, secp384r1 by default. A client sends a share for the first only. */
  readonly groups?: readonly ("x25519" | "secp256r1" | "secp384r1")[];
  /** The quic_transport_parameters to send. */
  readonly transportParameters: Uint8Array;
  readonly keyLog?: boolean;
}

export interface TlsClientConfig extends TlsCommonConfig {
  /** What the certificate must be for; an IP literal is verified but not sent as SNI (RFC 6066 §3). */
  readonly serverName: string;
}

export interface TlsServerConfig extends TlsCommonConfig {
  /** The identity for a name and the schemes the client can verify; undefined refuses the connection. */
  readonly selectIdentity: (
    serverName: string | undefined,
    schemes: readonly SignatureSchemeName[],
  ) => TlsIdentity | undefined;
}

/**
 * One side of one handshake. Calling order: `start` once (a client's first flight appears), then `handleCrypto` as bytes
 * arrive; after each call drain `pollEvent`, then `pollTransmit`.
 *
 * A fatal condition is thrown as a `ProtocolError` of layer "transport" whose code is CRYPTO_ERROR (0x100 + the alert,
 * RFC 9001 §4.8); after that the machine is dead.
 */
export interface TlsHandshake {
  start(now: Instant): void;
  /** The next in-order bytes of the crypto stream of `level`. Messages may be split anywhere. */
  handleCrypto(level: EncryptionLevel, bytes: Uint8Array, now: Instant): void;
  /** The answer to "verify-certificate": undefined accepts; otherwise the alert to fail with. */
  certificateVerdict(failure: { readonly alert: number; readonly reason: string } | undefined, now: Instant): void;
  /** Bytes to append to the crypto stream of `level`. */
  pollTransmit(): { readonly level: EncryptionLevel; readonly bytes: Uint8Array } | undefined;
  pollEvent(): TlsEvent | undefined;
  readonly isComplete: boolean;
}
