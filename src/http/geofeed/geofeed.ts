/** A self-published geofeed (RFC 8805): reads it as a stream, reports what is wrong in which line, and looks addresses up. */

import { formatIpAddress, parseIpAddress } from "../../wire/ip-address.ts";
import { GEOFEED_FINDINGS, type GeofeedFinding, type GeofeedFindingCode } from "./findings.ts";
import { FeedLines } from "./lines.ts";
import { type GeoLocation, isUnassigned, type LocationProblem, locationOf } from "./location.ts";
import { isPrivate, PrefixParser } from "./prefix.ts";
import { NONE, PrefixTable } from "./table.ts";

/** Findings that are kept; further ones are counted. */
const MAX_FINDINGS = 1_000;
/** Entries that are kept, by default. About 34 bytes each. */
const DEFAULT_MAX_ENTRIES = 4_000_000;
/** Different locations that are kept, and characters of them. */
const MAX_LOCATIONS = 1_000_000;
const MAX_LOCATION_TEXT = 32 * 2 ** 20;

/** An entry that contains an address. */
export interface GeofeedEntry {
  /** Such as "192.0.2.0/24". */
  readonly prefix: string;
  readonly location: GeoLocation;
  /** Counts from 1. */
  readonly line: number;
}

/** What a feed consists of. */
export interface GeofeedSummary {
  readonly lines: number;
  /** Entries that can be used. */
  readonly entries: number;
  readonly errors: number;
  readonly warnings: number;
  /** The first 1,000, in the order of lines; duplicates come last. */
  readonly findings: readonly GeofeedFinding[];
}

/** Limits of a reader. */
export interface GeofeedOptions {
  /** Entries that are kept; the lines after them are checked alone. 4,000,000 by default. */
  readonly maxEntries?: number | undefined;
}

/** Takes the bytes of a feed, and makes a `Geofeed` of them. */
export class GeofeedReader {
  readonly #lines: FeedLines;
  readonly #maxEntries: number;
  readonly #parser = new PrefixParser();
  readonly #tables = { 4: new PrefixTable(1), 6: new PrefixTable(4) } as const;
  readonly #locations: GeoLocation[] = [];
  /** By the rest of their lines. */
  readonly #known = new Map<string, KnownLocation>();
  readonly #findings: GeofeedFinding[] = [];
  #errors = 0;
  #warnings = 0;
  #locationText = 0;
  #isFull = false;

  constructor({ maxEntries = DEFAULT_MAX_ENTRIES }: GeofeedOptions = {}) {
    this.#maxEntries = maxEntries;
    this.#lines = new FeedLines({
      line: (text, number, isUtf8) => this.#readLine(text, number, isUtf8),
      tooLong: (number) => this.#report(number, "line-length", "the line"),
    });
  }

  /** Takes the next bytes. */
  write(chunk: Uint8Array): void {
    this.#lines.write(chunk);
  }

  /** The feed has ended. */
  end(): Geofeed {
    this.#lines.end();
    // RFC 8805 §2.1.2: duplicates are errors.
    for (const table of Object.values(this.#tables)) {
      table.sort((line, first) => this.#report(line, "duplicate", "the line", `line ${first} has it, too`));
    }
    const entries = this.#tables[4].size + this.#tables[6].size;
    return new Geofeed(this.#tables, this.#locations, {
      lines: this.#lines.count,
      entries,
      errors: this.#errors,
      warnings: this.#warnings,
      findings: this.#findings,
    });
  }

  #readLine(given: string, line: number, isUtf8: boolean): void {
    const hash = given.indexOf("#");
    const text = hash < 0 ? given : given.slice(0, hash);
    if (!isUtf8) this.#report(line, "encoding", "the line");
    const comma = text.indexOf(",");
    const head = (comma < 0 ? text : text.slice(0, comma)).trim();
    if (comma < 0 && head === "") return;
    if (head.startsWith('"')) {
      this.#readQuoted(text, line, isUtf8);
      return;
    }
    this.#readEntry(head, comma < 0 ? "" : text.slice(comma + 1), comma >= 0, line, isUtf8);
  }

  /** RFC 4180: the syntax allows a prefix in quotes, although no prefix needs them. */
  #readQuoted(text: string, line: number, isUtf8: boolean): void {
    const match = /^\s*"([^"]*)"\s*(?:,(.*))?$/.exec(text);
    if (match === null) this.#report(line, "quotes", "the line");
    else this.#readEntry(match[1]!.trim(), match[2] ?? "", match[2] !== undefined, line, isUtf8);
  }

  #readEntry(head: string, rest: string, hasRest: boolean, line: number, isUtf8: boolean): void {
    const parser = this.#parser;
    const problem = parser.parse(head);
    let isUsable = isUtf8;
    if (problem !== undefined) {
      isUsable = false;
      if (problem === "missing") this.#report(line, "prefix-missing", "the line");
      else this.#report(line, problem === "address" ? "prefix-invalid" : "prefix-length", quote(head));
    } else if (parser.hasHostBits) {
      isUsable = false;
      this.#report(line, "host-bits", quote(head));
    } else if (isPrivate(parser.version, parser.words)) {
      isUsable = false;
      this.#report(line, "private", quote(head));
    }
    const { location, problems } = this.#locationOf(hasRest ? rest : undefined);
    for (const [code, subject] of problems) this.#report(line, code, subject);
    if (location === NONE || !isUsable || this.#isFull) return;
    if (location === FULL || this.#tables[4].size + this.#tables[6].size >= this.#maxEntries) {
      this.#report(line, "limit", "the line");
      this.#isFull = true;
      return;
    }
    this.#tables[parser.version].add(parser.words, parser.length, location, line);
  }

  /** What follows the prefix. Feeds repeat it, so each text is read once. */
  #locationOf(rest: string | undefined): KnownLocation {
    const key = rest ?? NO_FIELDS;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const isKept =
      !this.#isFull && this.#known.size < MAX_LOCATIONS && this.#locationText + key.length <= MAX_LOCATION_TEXT;
    // A copy: a part of a text would keep the whole text in memory.
    const own = isKept ? (JSON.parse(JSON.stringify(key)) as string) : key;
    const problems: LocationProblems = [];
    const location = readLocation(rest === undefined ? undefined : own, problems);
    if (!isKept) return { location: location === undefined ? NONE : FULL, problems };
    const index = location === undefined ? NONE : this.#locations.push(location) - 1;
    const found = { location: index, problems: problems.length === 0 ? NO_PROBLEMS : problems };
    this.#known.set(own, found);
    this.#locationText += own.length;
    return found;
  }

  #report(line: number, code: GeofeedFindingCode, subject: string, more?: string): void {
    const [severity, text] = GEOFEED_FINDINGS[code];
    if (severity === "error") this.#errors += 1;
    else this.#warnings += 1;
    if (this.#findings.length >= MAX_FINDINGS) return;
    const message = code === "prefix-missing" ? text : `${subject} ${text}`;
    this.#findings.push({ line, severity, code, message: more === undefined ? message : `${message}; ${more}` });
  }
}

type LocationProblems = [code: GeofeedFindingCode, subject: string][];

const NO_PROBLEMS: LocationProblems = [];

interface KnownLocation {
  /** The index of the location, NONE if it cannot be used, or FULL. */
  readonly location: number;
  readonly problems: Readonly<LocationProblems>;
}

/** There are more different locations than are kept. */
const FULL = -2;
/** The key of a line that is a prefix alone. */
const NO_FIELDS = "\n";

/** Undefined for fields that cannot be used. */
function readLocation(rest: string | undefined, problems: LocationProblems): GeoLocation | undefined {
  const fields = rest === undefined ? [] : splitCsv(rest);
  if (fields === undefined) {
    problems.push(["quotes", "the line"]);
    return undefined;
  }
  const [country = "", region = "", city = "", postal = ""] = fields;
  // RFC 8805 §2.1.1: further fields are ignored.
  if (fields.length !== 4) problems.push(["field-count", "the line"]);
  if (postal !== "") problems.push(["postal-code", "the line"]);
  const wrong: LocationProblem[] = [];
  const location = locationOf(country, region, city, wrong);
  for (const each of wrong) {
    if (each === "country") problems.push(["country", quote(country)]);
    else if (each === "city") problems.push(["city", quote(city)]);
    else problems.push([each === "region" ? "region" : "region-country", quote(region)]);
  }
  if (wrong.length === 0 && isUnassigned(location)) problems.push(["unassigned", quote(country)]);
  // RFC 8805 §2.1.2: an entry with an optional field that does not parse is discarded.
  return wrong.length > 0 ? undefined : location;
}

/** Fields after the prefix, trimmed; undefined for quotes without an end. */
function splitCsv(text: string): string[] | undefined {
  if (!text.includes('"')) return text.split(",").map((field) => field.trim());
  const fields: string[] = [];
  // RFC 4180 §2: quotes in a quoted field are doubled.
  const field = /\s*(?:"((?:[^"]|"")*)"|([^",]*))\s*(,|$)/y;
  for (;;) {
    const match = field.exec(text);
    if (match === null) return undefined;
    fields.push((match[1]?.replaceAll('""', '"') ?? match[2]!).trim());
    if (match[3] === "") return fields;
  }
}

/** Characters of a field that a message shows. */
const MAX_SHOWN = 60;
const quote = (text: string): string => JSON.stringify(text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text);

/** A feed that was read. */
export class Geofeed {
  /** What it consists of, and what is wrong with it. */
  readonly summary: GeofeedSummary;
  readonly #tables: Readonly<Record<4 | 6, PrefixTable>>;
  readonly #locations: readonly GeoLocation[];
  readonly #words = new Uint32Array(4);

  constructor(
    tables: Readonly<Record<4 | 6, PrefixTable>>,
    locations: readonly GeoLocation[],
    summary: GeofeedSummary,
  ) {
    this.#tables = tables;
    this.#locations = locations;
    this.summary = summary;
  }

  /** Reads a whole feed: bytes in UTF-8. */
  static parse(feed: Uint8Array, options?: GeofeedOptions): Geofeed {
    const reader = new GeofeedReader(options);
    reader.write(feed);
    return reader.end();
  }

  /** The entry with the longest prefix that contains an address (RFC 8805 §2.1.2); undefined without one. */
  lookup(address: string): GeofeedEntry | undefined {
    const bytes = parseIpAddress(address);
    const found = bytes === undefined ? undefined : this.#find(bytes);
    if (found === undefined) return undefined;
    const { words, length, value, line } = found.table.at(found.index);
    const start = new Uint8Array(words.flatMap((word) => [word >>> 24, word >>> 16, word >>> 8, word]));
    return { prefix: `${formatIpAddress(start)}/${length}`, location: this.#locations[value]!, line };
  }

  /** The location of an address of 4 or 16 bytes, without allocating; undefined if no prefix contains it. */
  locate(bytes: Uint8Array): GeoLocation | undefined {
    const found = this.#find(bytes);
    return found === undefined ? undefined : this.#locations[found.table.valueAt(found.index)];
  }

  #find(bytes: Uint8Array): { readonly table: PrefixTable; readonly index: number } | undefined {
    const words = this.#words;
    const mapped = bytes.byteLength === 16 && isMapped(bytes) ? 12 : 0;
    const width = (bytes.byteLength - mapped) / 4;
    for (let word = 0; word < width; word += 1) {
      const at = mapped + 4 * word;
      words[word] = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
    }
    const table = this.#tables[width === 1 ? 4 : 6];
    const index = table.find(words);
    return index === NONE ? undefined : { table, index };
  }
}

/** RFC 4291 §2.5.5.2: an IPv4 address, as sockets for both versions show it. */
function isMapped(bytes: Uint8Array): boolean {
  for (let i = 0; i < 10; i += 1) if (bytes[i] !== 0) return false;
  return bytes[10] === 0xff && bytes[11] === 0xff;
}
