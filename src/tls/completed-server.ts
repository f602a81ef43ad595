/**
 * What is left of a server's side once the handshake is complete: it holds nothing of the handshake, and refuses whatever
 * the client sends on its crypto stream.
 */

import { alertError } from "./alerts.ts";
import { CryptoChannel } from "./channel.ts";
import type { Exporter } from "./exporter.ts";
import { EncryptionLevel, type TlsHandshake } from "./handshake.ts";
import { describeMessage, type HandshakeMessage } from "./messages/message.ts";

export class CompletedTlsServer implements TlsHandshake {
  readonly isComplete = true;
  readonly exporter: Exporter;
  #channel: CryptoChannel | undefined;

  constructor(exporter: Exporter) {
    this.exporter = exporter;
  }

  start(): void {}

  handleCrypto(level: EncryptionLevel, bytes: Uint8Array): void {
    if (this.#channel === undefined) {
      this.#channel = new CryptoChannel();
      this.#channel.readAt(EncryptionLevel.oneRtt);
    }
    this.#channel.receive(level, bytes, refuse);
  }

  certificateVerdict(): void {
    throw new TypeError("no verdict is expected after the handshake");
  }

  identitySelected(): void {
    throw new TypeError("no identity is expected after the handshake");
  }

  pollTransmit(): undefined {}

  pollEvent(): undefined {}
}

/** Includes EndOfEarlyData (RFC 9001 §8.3), KeyUpdate (§6), and another ClientHello: there is no renegotiation. */
function refuse(message: HandshakeMessage): never {
  throw alertError("unexpected_message", describeMessage(message), "not allowed in state CONNECTED");
}
