/**
 * QPACK instructions and field sections (RFC 9204 §4.3-4.5): mostly well-formed, referring to entries that may exist.
 */

import { concat, latin1 } from "../src/wire/text.ts";
import type { Chance } from "./chance.ts";

/** RFC 7541 §5.1: an integer with `bits` bits in its first byte, below `flags`. */
function integer(flags: number, bits: number, value: number): Uint8Array {
  const limit = 2 ** bits - 1;
  if (value < limit) return Uint8Array.of(flags | value);
  const bytes = [flags | limit];
  let rest = value - limit;
  while (rest >= 128) {
    bytes.push((rest % 128) | 0x80);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

/** The presumed state of the victim's table, if the hostile encoder's instructions were well-formed. */
export interface TableModel {
  /** The number of inserted entries, of which the last thirty or so remain. */
  inserted: number;
}

/** The victim's SETTINGS_QPACK_MAX_TABLE_CAPACITY, and the maximum number of entries (RFC 9204 §3.2.2). */
const CAPACITY = 4_096;
const MAX_ENTRIES = CAPACITY / 32;
const RECENT = 24;

/** The index of an existing entry, occasionally of any. */
const recent = (chance: Chance, table: TableModel): number =>
  chance.oneIn(60) ? anyIndex(chance) : chance.below(Math.min(table.inserted, RECENT));

const anyIndex = (chance: Chance): number => {
  const value = chance.varint();
  return typeof value === "number" ? value : Number.MAX_SAFE_INTEGER;
};

const TEXTS = [":path", ":status", ":method", "accept", "x", "te", "cookie", "200", "GET", "/", "ä", ""] as const;

/** A string with its Huffman flag just above the length: plain, or bytes that may be an invalid Huffman code. */
function text(chance: Chance, flags: number, bits: number): Uint8Array {
  const isCoded = chance.oneIn(100);
  const content = isCoded || chance.oneIn(8) ? chance.bytes(20) : latin1(chance.pick(TEXTS));
  const length = chance.oneIn(200) ? anyIndex(chance) : content.length;
  return concat(integer(flags | (isCoded ? 2 ** bits : 0), bits, length), content);
}

/** An instruction for the encoder stream (RFC 9204 §4.3). */
export function encoderInstruction(chance: Chance, table: TableModel): Uint8Array {
  if (table.inserted === 0) {
    table.inserted += 1;
    return concat(integer(0x20, 5, CAPACITY), literalInsertion(chance));
  }
  if (chance.oneIn(100)) return integer(0x20, 5, chance.oneIn(4) ? anyIndex(chance) : chance.pick([0, 64, CAPACITY]));
  const inserted = insertion(chance, table);
  table.inserted += 1;
  return inserted;
}

function insertion(chance: Chance, table: TableModel): Uint8Array {
  switch (chance.below(4)) {
    case 0:
      return integer(0x00, 5, recent(chance, table));
    case 1:
      return concat(integer(0xc0, 6, chance.below(chance.oneIn(100) ? 110 : 99)), text(chance, 0, 7));
    case 2:
      return concat(integer(0x80, 6, recent(chance, table)), text(chance, 0, 7));
    default:
      return literalInsertion(chance);
  }
}

const literalInsertion = (chance: Chance): Uint8Array => concat(text(chance, 0x40, 5), text(chance, 0, 7));

/** An instruction for the decoder stream (RFC 9204 §4.4): cancellations are always legal, the others rarely. */
export function decoderInstruction(chance: Chance): Uint8Array {
  if (chance.oneIn(40)) return integer(0x80, 7, chance.below(40));
  if (chance.oneIn(40)) return integer(0x00, 6, chance.oneIn(2) ? 1 : anyIndex(chance));
  return integer(0x40, 6, anyIndex(chance));
}

/** A field section (RFC 9204 §4.5) with lines that are not always valid in an HTTP message. */
export function fieldSection(chance: Chance, table: TableModel): Uint8Array {
  const isStatic = table.inserted === 0 || chance.oneIn(3);
  // RFC 9204 §4.5.1.1; occasionally includes a future insertion.
  const required = table.inserted + (chance.oneIn(20) ? chance.below(3) : 0);
  const encoded = isStatic ? 0 : (required % (2 * MAX_ENTRIES)) + 1;
  const parts = [integer(0, 8, chance.oneIn(200) ? anyIndex(chance) : encoded), Uint8Array.of(0)];
  for (let lines = chance.below(8); lines > 0; lines -= 1) {
    switch (chance.below(6)) {
      case 0:
      case 1:
        parts.push(integer(0xc0, 6, chance.below(99)));
        break;
      case 2:
        parts.push(isStatic ? integer(0xc0, 6, chance.below(99)) : integer(0x80, 6, recent(chance, table)));
        break;
      case 3:
        parts.push(chance.oneIn(60) ? integer(0x10, 4, anyIndex(chance)) : integer(0xc0, 6, chance.below(99)));
        break;
      case 4:
        parts.push(concat(integer(0x50, 4, chance.below(99)), text(chance, 0, 7)));
        break;
      default:
        parts.push(concat(text(chance, 0x20, 3), text(chance, 0, 7)));
    }
  }
  return concat(...parts);
}

/** A section from the static table alone: GET, https, / and an authority; or 200 (RFC 9204 Appendix A). */
export function honestSection(isRequest: boolean): Uint8Array {
  if (!isRequest) return Uint8Array.of(0, 0, 0xd9);
  return concat(Uint8Array.of(0, 0, 0xd1, 0xd7, 0xc1, 0x50, 4), latin1("test"));
}
