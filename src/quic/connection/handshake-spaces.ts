/**
 * The Initial and Handshake packet number spaces (RFC 9000 §12.3), each with its own keys, sent packets, pending
 * acknowledgements, handshake bytes and pending probes. Discarding a space drops all of it. The Application space
 * belongs to a path; only its CRYPTO stream, which carries session tickets, is here.
 */

import { EncryptionLevel } from "../../tls/handshake.ts";
import { AckTracker } from "../acks/index.ts";
import { freeKeys, type PacketKeys } from "../keys/index.ts";
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
  /** The number of ack-eliciting packets to send for a probe timeout (RFC 9002 §6.2.4). */
  pendingProbes = 0;

  constructor(level: HandshakeLevel, config: ConnectionConfig) {
    this.level = level;
    this.sent = new SendSpace(spaceOf(level));
    this.acks = new AckTracker(spaceOf(level), config);
  }

  freeKeys(): void {
    freeKeys(this.read);
    freeKeys(this.write);
  }
}

export class HandshakeSpaces {
  #initial: HandshakeSpace | undefined;
  #handshake: HandshakeSpace | undefined;
  /** For CRYPTO frames in 1-RTT packets. */
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

  /** The Initial or Handshake space with this number. */
  byNumber(space: PacketNumberSpace): HandshakeSpace | undefined {
    if (space === PacketNumberSpace.application) return undefined;
    return space === PacketNumberSpace.initial ? this.#initial : this.#handshake;
  }

  /** The handshake bytes of a level; undefined once the level is discarded. 0-RTT packets carry no CRYPTO frames. */
  crypto(level: EncryptionLevel): CryptoStream | undefined {
    if (level === EncryptionLevel.oneRtt) return this.oneRttCrypto;
    return level === EncryptionLevel.zeroRtt ? undefined : this.get(level)?.crypto;
  }

  /** Drops a level and its keys. */
  discard(level: HandshakeLevel): void {
    this.get(level)?.freeKeys();
    if (level === EncryptionLevel.initial) this.#initial = undefined;
    else this.#handshake = undefined;
  }

  /** The remaining spaces, in the order in which their packets are coalesced. */
  *[Symbol.iterator](): IterableIterator<HandshakeSpace> {
    if (this.#initial !== undefined) yield this.#initial;
    if (this.#handshake !== undefined) yield this.#handshake;
  }
}
