/** What a client asks of a jar. The jar decides; nothing of it is loaded until a program makes one. */

import type { CookieContext, SetOutcome } from "../../agent/cookies/index.ts";

/** `CookieJar` is one. */
export interface ClientCookies {
  /** The value of the field `cookie`; undefined if there is none. */
  header(url: URL, context: CookieContext): string | undefined;
  /** Handles one Set-Cookie line of a response. */
  set(line: string, url: URL, context: CookieContext): SetOutcome;
  /** Handles the field Clear-Site-Data of a response. A jar without it keeps its cookies. */
  clearSiteData?(value: string, url: URL, context: CookieContext): number;
}

/** Gives a jar what a response says about cookies. */
export function storeCookies(
  cookies: ClientCookies,
  fields: readonly (readonly [name: string, value: string])[],
  url: URL,
  context: CookieContext,
): void {
  const clearing: string[] = [];
  for (const [name, value] of fields) {
    if (name.toLowerCase() === "set-cookie") cookies.set(value, url, context);
    else if (name.toLowerCase() === "clear-site-data") clearing.push(value);
  }
  // Clear Site Data §3.2: after the lines of the same response, which go, too.
  if (clearing.length > 0) cookies.clearSiteData?.(clearing.join(", "), url, context);
}
