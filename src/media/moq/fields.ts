/** The kinds of fields that messages are made of: each reads and writes one value. */

import type { Reader } from "../../wire/reader.ts";
import { fromUtf8, utf8 } from "../../wire/text.ts";
import type { VarInt } from "../../wire/varint.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { type Draft, draftHas, type Trait } from "./draft.ts";
import { violation } from "./errors.ts";
import { type Integers, MOQ_INTEGERS, QUIC_INTEGERS, readCode, readNumber } from "./integers.ts";
import type { Location, Namespace, TrackName } from "./model.ts";

/** Fields of a namespace. */
export const MAX_NAMESPACE_FIELDS = 32;
/** Bytes of a namespace and a name together. */
export const MAX_FULL_NAME = 4_096;
/** Bytes of a reason. */
export const MAX_REASON = 1_024;
/** Bytes of a URI. */
export const MAX_URI = 8_192;

/** How a draft writes. */
export class Dialect {
  readonly draft: Draft;
  readonly integers: Integers;

  constructor(draft: Draft) {
    this.draft = draft;
    this.integers = draftHas(draft, "hasQuicIntegers") ? QUIC_INTEGERS : MOQ_INTEGERS;
  }

  /** True if the draft has what newer ones lost. */
  has(trait: Trait): boolean {
    return draftHas(this.draft, trait);
  }

  /** Exact up to 2^53-1; more is a `WireError`. */
  number(reader: Reader): number {
    return readNumber(this.integers, reader);
  }

  /** Reads an integer with all its bits. */
  integer(reader: Reader): VarInt {
    return this.integers.read(reader);
  }

  /** A copy. */
  prefixed(reader: Reader): Uint8Array {
    return reader.copy(this.number(reader));
  }
}

export interface Field<T> {
  read(reader: Reader, dialect: Dialect, where: string): T;
  write(writer: ByteWriter, value: T, dialect: Dialect): void;
}

export const number: Field<number> = {
  read: (reader, dialect) => dialect.number(reader),
  write: (writer, value) => writer.integer(value),
};

/** With all its bits: an alias may be a hash. */
export const integer: Field<VarInt> = {
  read: (reader, dialect) => dialect.integer(reader),
  write: (writer, value) => writer.integer(value),
};

/** An error or status code: unknown ones are legal. */
export const code: Field<number> = {
  read: (reader, dialect) => readCode(dialect.integers, reader),
  write: (writer, value) => writer.integer(value),
};

export const uint8: Field<number> = {
  read: (reader) => reader.uint8(),
  write: (writer, value) => writer.uint8(value),
};

export const flag: Field<boolean> = {
  read(reader, _, where) {
    const value = reader.uint8();
    if (value > 1) throw violation(where, `${value} where 0 or 1 has to be`);
    return value === 1;
  },
  write: (writer, value) => writer.uint8(value ? 1 : 0),
};

export const groupOrder: Field<"ascending" | "descending"> = {
  read(reader, _, where) {
    const value = reader.uint8();
    if (value !== 1 && value !== 2) throw violation(where, `a group order of ${value}`);
    return value === 1 ? "ascending" : "descending";
  },
  write: (writer, value) => writer.uint8(value === "ascending" ? 1 : 2),
};

export const location: Field<Location> = {
  read: (reader, dialect) => ({ group: dialect.number(reader), object: dialect.number(reader) }),
  write(writer, { group, object }) {
    writer.integer(group);
    writer.integer(object);
  },
};

/** Up to 32 fields, none of them empty. */
export const namespace: Field<Namespace> = {
  read(reader, dialect, where) {
    const count = dialect.number(reader);
    if (count > MAX_NAMESPACE_FIELDS) throw violation(where, `a namespace of ${count} fields`);
    let length = 0;
    return Array.from({ length: count }, () => {
      const field = dialect.prefixed(reader);
      if (field.length === 0) throw violation(where, "an empty field in a namespace");
      length += field.length;
      if (length > MAX_FULL_NAME) throw violation(where, `a namespace of more than ${MAX_FULL_NAME} bytes`);
      return field;
    });
  },
  write(writer, fields) {
    writer.integer(fields.length);
    for (const field of fields) writer.prefixed(field);
  },
};

export const trackName: Field<TrackName> = {
  read(reader, dialect, where) {
    const fields = namespace.read(reader, dialect, where);
    const length = fields.reduce((sum, field) => sum + field.length, 0);
    const name = dialect.prefixed(reader);
    if (length + name.length > MAX_FULL_NAME) throw violation(where, `a name of more than ${MAX_FULL_NAME} bytes`);
    return { namespace: fields, name };
  },
  write(writer, track, dialect) {
    namespace.write(writer, track.namespace, dialect);
    writer.prefixed(track.name);
  },
};

export const bytes: Field<Uint8Array> = {
  read: (reader, dialect) => dialect.prefixed(reader),
  write: (writer, value) => writer.prefixed(value),
};

const text = (limit: number, what: string): Field<string> => ({
  read(reader, dialect, where) {
    const length = dialect.number(reader);
    if (length > limit) throw violation(where, `${what} of ${length} bytes`);
    return fromUtf8(reader.view(length));
  },
  write: (writer, value) => writer.prefixed(utf8(value)),
});

export const reason: Field<string> = text(MAX_REASON, "a reason");
export const uri: Field<string> = text(MAX_URI, "a URI");
