/** Records and zone files in presentation format (RFC 1035 §5, RFC 2308 §4 for $TTL). */

import { PresentationError } from "./errors.ts";
import type { ResourceRecord } from "./message.ts";
import { parseRelativeName, ROOT } from "./name.ts";
import { parseData, printData } from "./record-text.ts";
import { className, classNumber, RECORD_CLASSES, typeName, typeNumber } from "./record-types.ts";
import { type Entry, entriesOf, type Token } from "./tokens.ts";

const MAX_TTL = 2 ** 31 - 1;

/** Parses a zone file. A `PresentationError` names the line. $INCLUDE is refused: there are no files here. */
export function parseZone(text: string, origin: string): ResourceRecord[] {
  const records: ResourceRecord[] = [];
  const state: ZoneState = { origin, ttl: undefined, lastTtl: undefined, owner: undefined };
  for (const entry of entriesOf(text)) {
    try {
      const record = readEntry(entry, state);
      if (record !== undefined) records.push(record);
    } catch (error) {
      if (!(error instanceof PresentationError)) throw error;
      throw new PresentationError(`line ${entry.line}: ${error.message}`, { cause: error });
    }
  }
  return records;
}

/** Parses one record, such as `example.com. 300 IN A 192.0.2.1`. Without an owner's name it is the origin's. */
export function parseRecord(text: string, origin = ROOT): ResourceRecord {
  const [record, extra] = parseZone(text, origin);
  if (record === undefined || extra !== undefined) throw new PresentationError("the text is not a single record");
  return record;
}

interface ZoneState {
  origin: string;
  /** Of $TTL. */
  ttl: number | undefined;
  lastTtl: number | undefined;
  owner: string | undefined;
}

function readEntry({ isIndented, tokens }: Entry, state: ZoneState): ResourceRecord | undefined {
  const rest = [...tokens];
  const directive = rest[0]!.text.toUpperCase();
  if (!isIndented && directive.startsWith("$")) {
    readDirective(directive, rest.slice(1), state);
    return undefined;
  }
  const owner = isIndented ? state.owner : parseRelativeName(rest.shift()!.text, state.origin);
  if (owner === undefined) throw new PresentationError("the first record has no owner's name");
  state.owner = owner;
  const { ttl, class: recordClass } = readTtlAndClass(rest);
  const word = rest.shift()?.text;
  const type = word === undefined ? undefined : typeNumber(word);
  if (type === undefined) throw new PresentationError(`${word ?? "nothing"} is not a record type`);
  const data = parseData(type, rest, state.origin);
  if (ttl !== undefined) state.lastTtl = ttl;
  // RFC 2308 §4: $TTL is the default; without it, RFC 1035 §5.1 repeats the last one.
  return { name: owner, type, class: recordClass, ttl: ttl ?? state.ttl ?? state.lastTtl ?? 0, data };
}

function readDirective(name: string, values: readonly Token[], state: ZoneState): void {
  const value = values[0]?.text ?? "";
  if (name === "$ORIGIN") state.origin = parseRelativeName(value, state.origin);
  else if (name === "$TTL") {
    const ttl = parseTtl(value);
    if (ttl === undefined) throw new PresentationError(`$TTL: ${value} is not a time to live`);
    state.ttl = ttl;
  } else throw new PresentationError(`${name} is not supported`);
}

/** RFC 1035 §5.1: both are optional, in either order. */
function readTtlAndClass(tokens: Token[]): { ttl: number | undefined; class: number } {
  let ttl: number | undefined;
  let recordClass: number | undefined;
  for (let i = 0; i < 2; i += 1) {
    const text = tokens[0]?.text ?? "";
    // ANY is a type here, and TYPE123 not a class.
    const asClass = typeNumber(text) === undefined ? classNumber(text) : undefined;
    if (ttl === undefined && parseTtl(text) !== undefined) ttl = parseTtl(text);
    else if (recordClass === undefined && asClass !== undefined) recordClass = asClass;
    else break;
    tokens.shift();
  }
  return { ttl, class: recordClass ?? RECORD_CLASSES.IN };
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 };

/** Seconds, or BIND's `1h30m`. */
function parseTtl(text: string): number | undefined {
  const parts = /^\d+$/.test(text) ? [text] : /^(\d+[smhdw])+$/i.test(text) ? text.match(/\d+[a-z]/gi)! : undefined;
  if (parts === undefined) return undefined;
  const total = parts.reduce((sum, part) => {
    return sum + Number.parseInt(part, 10) * (UNITS[part.at(-1)!.toLowerCase()] ?? 1);
  }, 0);
  if (total > MAX_TTL) throw new PresentationError(`${text} is longer than a time to live may be`);
  return total;
}

/** A record as one line. */
export function printRecord({ name, type, class: recordClass, ttl, data }: ResourceRecord): string {
  return `${name}\t${ttl}\t${className(recordClass)}\t${typeName(type)}\t${printData(data)}`;
}
