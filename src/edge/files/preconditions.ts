/** Conditional requests (RFC 9110 §13), in the order of precedence of §13.2.2. */

import { parseHttpDate } from "../../http/index.ts";

/** The validators of a representation. */
export interface Validators {
  /** Includes the quotes, and W/ if weak. */
  readonly etag: string;
  /** Milliseconds, rounded to whole seconds as in an HTTP date. Undefined if the time is meaningless. */
  readonly lastModified: number | undefined;
  /** True if the date is a strong validator (RFC 9110 §8.8.2.2). */
  readonly strongDate: boolean;
}

export type Conditions = (name: string) => string | undefined;

/** The result of the preconditions of a GET or HEAD. `useRange` is false if `If-Range` disables the Range. */
export type Evaluation = { readonly status: 304 | 412 } | { readonly status: 200; readonly useRange: boolean };

/** `now`, in milliseconds since 1970, gives obsolete dates their century. */
export function evaluatePreconditions(field: Conditions, validators: Validators, now: number): Evaluation {
  const dateOf = (value: string | undefined): number | undefined =>
    value === undefined ? undefined : parseHttpDate(value.trim(), now);
  // RFC 9110 §13.1.3, §13.1.4: without a modification date, conditions on it are ignored.
  const { lastModified = Number.NaN } = validators;
  const ifMatch = field("if-match");
  const ifUnmodifiedSince = dateOf(field("if-unmodified-since"));
  if (ifMatch !== undefined) {
    if (!matches(ifMatch, validators.etag, strongEqual)) return { status: 412 };
  } else if (ifUnmodifiedSince !== undefined && lastModified > ifUnmodifiedSince) {
    return { status: 412 };
  }
  const ifNoneMatch = field("if-none-match");
  const ifModifiedSince = dateOf(field("if-modified-since"));
  if (ifNoneMatch !== undefined) {
    if (matches(ifNoneMatch, validators.etag, weakEqual)) return { status: 304 };
  } else if (ifModifiedSince !== undefined && lastModified <= ifModifiedSince) {
    return { status: 304 };
  }
  return { status: 200, useRange: allowsRange(field("if-range"), validators, dateOf) };
}

/** RFC 9110 §13.1.5: a strong match, or the identical date if that is strong. */
function allowsRange(
  ifRange: string | undefined,
  validators: Validators,
  dateOf: (value: string) => number | undefined,
): boolean {
  if (ifRange === undefined) return true;
  if (/^(?:W\/)?"/.test(ifRange)) return strongEqual(ifRange.trim(), validators.etag);
  const { strongDate, lastModified } = validators;
  return strongDate && lastModified !== undefined && dateOf(ifRange) === lastModified;
}

function matches(list: string, etag: string, equal: (a: string, b: string) => boolean): boolean {
  if (list.trim() === "*") return true;
  // A tag may contain commas, so the list cannot be split at commas (RFC 9110 §8.8.3).
  return (list.match(/(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g) ?? []).some((tag) => equal(tag, etag));
}

// RFC 9110 §8.8.3.2
const opaque = (tag: string): string => (tag.startsWith("W/") ? tag.slice(2) : tag);
const weakEqual = (a: string, b: string): boolean => opaque(a) === opaque(b);
const strongEqual = (a: string, b: string): boolean => !a.startsWith("W/") && a === b;
