/**
 * Errors are tables: a name, a number and a sentence. Whatever a peer sends wrongly becomes one `ProtocolError`, which
 * says which code of which table, and where (the frame, field or message) the fault was seen.
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

/** The name a table gives to a code, for people. */
export function errorName(table: ErrorTable, code: number): string | undefined {
  for (const name in table) if (table[name]!.code === code) return name;
  return undefined;
}

/** In which layer's number space a `ProtocolError`'s code lies. */
export type ErrorLayer = "transport" | "application" | "tls" | "http";

/** What malformed or forbidden input from a peer becomes. Thrown by parsers and machines, caught by their driver. */
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

/** Thrown by `wire/` when bytes end too early or a field cannot be; the parser that knows the layer gives it a code. */
export class WireError extends Error {
  override readonly name = "WireError";
  readonly at: number;

  constructor(what: string, at: number) {
    super(`${what} at byte ${at}`);
    this.at = at;
  }
}

/** The end of a switch over a union. */
export function assertNever(value: never): never {
  throw new TypeError(`unexpected ${JSON.stringify(value)}`);
}
