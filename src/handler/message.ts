/** The messages of fetch handlers and of Node's: their fields, read and added to in the same way. */

import type { FieldLine } from "../http/index.ts";

/** A request or a response with fields: a Request, a Response, Headers, or Node's IncomingMessage. */
export type FieldSource =
  | Headers
  | { readonly headers: Headers | Readonly<Record<string, string | readonly string[] | undefined>> };

/** A response that takes fields: a Response, Headers, or Node's ServerResponse. */
export type FieldTarget = Response | Headers | NodeResponse;

/** What is needed of Node's ServerResponse. */
export interface NodeResponse {
  /** A field's value, or the values of its lines. */
  getHeader(name: string): number | string | readonly string[] | undefined;
  /** Sets a field. */
  setHeader(name: string, value: string | string[]): unknown;
}

const headersOf = (source: FieldSource): Headers | Readonly<Record<string, string | readonly string[] | undefined>> =>
  "headers" in source ? source.headers : source;

/** The lines of one field. Those of Headers arrive as one, combined. */
export function valuesOf(source: FieldSource, name: string): string[] {
  const headers = headersOf(source);
  const value =
    typeof headers.get === "function" ? (headers as Headers).get(name) : (headers as Record<string, string>)[name];
  if (value === null || value === undefined) return [];
  return typeof value === "string" ? [value] : [...(value as readonly string[])];
}

/** The lines of some fields. */
export const linesOf = (source: FieldSource, names: readonly string[]): FieldLine[] =>
  names.flatMap((name) => valuesOf(source, name).map((value): FieldLine => [name, value]));

/** Adds lines. Fields of a single value replace those that are there. Throws a TypeError for a Response that `fetch` returned. */
export function addFields(target: FieldTarget, lines: Iterable<FieldLine>, single: ReadonlySet<string>): void {
  if ("setHeader" in target) {
    for (const [name, value] of lines) {
      const before = single.has(name) ? undefined : target.getHeader(name);
      target.setHeader(name, before === undefined ? value : [before, value].flat().map(String));
    }
    return;
  }
  const headers = "headers" in target ? target.headers : target;
  for (const [name, value] of lines) {
    if (single.has(name)) headers.set(name, value);
    else headers.append(name, value);
  }
}
