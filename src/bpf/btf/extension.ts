/** The section .BTF.ext: which line of C an instruction comes from, and what CO-RE must relocate. */

import { BpfError, type SourceLine } from "../errors.ts";
import type { Btf } from "./types.ts";

const MAGIC = 0xeb9f;

export interface CoreRelocation {
  /** Bytes from the start of the section. */
  readonly offset: number;
  readonly type: number;
  /** Indices of members, as `0:1:2`. */
  readonly access: string;
  readonly kind: number;
}

export interface BtfExtension {
  /** By the name of a section, sorted by offset. */
  readonly lines: ReadonlyMap<string, readonly { readonly offset: number; readonly line: SourceLine }[]>;
  readonly relocations: ReadonlyMap<string, readonly CoreRelocation[]>;
}

const refuse = (reason: string): never => {
  throw new BpfError("BTF", reason);
};

export function parseBtfExtension(bytes: Uint8Array, btf: Btf): BtfExtension {
  if (bytes.length < 24) return refuse("the section .BTF.ext is too short");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const little = view.getUint16(0, true) === MAGIC;
  if (!little && view.getUint16(0) !== MAGIC) return refuse("the section .BTF.ext does not begin with 0xeb9f");
  const u32 = (at: number): number => view.getUint32(at, little);
  const header = u32(4);

  const table = <Row>(field: number, least: number, read: (at: number) => Row): Map<string, Row[]> => {
    const rows = new Map<string, Row[]>();
    if (field + 8 > header || field + 8 > bytes.length) return rows;
    const start = header + u32(field);
    const end = start + u32(field + 4);
    if (u32(field + 4) === 0) return rows;
    if (end > bytes.length) return refuse("a table is outside of the section .BTF.ext");
    const width = u32(start);
    if (width < least) return refuse(`records of ${width} bytes in .BTF.ext; at least ${least} are needed`);
    for (let at = start + 4; at + 8 <= end; ) {
      const name = btf.string(u32(at));
      const count = u32(at + 4);
      at += 8;
      if (at + count * width > end) return refuse("records are outside of the section .BTF.ext");
      const list = rows.get(name) ?? [];
      rows.set(name, list);
      for (let i = 0; i < count; i += 1) list.push(read(at + i * width));
      at += count * width;
    }
    return rows;
  };

  const lines = table(16, 16, (at) => {
    const position = u32(at + 12);
    const line: SourceLine = {
      file: btf.string(u32(at + 4)),
      line: position >>> 10,
      column: position & 0x3ff,
      text: btf.string(u32(at + 8)).trim(),
    };
    return { offset: u32(at), line };
  });
  for (const list of lines.values()) list.sort((a, b) => a.offset - b.offset);
  const relocations = table(24, 16, (at) => ({
    offset: u32(at),
    type: u32(at + 4),
    access: btf.string(u32(at + 8)),
    kind: u32(at + 12),
  }));
  return { lines, relocations };
}
