/**
 * Describes a packet for the trace, before it is protected or after its protection was removed. What it says is parsed
 * when a listener reads it.
 */

import { TAG_LENGTH } from "../../crypto/engine.ts";
import type { EncryptionLevel } from "../../tls/handshake.ts";
import type { Frame } from "../frame/frames.ts";
import { framesOf } from "../frame/index.ts";
import { parsePacketHeader } from "../packet/header.ts";
import type { TracedHeader } from "../trace.ts";

const LONG_FORM = 0x80;
const KEY_PHASE = 0x04;
const PACKET_NUMBER_LENGTH = 0x03;

/** Where a packet lies. `shortIdLength` is the length of the destination id in a short header. */
export class PacketContent {
  readonly #bytes: Uint8Array;
  readonly #start: number;
  readonly #payload: number;
  readonly #end: number;
  readonly #shortIdLength: number;
  readonly #level: EncryptionLevel;

  constructor(
    bytes: Uint8Array,
    start: number,
    payload: number,
    end: number,
    shortIdLength: number,
    level: EncryptionLevel,
  ) {
    this.#bytes = bytes;
    this.#start = start;
    this.#payload = payload;
    this.#end = end;
    this.#shortIdLength = shortIdLength;
    this.#level = level;
  }

  /** The ids are views. */
  header(): TracedHeader {
    const first = this.#bytes[this.#start]!;
    const header = parsePacketHeader(this.#bytes, this.#start, this.#end, this.#shortIdLength, true)!;
    const { version, destination, source, token } = header;
    return {
      version,
      destination,
      source,
      tokenLength: token.length,
      packetNumberLength: (first & PACKET_NUMBER_LENGTH) + 1,
      keyPhase: (first & LONG_FORM) === 0 && (first & KEY_PHASE) !== 0 ? 1 : 0,
    };
  }

  frames(): readonly Frame[] {
    return framesOf(this.#bytes, this.#payload, this.#end - TAG_LENGTH, this.#level);
  }
}

/** Here, so that the functions that call it have no variables for closures, which would cost them without a listener. */
export const tracedPacket = <Type extends string, Facts extends object>(
  type: Type,
  facts: Facts,
  content: PacketContent,
) => ({
  type,
  ...facts,
  get header() {
    return content.header();
  },
  get frames() {
    return content.frames();
  },
});
