/**
 * The interface between TLS and the connection (RFC 9001 §4): carries CRYPTO bytes in both directions, reports secrets
 * as they become available, and checks the peer's transport parameters against the connection ids in use.
 */

import type { Instant } from "../../base/time.ts";
import { EncryptionLevel, type TlsEvent, type TlsHandshake, type TlsIdentity } from "../../tls/handshake.ts";
import { equalBytes } from "../../wire/text.ts";
import { transportError } from "../errors.ts";
import type { ConnectionId } from "../packet/connection-id.ts";
import { parseTransportParameters, type TransportParameters } from "../params/index.ts";
import type { HandshakeProgress } from "../recovery/index.ts";
import type { HandshakeSpaces } from "./handshake-spaces.ts";

/** Receives the events of the handshake. */
export interface HandshakeListener {
  /** The ids that the peer's transport parameters must confirm. */
  expectedIds(): ExpectedIds;
  onPeerParameters(parameters: TransportParameters): void;
  onSecret(secret: Extract<TlsEvent, { type: "secret" }>): void;
  onComplete(complete: Extract<TlsEvent, { type: "complete" }>): void;
  onVerifyCertificate(event: Extract<TlsEvent, { type: "verify-certificate" }>): void;
  onSelectIdentity(event: Extract<TlsEvent, { type: "select-identity" }>): void;
  /** Client: 0-RTT packets can be sent under these parameters. */
  onEarlyDataOffered(remembered: TransportParameters, alpn: string): void;
  onEarlyData(accepted: boolean, alpn: string): void;
  onSession(event: Extract<TlsEvent, { type: "session" }>): void;
  onKeyLog(line: string): void;
}

/** The ids that the peer must confirm in its transport parameters (RFC 9000 §7.3). */
export interface ExpectedIds {
  readonly initialSource: ConnectionId;
  /** Client only: the destination of its very first packet. */
  readonly originalDestination?: ConnectionId | undefined;
  /** Client only: the source of the Retry, if there was one. */
  readonly retrySource?: ConnectionId | undefined;
}

export class Handshake implements HandshakeProgress {
  readonly #role: "client" | "server";
  readonly #spaces: HandshakeSpaces;
  readonly #listener: HandshakeListener;
  /** Needed as long as the connection lives: session tickets may arrive at any time (RFC 8446 §4.6.1). */
  #tls: TlsHandshake;
  #parsed: { readonly bytes: Uint8Array; readonly parameters: TransportParameters } | undefined;
  isComplete = false;
  /** RFC 9001 §4.1.2. Used by keys, recovery and timers. */
  isConfirmed = false;
  hasHandshakeKeys = false;

  constructor(role: "client" | "server", tls: TlsHandshake, spaces: HandshakeSpaces, listener: HandshakeListener) {
    this.#role = role;
    this.#tls = tls;
    this.#spaces = spaces;
    this.#listener = listener;
  }

  start(now: Instant): void {
    this.#tls.start(now);
    this.#pump();
  }

  /** Passes in-order bytes from the crypto stream of `level` to TLS. */
  handleCrypto(level: EncryptionLevel, now: Instant): void {
    const crypto = this.#spaces.crypto(level);
    for (let bytes = crypto?.read(); bytes !== undefined; bytes = crypto?.read()) {
      this.#tls.handleCrypto(level, bytes, now);
      this.#pump();
    }
  }

  certificateVerdict(failure: { readonly alert: number; readonly reason: string } | undefined, now: Instant): void {
    this.#tls.certificateVerdict(failure, now);
    this.#pump();
  }

  identitySelected(identity: TlsIdentity | undefined, now: Instant): void {
    this.#tls.identitySelected(identity, now);
    this.#pump();
  }

  /** Keying material for the application (RFC 8446 §7.5). */
  exportKeyingMaterial(label: string, context: Uint8Array, length: number): Uint8Array {
    const { exporter } = this.#tls;
    if (exporter === undefined) throw new TypeError("there is no keying material before the handshake is complete");
    return exporter.export(label, context, length);
  }

  /** RFC 9001 §4.1.2. */
  confirm(): void {
    this.isConfirmed = true;
    this.#parsed = undefined;
  }

  #pump(): void {
    const tls = this.#tls;
    for (let event = tls.pollEvent(); event !== undefined; event = tls.pollEvent()) this.#handleEvent(event);
    for (let out = tls.pollTransmit(); out !== undefined; out = tls.pollTransmit()) {
      this.#spaces.crypto(out.level)?.write(out.bytes);
    }
    if (this.isComplete) this.#tls = tls.successor ?? tls;
  }

  #handleEvent(event: TlsEvent): void {
    switch (event.type) {
      case "secret":
        if (event.level === EncryptionLevel.handshake) this.hasHandshakeKeys = true;
        this.#listener.onSecret(event);
        break;
      case "peer-parameters":
        this.#listener.onPeerParameters(this.#checkParameters(event.bytes));
        break;
      case "remembered-parameters":
        this.#listener.onEarlyDataOffered(parseTransportParameters(event.bytes, "server"), event.alpn);
        break;
      case "early-data":
        this.#listener.onEarlyData(event.accepted, event.alpn);
        break;
      case "verify-certificate":
        this.#listener.onVerifyCertificate(event);
        break;
      case "select-identity":
        this.#listener.onSelectIdentity(event);
        break;
      case "session":
        this.#listener.onSession(event);
        break;
      case "key-log":
        this.#listener.onKeyLog(event.line);
        break;
      case "complete":
        this.isComplete = true;
        this.#listener.onComplete(event);
        break;
    }
  }

  /** Parses the peer's parameters, the same bytes only once: a server needs them before TLS reports them. */
  parseParameters(bytes: Uint8Array): TransportParameters {
    if (this.#parsed?.bytes !== bytes) {
      const parameters = parseTransportParameters(bytes, this.#role === "client" ? "server" : "client");
      this.#parsed = { bytes, parameters };
    }
    return this.#parsed.parameters;
  }

  #checkParameters(bytes: Uint8Array): TransportParameters {
    const parameters = this.parseParameters(bytes);
    const expected = this.#listener.expectedIds();
    const mismatch = (name: string): never => {
      throw transportError("TRANSPORT_PARAMETER_ERROR", name, "is missing or differs from the connection id in use");
    };
    // RFC 9000 §7.3: binds the ids of the handshake's packets to its authentication.
    const matches = (given: Uint8Array | undefined, wanted: ConnectionId | undefined): boolean =>
      wanted === undefined ? given === undefined : given !== undefined && equalBytes(given, wanted.bytes);
    if (!matches(parameters.initialSourceConnectionId, expected.initialSource))
      mismatch("initial_source_connection_id");
    if (this.#role === "client") {
      if (!matches(parameters.originalDestinationConnectionId, expected.originalDestination)) {
        mismatch("original_destination_connection_id");
      }
      if (!matches(parameters.retrySourceConnectionId, expected.retrySource)) mismatch("retry_source_connection_id");
    }
    return parameters;
  }
}
