/**
 * The generations of 1-RTT keys (RFC 9001 §6). Either side may move on to the next generation. The Key Phase bit of the
 * short header tells odd generations from even ones, and the packet number decides between two neighbors.
 *
 * A packet is opened in place, so it can be tried with only one key: the key is chosen first, by phase and packet
 * number.
 */

import { after, type Instant, type Micros } from "../../base/time.ts";
import type { CryptoEngine, HeaderKey, PacketBatch, PacketKey } from "../../crypto/engine.ts";
import type { CipherSuite } from "../../tls/cipher-suite.ts";
import { transportError } from "../errors.ts";
import { AEAD_LIMITS } from "./limits.ts";
import { derivePacketKey, derivePacketKeys, freeKeys, nextSecret, type PacketKeys } from "./packet-keys.ts";
import { openBatch, removeHeaderProtection } from "./protection.ts";

export type KeyPhase = 0 | 1;

/** What `OneRttKeys` needs to know about its connection. */
export interface KeyUpdateHost {
  /** RFC 9001 §6.1: keys may be updated once the handshake is confirmed. */
  readonly isHandshakeConfirmed: boolean;
  /** RFC 9001 §6.5: old read keys are kept for three PTOs. */
  readonly probeTimeout: Micros;
  /** Both directions have moved to this generation, at our wish or the peer's. */
  onKeysUpdated?(generation: number, cause: "local" | "remote"): void;
}

export interface OneRttOptions {
  /**
   * The number of packets sealed with one key before we update it; by default half the confidentiality limit. Tests
   * lower it.
   */
  readonly keyUpdateAfter?: number;
  /** The number of packets that may fail to open; by default RFC 9001 §6.6's. Tests lower it. */
  readonly integrityLimit?: number;
}

type Suite = Pick<CipherSuite, "aead" | "hash">;

const KEY_PHASE_BIT = 0x04;
const phaseOf = (generation: number): KeyPhase => (generation % 2) as KeyPhase;

/** One generation of read keys, and the range of packet numbers on each path that were opened with it. */
class ReadGeneration {
  readonly key: PacketKey;
  /** By path id; only packets that opened count. */
  readonly #lowest: number[] = [Number.POSITIVE_INFINITY];
  readonly #highest: number[] = [-1];

  constructor(key: PacketKey) {
    this.key = key;
  }

  /** Infinity before the first packet. */
  lowest(pathId: number): number {
    return this.#lowest[pathId] ?? Number.POSITIVE_INFINITY;
  }

  highest(pathId: number): number {
    return this.#highest[pathId] ?? -1;
  }

  onPacketOpened(pathId: number, packetNumber: number): void {
    if (packetNumber < this.lowest(pathId)) this.#lowest[pathId] = packetNumber;
    if (packetNumber > this.highest(pathId)) this.#highest[pathId] = packetNumber;
  }
}

interface ReadState {
  readonly suite: Suite;
  readonly version: number;
  readonly header: HeaderKey;
  generation: number;
  /** For packets that were overtaken by a key update (RFC 9001 §6.5). */
  previous: ReadGeneration | undefined;
  /** When to discard `previous`; undefined until a packet of the current generation has arrived. */
  previousUntil: Instant | undefined;
  current: ReadGeneration;
  /** The secret of `current`. */
  secret: Uint8Array;
  next: ReadGeneration | undefined;
}

/**
 * The keys of the next generation are derived in advance, so that observers cannot detect an update by its timing (RFC 9001
 * §6.3), but only once a connection has received this many packets: most end before, and never update their keys.
 */
const PACKETS_BEFORE_NEXT_KEYS = 16;

interface WriteState {
  readonly suite: Suite;
  readonly version: number;
  generation: number;
  keys: PacketKeys;
  secret: Uint8Array;
  /** Packets sealed with these keys. */
  sealed: number;
  /** By path id: the lowest packet number that these keys may have sealed; 0 if there is none. */
  firstPacketNumber: readonly number[];
  /** True if a packet sealed with these keys was acknowledged. */
  isAcked: boolean;
}

export class OneRttKeys {
  readonly #engine: CryptoEngine;
  readonly #host: KeyUpdateHost;
  readonly #options: OneRttOptions;
  #reading: ReadState | undefined;
  #writing: WriteState | undefined;
  /** By path id. */
  readonly #largestSealed: number[] = [-1];
  /** Packets that failed to open, over all generations. */
  #failedOpens = 0;

  constructor(engine: CryptoEngine, host: KeyUpdateHost, options: OneRttOptions = {}) {
    this.#engine = engine;
    this.#host = host;
    this.#options = options;
  }

  installRead(suite: Suite, secret: Uint8Array, version: number): void {
    const keys = derivePacketKeys(this.#engine, suite.aead, suite.hash, secret, version);
    this.#reading = {
      suite,
      version,
      header: keys.header,
      generation: 0,
      previous: undefined,
      previousUntil: undefined,
      current: new ReadGeneration(keys.packet),
      secret,
      next: undefined,
    };
  }

  installWrite(suite: Suite, secret: Uint8Array, version: number): void {
    this.#writing = {
      suite,
      version,
      generation: 0,
      keys: derivePacketKeys(this.#engine, suite.aead, suite.hash, secret, version),
      secret,
      sealed: 0,
      firstPacketNumber: [],
      isAcked: false,
    };
  }

  /** Releases all keys. Nothing can be sealed or opened afterwards. */
  free(): void {
    const reading = this.#reading;
    freeKeys(this.#writing?.keys);
    reading?.header.free();
    for (const generation of [reading?.previous, reading?.current, reading?.next]) generation?.key.free();
  }

  get canRead(): boolean {
    return this.#reading !== undefined;
  }

  get canWrite(): boolean {
    return this.#writing !== undefined;
  }

  /** The number of updates that the read keys have gone through. */
  get readGeneration(): number {
    return this.#reading?.generation ?? 0;
  }

  get writeGeneration(): number {
    return this.#writing?.generation ?? 0;
  }

  /**
   * The keys to seal with; throws unless `canWrite`. They and `writePhase` change only in `open` and `initiateUpdate`:
   * seal any packet whose header has been written before calling those.
   */
  get write(): PacketKeys {
    if (this.#writing === undefined) throw new RangeError("no 1-RTT write keys are installed yet");
    return this.#writing.keys;
  }

  get writePhase(): KeyPhase {
    return phaseOf(this.writeGeneration);
  }

  // ── Sending ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Counts `count` packets of a path that were sealed with `write`; `largest` is the packet number of the last one. */
  onPacketsSealed(count: number, largest: number, pathId = 0): void {
    const writing = this.#writing!;
    writing.sealed += count;
    this.#largestSealed[pathId] = largest;
  }

  /** Records that a 1-RTT packet of ours was acknowledged. */
  onPacketAcked(packetNumber: number, pathId = 0): void {
    const writing = this.#writing;
    if (writing !== undefined && packetNumber >= (writing.firstPacketNumber[pathId] ?? 0)) writing.isAcked = true;
  }

  /** Moves both directions to the next generation. Returns false while the rules forbid it. */
  initiateUpdate(now: Instant): boolean {
    const reading = this.#reading;
    const writing = this.#writing;
    if (reading === undefined || writing === undefined) return false;
    this.#dropExpiredKeys(reading, now);
    // RFC 9001 §6.1: not before the handshake is confirmed, and not before a packet sealed with the current keys has
    // been acknowledged.
    if (!this.#host.isHandshakeConfirmed || !writing.isAcked) return false;
    // RFC 9001 §6.5: three PTOs between updates, which is how long the previous read keys are kept.
    if (reading.previous !== undefined) return false;
    this.#advanceRead(reading);
    this.#advanceWrite(writing);
    this.#host.onKeysUpdated?.(writing.generation, "local");
    return true;
  }

  // ── Receiving ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Removes the header protection of packets [from, count) and opens them; `batch.ok` says which are genuine. Nearly
   * always they are all of the current phase and take one call of the engine.
   */
  open(batch: PacketBatch, from: number, largestReceived: number, pathId: number, now: Instant): void {
    const reading = this.#reading;
    if (reading === undefined) throw new RangeError("no 1-RTT read keys are installed yet");
    this.#dropExpiredKeys(reading, now);
    removeHeaderProtection(batch, reading, from, largestReceived);
    const { count } = batch;
    let start = from;
    while (start < count) {
      const generation = this.#chooseGeneration(reading, batch, start, pathId);
      let end = start + 1;
      // A packet of the next generation is opened alone: if it is genuine, different keys apply to those after it.
      if (generation === undefined || generation !== reading.next) {
        while (end < count && this.#chooseGeneration(reading, batch, end, pathId) === generation) end += 1;
      }
      if (generation === undefined) {
        batch.ok.fill(0, start, end);
      } else {
        batch.count = end;
        openBatch(batch, generation.key, start, pathId);
        batch.count = count;
        this.#handleOpened(reading, generation, batch, start, end, pathId, now);
      }
      start = end;
    }
    if (reading.next === undefined && reading.current.highest(pathId) >= PACKETS_BEFORE_NEXT_KEYS) {
      this.#nextOf(reading);
    }
    if (this.#writing !== undefined) this.#checkUsage(this.#writing, now);
  }

  /** Updates the state after packets [start, end) of one generation were opened, or failed to open. */
  #handleOpened(
    reading: ReadState,
    generation: ReadGeneration,
    batch: PacketBatch,
    start: number,
    end: number,
    pathId: number,
    now: Instant,
  ): void {
    for (let i = start; i < end; i += 1) {
      if (batch.ok[i] !== 1) {
        this.#countFailure(reading);
        continue;
      }
      const packetNumber = batch.packetNumber[i]!;
      if (generation === reading.next) this.#followUpdate(reading, packetNumber, pathId);
      // RFC 9001 §6.5: from the first packet of the new phase on, the old keys have three PTOs left.
      if (generation === reading.current && reading.previous !== undefined) {
        reading.previousUntil ??= after(now, (3 * this.#host.probeTimeout) as Micros);
      }
      generation.onPacketOpened(pathId, packetNumber);
      // RFC 9001 §6.4: old keys for a higher packet number than new keys, within one space.
      if (reading.previous !== undefined && reading.previous.highest(pathId) > reading.current.lowest(pathId)) {
        throw transportError("KEY_UPDATE_ERROR", "1-RTT packet", "old keys were used after an update");
      }
    }
  }

  /** The peer has updated its keys. Ours must follow before anything else is sent (RFC 9001 §6.2). */
  #followUpdate(reading: ReadState, packetNumber: number, pathId: number): void {
    const writing = this.#writing;
    if (packetNumber < reading.current.highest(pathId)) {
      throw transportError(
        "KEY_UPDATE_ERROR",
        "1-RTT packet",
        "new keys were used for a lower packet number than old keys",
      );
    }
    // RFC 9001 §6.2: nothing was sent with the current keys, so the peer cannot know that we have them.
    if (writing !== undefined && writing.generation > 0 && writing.sealed === 0) {
      throw transportError("KEY_UPDATE_ERROR", "1-RTT packet", "keys were updated twice without an acknowledgement");
    }
    this.#advanceRead(reading);
    if (writing !== undefined && writing.generation < reading.generation) this.#advanceWrite(writing);
    this.#host.onKeysUpdated?.(reading.generation, "remote");
  }

  #advanceRead(reading: ReadState): void {
    const { suite, version } = reading;
    reading.previous?.key.free();
    reading.previous = reading.current;
    reading.previousUntil = undefined;
    reading.current = this.#nextOf(reading);
    reading.secret = nextSecret(this.#engine, suite.hash, reading.secret, version);
    reading.generation += 1;
    reading.next = undefined;
    this.#nextOf(reading);
  }

  #nextOf(reading: ReadState): ReadGeneration {
    if (reading.next === undefined) {
      const { suite, version } = reading;
      const secret = nextSecret(this.#engine, suite.hash, reading.secret, version);
      reading.next = new ReadGeneration(derivePacketKey(this.#engine, suite.aead, suite.hash, secret, version));
    }
    return reading.next;
  }

  #advanceWrite(writing: WriteState): void {
    const { suite, version, keys } = writing;
    writing.secret = nextSecret(this.#engine, suite.hash, writing.secret, version);
    const packet = derivePacketKey(this.#engine, suite.aead, suite.hash, writing.secret, version);
    keys.packet.free();
    writing.keys = { aead: keys.aead, packet, header: keys.header };
    writing.generation += 1;
    writing.sealed = 0;
    writing.firstPacketNumber = this.#largestSealed.map((largest) => largest + 1);
    writing.isAcked = false;
  }

  #dropExpiredKeys(reading: ReadState, now: Instant): void {
    if (reading.previousUntil === undefined || now < reading.previousUntil) return;
    reading.previous?.key.free();
    reading.previous = undefined;
    reading.previousUntil = undefined;
  }

  /** RFC 9001 §6.6: forgeries are counted over the lifetime of the connection. */
  #countFailure(reading: ReadState): void {
    this.#failedOpens += 1;
    if (this.#failedOpens > (this.#options.integrityLimit ?? AEAD_LIMITS[reading.suite.aead].integrity)) {
      throw transportError("AEAD_LIMIT_REACHED", "1-RTT keys", `${this.#failedOpens} packets failed to decrypt`);
    }
  }

  /**
   * RFC 9001 §6.6: updates keys long before their limit. An update depends on what was received, so it is enough to
   * check on receipt: no one sends millions of packets without receiving any.
   */
  #checkUsage(writing: WriteState, now: Instant): void {
    const limit = AEAD_LIMITS[writing.suite.aead].confidentiality;
    if (writing.sealed < (this.#options.keyUpdateAfter ?? limit / 2)) return;
    if (!this.initiateUpdate(now) && writing.sealed >= limit) {
      throw transportError("AEAD_LIMIT_REACHED", "1-RTT keys", `${writing.sealed} packets sealed with one key`);
    }
  }

  /** RFC 9001 §6.5: the keys for a packet; undefined if they have been discarded. */
  #chooseGeneration(reading: ReadState, batch: PacketBatch, index: number, pathId: number): ReadGeneration | undefined {
    const phase = (batch.arena[batch.header[index]!]! & KEY_PHASE_BIT) !== 0 ? 1 : 0;
    if (phase === phaseOf(reading.generation)) return reading.current;
    if (batch.packetNumber[index]! >= reading.current.lowest(pathId)) return this.#nextOf(reading);
    if (reading.previous !== undefined) return reading.previous;
    // Before the first packet of the first generation, the peer may already be one generation ahead.
    return reading.current.highest(pathId) < 0 ? this.#nextOf(reading) : undefined;
  }
}
