/** Namespaces as paths: "live/room" is two fields. */

import type { Namespace } from "../../media/moq/model.ts";
import { fromLatin1, utf8 } from "../../wire/text.ts";

/** Of a namespace. */
const MAX_FIELDS = 32;

/** The fields of a path; slashes at its ends, and double ones, mean nothing. */
export const namespaceOf = (path: string): Namespace =>
  path
    .split("/")
    .filter((part) => part !== "")
    .map(utf8);

/** The namespace that a URL's path is; undefined if its escapes are malformed, or it has more than 32 fields. */
export function namespaceOfUrl(path: string): Namespace | undefined {
  try {
    const namespace = namespaceOf(path.split("?")[0]!).map((field) => utf8(decodeURIComponent(fromLatin1(field))));
    return namespace.length <= MAX_FIELDS ? namespace : undefined;
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}
