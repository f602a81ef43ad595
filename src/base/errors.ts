/**
 * Errors are tables: a name, a number and a sentence. Invalid input from a peer becomes one `ProtocolError`, which
 * carries the code, its layer, and where (the frame, field or message) the error was found.
 */

export interface ErrorEntry {
  readonly code: number;
  readonly sentence: string;
}

export type ErrorTable<Name extends string = string> = { readonly [K in Name]: ErrorEntry };

/** A table from `{ FLOW_CONTROL_ERROR: [0x3, "received more data than was allowed"] }`. */
export function defineErrors<const T extends Record<string, readonly [number, string]>>(
  rows: T,
): { readonly [K in keyof T]: ErrorEntry } {
  const table: Record<string, ErrorEntry> = {};
  for (const [name, [code, sentence]] of Object.entries(rows)) table[name] = { code, sentence };
  return table as { readonly [K in keyof T]: ErrorEntry };
}

/** The name of a code, for people. */
export function errorName(table: ErrorTable, code: number): string | undefined {
  for (const name in table) if (table[name]!.code === code) return name;
  return undefined;
}

/** The number space of a `ProtocolError`'s code. */
export type ErrorLayer = "transport" | "application" | "tls" | "http" | "dns";

/** Malformed or forbidden input from a peer. Thrown by parsers and machines, caught by their driver. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  readonly layer: ErrorLayer;
  /** The number that goes on the wire. */
  readonly code: number;
  /** What was being read: a frame, message or field. */
  readonly where: string;

  constructor(layer: ErrorLayer, entry: ErrorEntry, where: string, detail?: string, options?: { cause?: unknown }) {
    super(`${where}: ${detail ?? entry.sentence}`, options);
    this.layer = layer;
    this.code = entry.code;
    this.where = where;
  }
}

/**
 * Thrown by `wire/` when input ends early or a field is malformed; the parser that knows the layer assigns the code.
 */
export class WireError extends Error {
  override readonly name = "WireError";
  readonly at: number;
  /** Bytes that were missing at least, if the input ended early; else 0. */
  readonly missing: number;

  constructor(what: string, at: number, missing = 0) {
    super(`${what} at byte ${at}`);
    this.at = at;
    this.missing = missing;
  }
}

/** Closes a switch over a union. */
export function assertNever(value: never): never {
  throw new TypeError(`unexpected ${JSON.stringify(value)}`);
}
