/** Options of the setup messages (§10.3.1 of draft 18). */

import { Reader } from "../../wire/reader.ts";
import { fromUtf8, utf8 } from "../../wire/text.ts";
import { ByteWriter } from "./byte-writer.ts";
import { violation } from "./errors.ts";
import type { Dialect, Field } from "./fields.ts";
import { compareTypes, readKeyValues, writeKeyValues } from "./key-values.ts";
import type { KeyValue, SetupOptions, Token } from "./model.ts";
import { readToken, writeToken } from "./tokens.ts";

const PATH = 0x01;
const MAX_REQUEST_ID = 0x02;
const TOKEN = 0x03;
const MAX_TOKEN_CACHE = 0x04;
const AUTHORITY = 0x05;
const MAX_FILTER_RANGES = 0x06;
const IMPLEMENTATION = 0x07;
const MAX_REQUEST_UPDATES = 0x08;

/** Options of a setup, known and unknown. */
const MAX_OPTIONS = 256;

export const setupOptions: Field<SetupOptions> = {
  read(reader, dialect, where) {
    const count = dialect.has("hasCountedOptions") ? dialect.number(reader) : MAX_OPTIONS + 1;
    const pairs = readKeyValues(reader, dialect, where, Math.min(count, MAX_OPTIONS + 1));
    if (pairs.length > MAX_OPTIONS) throw violation(where, `more than ${MAX_OPTIONS} options`);
    if (dialect.has("hasCountedOptions") && pairs.length < count)
      throw violation(where, "fewer options than announced");
    return optionsOf(pairs, dialect, where);
  },
  write(writer, options, dialect) {
    const pairs = pairsOf(options, dialect);
    if (dialect.has("hasCountedOptions")) writer.integer(pairs.length);
    writeKeyValues(writer, pairs, dialect);
  },
};

/** What each known option is called, in drafts that have it. */
function nameOf(type: KeyValue["type"], dialect: Dialect): keyof SetupOptions | undefined {
  switch (type) {
    case PATH:
      return "path";
    case AUTHORITY:
      return "authority";
    case TOKEN:
      return "tokens";
    case MAX_TOKEN_CACHE:
      return "maxTokenCache";
    case IMPLEMENTATION:
      return "implementation";
    case MAX_REQUEST_ID:
      return dialect.has("hasRequestLimit") ? "maxRequestId" : undefined;
    case MAX_FILTER_RANGES:
      return dialect.draft >= 20 ? "maxFilterRanges" : undefined;
    case MAX_REQUEST_UPDATES:
      return dialect.draft >= 20 ? "maxRequestUpdates" : undefined;
    default:
      return undefined;
  }
}

function optionsOf(pairs: readonly KeyValue[], dialect: Dialect, where: string): SetupOptions {
  const options: Record<string, unknown> = {};
  const tokens: Token[] = [];
  const others: KeyValue[] = [];
  for (const pair of pairs) {
    const { type, value } = pair;
    const name = nameOf(type, dialect);
    if (name === undefined) {
      others.push(pair);
    } else if (name === "tokens") {
      tokens.push(readToken(new Reader(value as Uint8Array), dialect, where));
    } else {
      // Unknown options may repeat, known ones may not.
      if (options[name] !== undefined) throw violation(where, `the option ${name} twice`);
      if (typeof value === "object" && !(value instanceof Uint8Array))
        throw violation(where, `the option ${name} is too large`);
      options[name] = value instanceof Uint8Array ? fromUtf8(value) : value;
    }
  }
  return { ...options, ...(tokens.length > 0 ? { tokens } : {}), ...(others.length > 0 ? { others } : {}) };
}

function pairsOf(options: SetupOptions, dialect: Dialect): KeyValue[] {
  const pairs: KeyValue[] = [...(options.others ?? [])];
  const add = (type: number, value: string | number | undefined): void => {
    if (value === undefined || nameOf(type, dialect) === undefined) return;
    pairs.push({ type, value: typeof value === "string" ? utf8(value) : value });
  };
  add(PATH, options.path);
  add(MAX_REQUEST_ID, options.maxRequestId);
  add(MAX_TOKEN_CACHE, options.maxTokenCache);
  add(AUTHORITY, options.authority);
  add(MAX_FILTER_RANGES, options.maxFilterRanges);
  add(IMPLEMENTATION, options.implementation);
  add(MAX_REQUEST_UPDATES, options.maxRequestUpdates);
  for (const token of options.tokens ?? []) {
    const writer = new ByteWriter(dialect.integers);
    writeToken(writer, token);
    pairs.push({ type: TOKEN, value: writer.finish().slice() });
  }
  return pairs.sort((a, b) => compareTypes(a.type, b.type));
}
