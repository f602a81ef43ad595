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

/** The URL of a session that is of one broadcast, as Warp has it: the name is the end of the path. A text that is no URL stays as it is. */
export function broadcastUrl(relay: string, name: string): string {
  if (!URL.canParse(relay)) return relay;
  const url = new URL(relay);
  const path = name
    .split("/")
    .filter((part) => part !== "")
    .map(encodeURIComponent)
    .join("/");
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/${path}`;
  return url.href;
}
