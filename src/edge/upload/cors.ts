/** Which pages of other origins may upload (the Fetch standard, CORS protocol). */

import type { FieldLine, FieldSection } from "../../http/index.ts";
import { fieldValue } from "../../http/index.ts";

const REQUEST_FIELDS = [
  "authorization",
  "content-type",
  "content-disposition",
  "content-digest",
  "repr-digest",
  "want-repr-digest",
  "tus-resumable",
  "upload-offset",
  "upload-length",
  "upload-complete",
  "upload-incomplete",
  "upload-draft-interop-version",
  "upload-metadata",
  "upload-defer-length",
  "upload-concat",
  "upload-checksum",
  "upload-token",
  "x-http-method-override",
  "x-request-id",
  "x-requested-with",
].join(", ");

const RESPONSE_FIELDS = [
  "location",
  "tus-resumable",
  "tus-version",
  "tus-extension",
  "tus-max-size",
  "tus-checksum-algorithm",
  "upload-offset",
  "upload-length",
  "upload-complete",
  "upload-incomplete",
  "upload-limit",
  "upload-draft-interop-version",
  "upload-metadata",
  "upload-defer-length",
  "upload-concat",
  "upload-expires",
  "repr-digest",
].join(", ");

/** The fields of a response to a page of another origin; none if it may not upload. */
export function corsFields(
  cors: boolean | ReadonlySet<string>,
  method: string,
  fields: FieldSection,
): readonly FieldLine[] {
  if (cors === false) return [];
  const origin = fieldValue(fields, "origin");
  const vary: FieldLine[] = cors === true ? [] : [["vary", "origin"]];
  if (origin === undefined || (cors !== true && !cors.has(origin))) return vary;
  const allowed: FieldLine[] = [...vary, ["access-control-allow-origin", cors === true ? "*" : origin]];
  if (method !== "OPTIONS") return [...allowed, ["access-control-expose-headers", RESPONSE_FIELDS]];
  return [
    ...allowed,
    ["access-control-allow-methods", "POST, PUT, HEAD, GET, PATCH, DELETE"],
    ["access-control-allow-headers", REQUEST_FIELDS],
    ["access-control-max-age", "86400"],
  ];
}
