/** Message parameters (§10.2 of draft 18): one table for all drafts. */

import { Reader } from "../../wire/reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { violation } from "./errors.ts";
import { type Dialect, type Field, flag, groupOrder, location, namespace, number, uint8 } from "./fields.ts";
import { RANGE_FILTERS, readFilter, readRangeFilter, writeFilter, writeRangeFilter } from "./filters.ts";
import { TypeSequence } from "./key-values.ts";
import type { Filter, Parameters, RangeFilter, Token } from "./model.ts";
import { readToken, writeToken } from "./tokens.ts";

type Mutable = { -readonly [Key in keyof Parameters]: Parameters[Key] };

/** Drafts in which a parameter exists; `from` the first one. */
interface Row<T> {
  readonly name: keyof Parameters;
  readonly type: number;
  readonly field: Field<T>;
  /** True if its length comes first in drafts in which the type says how a value is written. */
  readonly isPrefixed: boolean;
  readonly from: number;
  readonly until: number;
}

const NEWEST = Number.MAX_SAFE_INTEGER;

function row<T>(
  name: keyof Parameters,
  type: number,
  field: Field<T>,
  { isPrefixed = false, from = 16, until = NEWEST }: Partial<Pick<Row<T>, "isPrefixed" | "from" | "until">> = {},
): Row<unknown> {
  return { name, type, field: field as unknown as Field<unknown>, isPrefixed, from, until };
}

const filter: Field<Filter> = {
  read: readFilter,
  write: (writer, value, dialect) => writeFilter(writer, value, dialect),
};

const fill: Field<Parameters> = {
  read: (reader, dialect, where) => readParameters(reader, dialect, `${where} fill`, IN_FILL),
  write: (writer, value, dialect) => writeParameters(writer, value, dialect),
};

/** What may be in FILL_PARAMETERS. */
const IN_FILL: ReadonlySet<number> = new Set([0x0a, 0x20, 0x21, 0x22, 0x25, 0x26, 0x27, 0x28]);

const ROWS: readonly Row<unknown>[] = [
  row("objectDeliveryTimeout", 0x02, number, { from: 14 }),
  row("maxCacheDuration", 0x04, number, { from: 14, until: 14 }),
  row("rendezvousTimeout", 0x04, number, { from: 18 }),
  row("subgroupDeliveryTimeout", 0x06, number, { from: 18 }),
  row("expires", 0x08, number),
  row("largest", 0x09, location),
  row("fillTimeout", 0x0a, number, { from: 18 }),
  row("forward", 0x10, flag),
  row("priority", 0x20, uint8),
  row("filter", 0x21, filter, { isPrefixed: true }),
  row("groupOrder", 0x22, groupOrder),
  row("fill", 0x23, fill, { isPrefixed: true, from: 20 }),
  row("newGroup", 0x32, number),
  row("namespacePrefix", 0x34, namespace, { from: 18 }),
  row("includeProperties", 0x35, flag, { from: 20 }),
];

const TOKEN = 0x03;
const FIRST_RANGE_DRAFT = 20;
/** More would be a flood: each may be a lookup. */
const MAX_TOKENS = 64;
const MAX_RANGE_FILTERS = 64;

const isIn = ({ from, until }: Row<unknown>, { draft }: Dialect): boolean => draft >= from && draft <= until;

/** A count, and so many parameters. `allowed` are the types that may be there; all by default. */
export function readParameters(
  reader: Reader,
  dialect: Dialect,
  where: string,
  allowed?: ReadonlySet<number>,
): Parameters {
  const parameters: Mutable = {};
  const tokens: Token[] = [];
  const ranges: RangeFilter[] = [];
  const types = new TypeSequence(dialect);
  for (let left = dialect.number(reader); left > 0; left -= 1) {
    const type = types.read(reader, where);
    if (typeof type !== "number" || allowed?.has(type) === false)
      throw violation(where, "a parameter that may not be there");
    if (type === TOKEN) {
      if (tokens.length === MAX_TOKENS) throw violation(where, `more than ${MAX_TOKENS} tokens`);
      tokens.push(readToken(reader.sub(dialect.number(reader)), dialect, where));
      continue;
    }
    const of = dialect.draft < FIRST_RANGE_DRAFT ? undefined : RANGE_FILTERS.get(type);
    if (of !== undefined) {
      if (ranges.length === MAX_RANGE_FILTERS) throw violation(where, `more than ${MAX_RANGE_FILTERS} range filters`);
      ranges.push(readRangeFilter(reader.sub(dialect.number(reader)), of, dialect, where));
      continue;
    }
    const known = ROWS.find((each) => each.type === type && isIn(each, dialect));
    if (known === undefined) {
      // Draft 14 ignores what it does not know; later nobody sends it.
      if (!dialect.has("hasInlineParameters")) throw violation(where, `an unknown parameter of type ${type}`);
      skipPair(reader, type, dialect);
      continue;
    }
    if (parameters[known.name] !== undefined) throw violation(where, `the parameter ${known.name} twice`);
    (parameters as Record<string, unknown>)[known.name] = readValue(reader, known, dialect, where);
  }
  if (tokens.length > 0) parameters.tokens = tokens;
  if (ranges.length > 0) parameters.rangeFilters = ranges;
  return parameters;
}

function skipPair(reader: Reader, type: number, dialect: Dialect): void {
  if (type % 2 === 0) dialect.integer(reader);
  else reader.skip(dialect.number(reader));
}

function readValue(
  reader: Reader,
  { type, field, isPrefixed }: Row<unknown>,
  dialect: Dialect,
  where: string,
): unknown {
  const isPair = dialect.has("hasParametersAsPairs");
  if (isPair && type % 2 === 0) {
    // A number, which has to fit into the field.
    const value = dialect.number(reader);
    if (field === (number as Field<unknown>)) return value;
    if (value > 255) throw violation(where, `a value of ${value} for parameter ${type}`);
    return field.read(new Reader(Uint8Array.of(value)), dialect, where);
  }
  if (!isPair && !isPrefixed) return field.read(reader, dialect, where);
  const inner = reader.sub(dialect.number(reader));
  const value = field.read(inner, dialect, where);
  if (!inner.isAtEnd) throw violation(where, `${inner.remaining} bytes too many in parameter ${type}`);
  return value;
}

/** What a draft does not have is left out. */
export function writeParameters(writer: ByteWriter, parameters: Parameters, dialect: Dialect): void {
  const parts: { readonly type: number; readonly write: (writer: ByteWriter) => void }[] = [];
  for (const each of ROWS) {
    const value = parameters[each.name];
    if (value !== undefined && isIn(each, dialect)) {
      parts.push({ type: each.type, write: (inner) => writeValue(inner, each, value, dialect) });
    }
  }
  for (const token of parameters.tokens ?? []) {
    parts.push({ type: TOKEN, write: (outer) => outer.measured((inner) => writeToken(inner, token)) });
  }
  if (dialect.draft >= FIRST_RANGE_DRAFT) {
    for (const each of parameters.rangeFilters ?? []) {
      const type = [...RANGE_FILTERS].find(([, of]) => of === each.of)![0];
      parts.push({ type, write: (outer) => outer.measured((inner) => writeRangeFilter(inner, each)) });
    }
  }
  parts.sort((a, b) => a.type - b.type);
  writer.integer(parts.length);
  const types = new TypeSequence(dialect);
  for (const { type, write } of parts) {
    types.write(writer, type);
    write(writer);
  }
}

function writeValue(
  writer: ByteWriter,
  { type, field, isPrefixed }: Row<unknown>,
  value: unknown,
  dialect: Dialect,
): void {
  const isPair = dialect.has("hasParametersAsPairs");
  if (isPair && type % 2 === 0) {
    if (field === (number as Field<unknown>)) {
      writer.integer(value as number);
      return;
    }
    const inner = new ByteWriter(dialect.integers);
    field.write(inner, value, dialect);
    writer.integer(inner.finish()[0]!);
    return;
  }
  if (!isPair && !isPrefixed) field.write(writer, value, dialect);
  else writer.measured((inner) => field.write(inner, value, dialect));
}
