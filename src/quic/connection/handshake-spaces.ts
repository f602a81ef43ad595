/**
 * The Initial and Handshake packet number spaces (RFC 9000 §12.3), each with what belongs to it alone: keys, packets sent,
 * acknowledgements owed, handshake bytes, probes owed. A discarded space is gone with all it held. The Application space
 * belongs to a path; only its CRYPTO stream, which carries session tickets, is here.
 */

import { EncryptionLevel } from "../../tls/handshake.ts";
import { AckTracker } from "../acks/index.ts";
import type { PacketKeys } from "../keys/index.ts";
import { PacketNumberSpace, spaceOf } from "../packet/number-space.ts";
import { SendSpace } from "../recovery/index.ts";
import type { ConnectionConfig } from "./config.ts";
import { CryptoStream } from "./crypto-stream.ts";

export type HandshakeLevel = typeof EncryptionLevel.initial | typeof EncryptionLevel.handshake;

export class HandshakeSpace {
  readonly level: HandshakeLevel;
  readonly sent: SendSpace;
  readonly acks: AckTracker;
  readonly crypto = new CryptoStream();
  read: PacketKeys | undefined;
  write: PacketKeys | undefined;
  /** Ack-eliciting packets that a probe timeout asks for (RFC 9002 §6.2.4). */
  probesOwed = 0;

  constructor(level: HandshakeLevel, config: ConnectionConfig) {
    this.level = level;
    this.sent = new SendSpace(spaceOf(level));
    this.acks = new AckTracker(spaceOf(level), config);
  }
}

export class HandshakeSpaces {
  #initial: HandshakeSpace | undefined;
  #handshake: HandshakeSpace | undefined;
  /** CRYPTO frames of 1-RTT packets. */
  readonly oneRttCrypto = new CryptoStream();

  constructor(config: ConnectionConfig) {
    this.#initial = new HandshakeSpace(EncryptionLevel.initial, config);
    this.#handshake = new HandshakeSpace(EncryptionLevel.handshake, config);
  }

  get initial(): HandshakeSpace | undefined {
    return this.#initial;
  }

  get handshake(): HandshakeSpace | undefined {
    return this.#handshake;
  }

  get(level: HandshakeLevel): HandshakeSpace | undefined {
    return level === EncryptionLevel.initial ? this.#initial : this.#handshake;
  }

  /** The space of Initial or Handshake packets by its number. */
  byNumber(space: PacketNumberSpace): HandshakeSpace | undefined {
    if (space === PacketNumberSpace.application) return undefined;
    return space === PacketNumberSpace.initial ? this.#initial : this.#handshake;
  }

  /** The handshake bytes of a level; undefined once the level is discarded. No CRYPTO frame is sent in 0-RTT packets. */
  crypto(level: EncryptionLevel): CryptoStream | undefined {
    if (level === EncryptionLevel.oneRtt) return this.oneRttCrypto;
    return level === EncryptionLevel.zeroRtt ? undefined : this.get(level)?.crypto;
  }

  discard(level: HandshakeLevel): void {
    if (level === EncryptionLevel.initial) this.#initial = undefined;
    else this.#handshake = undefined;
  }

  /** Those that are left, in the order in which their packets are coalesced. */
  *[Symbol.iterator](): IterableIterator<HandshakeSpace> {
    if (this.#initial !== undefined) yield this.#initial;
    if (this.#handshake !== undefined) yield this.#handshake;
  }
}
