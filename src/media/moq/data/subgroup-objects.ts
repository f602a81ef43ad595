/** The objects of a subgroup's stream: each begins with the difference of its number to the one before. */

import type { Reader } from "../../../wire/reader.ts";
import { ByteWriter } from "../byte-writer.ts";
import { violation } from "../errors.ts";
import type { Dialect } from "../fields.ts";
import type { KeyValue } from "../model.ts";
import { type ObjectStatus, plus, readProperties, readStatus, writeProperties, writeStatus } from "./objects.ts";
import { emitSubgroupHeader, type SubgroupHeader } from "./subgroup-header.ts";

/** An object without its payload. */
export interface SubgroupObject {
  readonly object: number;
  readonly properties: readonly KeyValue[];
  readonly status: ObjectStatus;
  /** Bytes that follow. */
  readonly payloadLength: number;
}

/** Remembers the last number. */
export class SubgroupObjects {
  readonly #dialect: Dialect;
  readonly #header: SubgroupHeader;
  #last: number | undefined;

  constructor(header: SubgroupHeader, dialect: Dialect) {
    this.#header = header;
    this.#dialect = dialect;
  }

  /** Reads the next object up to its payload. Throws a `WireError` if bytes are missing, and changes nothing then. */
  read(reader: Reader): SubgroupObject {
    const where = "object of a subgroup";
    const delta = this.#dialect.number(reader);
    const object = this.#last === undefined ? delta : plus(this.#last + 1, delta, where);
    const properties = this.#header.hasProperties ? readProperties(reader, this.#dialect, where) : [];
    const payloadLength = this.#dialect.number(reader);
    const status = payloadLength === 0 ? readStatus(reader, this.#dialect, where) : "normal";
    if (status !== "normal" && properties.length > 0) throw violation(where, "properties of an object with a status");
    // Only now: an attempt that lacked bytes is repeated.
    this.#last = object;
    return { object, properties, status, payloadLength };
  }

  /** Objects must ascend; those of a subgroup without properties have none. */
  emit({ object, properties, status, payloadLength }: SubgroupObject): Uint8Array {
    const expected = this.#last === undefined ? 0 : this.#last + 1;
    if (object < expected) throw new RangeError(`object ${object} after object ${this.#last}`);
    if (properties.length > 0 && !this.#header.hasProperties) throw new RangeError("a subgroup without properties");
    this.#last = object;
    const writer = new ByteWriter(this.#dialect.integers);
    writer.integer(object - expected);
    if (this.#header.hasProperties) writeProperties(writer, properties, this.#dialect);
    writer.integer(payloadLength);
    if (payloadLength === 0) writeStatus(writer, status);
    return writer.finish();
  }
}

/** Writes a subgroup's stream: the header, and then each object's before its payload. */
export class SubgroupWriter {
  readonly #objects: SubgroupObjects;
  /** What the stream begins with. */
  readonly header: Uint8Array;

  constructor(header: SubgroupHeader, dialect: Dialect) {
    this.header = emitSubgroupHeader(header, dialect);
    this.#objects = new SubgroupObjects(header, dialect);
  }

  /** What stands before an object's payload. */
  object(object: SubgroupObject): Uint8Array {
    return this.#objects.emit(object);
  }
}
