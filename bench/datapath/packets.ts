/**
 * The packets of the raw data path: 1-RTT packets with one STREAM frame, protected as in a connection, through the same
 * sockets and keys. What is missing beside a connection: acknowledgements, loss recovery, congestion control, streams and HTTP.
 */

import type { ReceivedBatch } from "../../src/base/datagrams.ts";
import { type CryptoEngine, PacketBatch, TAG_LENGTH } from "../../src/crypto/engine.ts";
import { openBatch, type PacketKeys, protectBatch, removeHeaderProtection } from "../../src/quic/keys/index.ts";

const AEAD = "aes-128-gcm";
const KEY = new Uint8Array(16).fill(1);
const IV = new Uint8Array(12).fill(2);
const HEADER_KEY = new Uint8Array(16).fill(3);

/** A short header with a packet number of four bytes. */
const FIRST_BYTE = 0x43;
const CONNECTION_ID_LENGTH = 8;
const NUMBER_AT = 1 + CONNECTION_ID_LENGTH;
const PAYLOAD_AT = NUMBER_AT + 4;
/** STREAM with an offset, up to the end of the packet: type, stream 0, an offset of 8 bytes. */
const STREAM_TYPE = 0x0c;
const FRAME_HEADER = 1 + 1 + 8;
const MAX_PACKETS = 1_024;

/** Bytes of a datagram that are no stream data. */
export const OVERHEAD = PAYLOAD_AT + FRAME_HEADER + TAG_LENGTH;

const keysOf = (engine: CryptoEngine): PacketKeys => ({
  aead: AEAD,
  packet: engine.createPacketKey(AEAD, KEY, IV),
  header: engine.createHeaderKey(AEAD, HEADER_KEY),
});

/** The packets of one arena; another arena gets another batch. */
function batchOver(arena: Uint8Array, known: PacketBatch | undefined): PacketBatch {
  return known?.arena === arena ? known : new PacketBatch(arena, MAX_PACKETS);
}

export class PacketWriter {
  readonly #keys: PacketKeys;
  #batch: PacketBatch | undefined;

  constructor(engine: CryptoEngine) {
    this.#keys = keysOf(engine);
  }

  /** Writes `count` packets of `size` bytes, end to end from the start of the arena. The content is repeated. */
  write(arena: Uint8Array, first: number, count: number, size: number, content: Uint8Array): void {
    const batch = batchOver(arena, this.#batch);
    this.#batch = batch;
    const bytes = size - OVERHEAD;
    for (let i = 0; i < count; i++) {
      const at = i * size;
      const number = first + i;
      arena[at] = FIRST_BYTE;
      arena.fill(0, at + 1, at + NUMBER_AT);
      write32(arena, at + NUMBER_AT, number);
      let frame = at + PAYLOAD_AT;
      arena[frame] = STREAM_TYPE;
      arena[frame + 1] = 0;
      const offset = number * bytes;
      write32(arena, frame + 2, 0xc0000000 | Math.floor(offset / 2 ** 32));
      write32(arena, frame + 6, offset);
      frame += FRAME_HEADER;
      const from = offset % (content.length - bytes);
      arena.set(content.subarray(from, from + bytes), frame);
      batch.header[i] = at;
      batch.packetNumberOffset[i] = at + NUMBER_AT;
      batch.payload[i] = at + PAYLOAD_AT;
      batch.end[i] = at + size;
      batch.packetNumber[i] = number;
    }
    batch.count = count;
    protectBatch(batch, this.#keys, 0);
  }
}

export class PacketReader {
  readonly #keys: PacketKeys;
  #batch: PacketBatch | undefined;
  /** The largest packet number so far. */
  largest = -1;
  packets = 0;
  bytes = 0;

  constructor(engine: CryptoEngine) {
    this.#keys = keysOf(engine);
  }

  /** Opens the packets, and counts their stream data. Throws if one is not genuine. */
  read(received: ReceivedBatch): void {
    const batch = batchOver(received.arena, this.#batch);
    this.#batch = batch;
    const { count } = received;
    for (let i = 0; i < count; i++) {
      const at = received.offset[i]!;
      batch.header[i] = at;
      batch.packetNumberOffset[i] = at + NUMBER_AT;
      batch.end[i] = at + received.length[i]!;
    }
    batch.count = count;
    removeHeaderProtection(batch, this.#keys, 0, this.largest);
    openBatch(batch, this.#keys.packet, 0);
    const { arena } = batch;
    for (let i = 0; i < count; i++) {
      if (batch.ok[i] === 0) throw new Error("a packet is not genuine");
      const frame = batch.payload[i]!;
      const offset = (read32(arena, frame + 2) & 0x3fffffff) * 2 ** 32 + read32(arena, frame + 6);
      if (arena[frame] !== STREAM_TYPE || offset < 0) throw new Error("a packet without its frame");
      this.bytes += batch.end[i]! - TAG_LENGTH - frame - FRAME_HEADER;
      if (batch.packetNumber[i]! > this.largest) this.largest = batch.packetNumber[i]!;
    }
    this.packets += count;
  }
}

function write32(arena: Uint8Array, at: number, value: number): void {
  arena[at] = value >>> 24;
  arena[at + 1] = value >>> 16;
  arena[at + 2] = value >>> 8;
  arena[at + 3] = value;
}

const read32 = (arena: Uint8Array, at: number): number =>
  ((arena[at]! << 24) | (arena[at + 1]! << 16) | (arena[at + 2]! << 8) | arena[at + 3]!) >>> 0;
