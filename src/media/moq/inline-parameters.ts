/** Draft 14: fields of messages that became parameters. Each reads into `Parameters`, and ends with the list of the others. */

import type { Reader } from "../../wire/reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { violation } from "./errors.ts";
import { type Dialect, type Field, flag, location, uint8 } from "./fields.ts";
import { readFilter, writeFilter } from "./filters.ts";
import type { Filter, Parameters } from "./model.ts";
import { readParameters, writeParameters } from "./parameters.ts";

type Part = Field<Parameters>;

const DEFAULT_PRIORITY = 128;

/** 0 is the order of the original publisher. */
export const order: Part = {
  read(reader, _, where) {
    const value = reader.uint8();
    if (value > 2) throw violation(where, `a group order of ${value}`);
    return value === 0 ? {} : { groupOrder: value === 1 ? "ascending" : "descending" };
  },
  write(writer, { groupOrder }) {
    writer.uint8(groupOrder === undefined ? 0 : groupOrder === "ascending" ? 1 : 2);
  },
};

export const priority: Part = {
  read: (reader, dialect, where) => ({ priority: uint8.read(reader, dialect, where) }),
  write: (writer, parameters) => writer.uint8(parameters.priority ?? DEFAULT_PRIORITY),
};

const forward: Part = {
  read: (reader, dialect, where) => ({ forward: flag.read(reader, dialect, where) }),
  write: (writer, parameters, dialect) => flag.write(writer, parameters.forward ?? true, dialect),
};

const filter: Part = {
  read: (reader, dialect, where) => ({ filter: readFilter(reader, dialect, where) }),
  write: (writer, parameters, dialect) => writeFilter(writer, parameters.filter ?? { type: "all" }, dialect),
};

/** 0 if it does not expire. */
const expires: Part = {
  read(reader, dialect) {
    const value = dialect.number(reader);
    return value === 0 ? {} : { expires: value };
  },
  write: (writer, parameters) => writer.integer(parameters.expires ?? 0),
};

const largest: Part = {
  read: (reader, dialect, where) =>
    flag.read(reader, dialect, where) ? { largest: location.read(reader, dialect, where) } : {},
  write(writer, parameters, dialect) {
    flag.write(writer, parameters.largest !== undefined, dialect);
    if (parameters.largest !== undefined) location.write(writer, parameters.largest, dialect);
  },
};

/** SUBSCRIBE_UPDATE: a start, and the last group plus 1, or 0. */
const bounds: Part = {
  read(reader, dialect, where) {
    const start = location.read(reader, dialect, where);
    const end = dialect.number(reader);
    if (end !== 0 && end - 1 < start.group) throw violation(where, `a filter from group ${start.group} to ${end - 1}`);
    return { filter: end === 0 ? { type: "start", start } : { type: "range", start, endGroup: end - 1 } };
  },
  write(writer, parameters, dialect) {
    const { start, end } = boundsOf(parameters.filter);
    location.write(writer, start, dialect);
    writer.integer(end);
  },
};

function boundsOf(value: Filter | undefined): { start: { group: number; object: number }; end: number } {
  if (value?.type === "range") return { start: value.start, end: value.endGroup + 1 };
  return { start: value?.type === "start" ? value.start : { group: 0, object: 0 }, end: 0 };
}

const others: Part = {
  read: readParameters,
  write: (writer, parameters, dialect) => writeParameters(writer, parameters, dialect),
};

function joined(...parts: readonly Part[]): Part {
  return {
    read(reader: Reader, dialect: Dialect, where: string) {
      let parameters: Parameters = {};
      for (const part of parts) parameters = { ...parameters, ...part.read(reader, dialect, where) };
      return parameters;
    },
    write(writer: ByteWriter, value: Parameters, dialect: Dialect) {
      for (const part of parts) part.write(writer, value, dialect);
    },
  };
}

export const INLINE = {
  subscribe: joined(priority, order, forward, filter, others),
  subscribeOk: joined(expires, order, largest, others),
  update: joined(bounds, priority, forward, others),
  publish: joined(order, largest, forward, others),
  publishOk: joined(forward, priority, order, filter, others),
} as const;
