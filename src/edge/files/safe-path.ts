/** Maps a request path to a path below a folder, and never outside of it. */

export type SafePath =
  | { readonly ok: true; readonly segments: readonly string[]; readonly trailingSlash: boolean; readonly query: string }
  /** 400: not a valid path. 404: a path that is never served. */
  | { readonly ok: false; readonly status: 400 | 404 };

const BAD: SafePath = { ok: false, status: 400 };
const HIDDEN: SafePath = { ok: false, status: 404 };

/**
 * Splits before decoding, so that an encoded slash cannot separate segments. Refuses anything that a file system may
 * treat as other than a name (`..`, NUL, `\`, a drive or stream such as `c:`), and names with a leading dot, which are
 * not meant to be public. The only exception is /.well-known/ (RFC 8615).
 */
export function parsePath(target: string, platform: string = process.platform): SafePath {
  const end = target.search(/[?#]/);
  const path = end === -1 ? target : target.slice(0, end);
  const query = end === -1 || target[end] === "#" ? "" : target.slice(end);
  if (!path.startsWith("/")) return BAD;
  const segments: string[] = [];
  // On other platforms a colon is an ordinary character.
  const forbidden = platform === "win32" ? /[/\\:]/ : /[/\\]/;
  for (const raw of path.slice(1).split("/")) {
    if (raw === "") continue;
    let segment: string;
    try {
      segment = raw.includes("%") ? decodeURIComponent(raw) : raw;
    } catch {
      return BAD; // not percent-encoded UTF-8
    }
    if (segment.includes("\0")) return BAD;
    if (forbidden.test(segment)) return HIDDEN;
    if (segment.startsWith(".") && !(segments.length === 0 && segment === ".well-known")) return HIDDEN;
    segments.push(segment);
  }
  return { ok: true, segments, trailingSlash: path.endsWith("/"), query };
}

/** The path of a folder for a redirect. It never starts with two slashes, which would name a host. */
export const folderPath = (segments: readonly string[], query: string): string =>
  `/${segments.map((segment) => `${encodeURIComponent(segment)}/`).join("")}${query}`;
