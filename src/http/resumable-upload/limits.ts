/** Upload-Limit: what a server accepts. Sizes are in bytes, ages in seconds. */

import type { FieldSection } from "../field-section.ts";
import { dictionaryField } from "./structured.ts";

/** What a server accepts; absent members do not limit. */
export interface UploadLimits {
  /** Bytes of a whole upload. */
  readonly maxSize?: number | undefined;
  /** Bytes of a whole upload, below which it cannot be resumed. */
  readonly minSize?: number | undefined;
  /** Bytes of the content of one request. */
  readonly maxAppendSize?: number | undefined;
  /** Bytes of the content of one request, unless it completes the upload. */
  readonly minAppendSize?: number | undefined;
  /** Seconds that the upload will still exist. */
  readonly maxAge?: number | undefined;
}

/** `max-age` was called `expires` in interop version 6. */
export type AgeKey = "expires" | "max-age";

export function emitUploadLimit(limits: UploadLimits, ageKey: AgeKey): string {
  const members: string[] = [];
  const add = (key: string, value: number | undefined): void => {
    if (value !== undefined && Number.isFinite(value)) members.push(`${key}=${Math.floor(value)}`);
  };
  add("max-size", limits.maxSize);
  add("min-size", limits.minSize);
  add("max-append-size", limits.maxAppendSize);
  add("min-append-size", limits.minAppendSize);
  add(ageKey, limits.maxAge);
  // An empty Dictionary is no field at all (RFC 9651 §3.2), so a server without limits says so.
  return members.length === 0 ? "min-size=0" : members.join(", ");
}

/** Undefined if the field is absent, malformed, or has a known member of another type. */
export function parseUploadLimit(fields: FieldSection): UploadLimits | undefined {
  const members = dictionaryField(fields, "upload-limit");
  if (members === undefined) return undefined;
  const read = (key: string): number | undefined | "wrong" => {
    const value = members.get(key);
    if (value === undefined) return undefined;
    return typeof value === "number" && Number.isInteger(value) && value >= 0 ? value : "wrong";
  };
  const maxSize = read("max-size");
  const minSize = read("min-size");
  const maxAppendSize = read("max-append-size");
  const minAppendSize = read("min-append-size");
  const maxAge = read("max-age") ?? read("expires");
  for (const each of [maxSize, minSize, maxAppendSize, minAppendSize, maxAge]) if (each === "wrong") return undefined;
  return { maxSize, minSize, maxAppendSize, minAppendSize, maxAge } as UploadLimits;
}
