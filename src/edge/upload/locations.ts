/** The URLs of uploads: below the path that created them, with the id as the last part. */

import type { UploadCall } from "./call.ts";

const ID = /^[0-9a-f]{32}$/;

const pathOf = (url: string): string => url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, "").split(/[?#]/)[0]!;

/** The id in a URL or path; undefined if it names no upload. */
export function idInPath(url: string): string | undefined {
  const last = pathOf(url).split("/").at(-1)!;
  return ID.test(last) ? last : undefined;
}

/** The place of uploads that a request created, or of the upload that it names. */
export function locationOf({ method, path }: Pick<UploadCall, "method" | "path">, id: string): string {
  const given = pathOf(path);
  // PUT names a file beside which the upload lies; POST names a collection.
  const isSibling = idInPath(given) !== undefined || (method === "PUT" && !given.endsWith("/"));
  const folder = given.endsWith("/") ? given : isSibling ? given.slice(0, given.lastIndexOf("/") + 1) : `${given}/`;
  return `${folder}${id}`;
}

/** The file name that a client such as curl puts at the end of the path. */
export function nameInPath({ method, path }: Pick<UploadCall, "method" | "path">): string | undefined {
  if (method !== "PUT") return undefined;
  const last = pathOf(path).split("/").at(-1)!;
  if (last === "") return undefined;
  try {
    return decodeURIComponent(last);
  } catch {
    return last;
  }
}
