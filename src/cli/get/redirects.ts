// -L: where a redirect leads, and the request to send there.
import { type ExchangeFacts, redirectTarget } from "../../client/index.ts";
import { CliError } from "../fail.ts";
import { CURL } from "./exit-codes.ts";
import type { GetFlags } from "./flags.ts";
import { type GetRequest, redirected } from "./request.ts";

/** curl's own limit. */
const MAX_REDIRECTS = 50;
/** Bytes of a redirect's body that are read in order to keep the connection. */
const MAX_REDIRECT_BODY = 64 * 1024;

export interface Hop {
  readonly url: { readonly href: string };
  /** Undefined if the redirect cannot be followed; `problem` then says why. */
  readonly request: GetRequest | undefined;
  readonly problem?: CliError;
}

/** Returns undefined if the response is not a redirect. */
export function nextHop(
  request: GetRequest,
  { status, fields }: ExchangeFacts,
  flags: GetFlags,
  followed: number,
): Hop | undefined {
  const location = status >= 300 && status < 400 ? redirectTarget(fields) : undefined;
  if (location === undefined) return undefined;
  let url: URL;
  try {
    url = new URL(location, request.url);
  } catch (error) {
    const problem = new CliError(
      "REDIRECT_INVALID",
      `${request.url.href} redirects to ${location}, which is not a URL`,
      {
        exitCode: CURL.malformedUrl,
        cause: error,
      },
    );
    return { url: { href: location }, request: undefined, problem };
  }
  if (url.hash === "") url.hash = request.url.hash;
  const problem = problemOf(url, request, flags, followed);
  if (problem !== undefined) return { url, request: undefined, problem };
  return { url, request: redirected(request, status, url, flags.referer?.endsWith(";auto") === true) };
}

function problemOf(url: URL, request: GetRequest, flags: GetFlags, followed: number): CliError | undefined {
  const { maxRedirs = MAX_REDIRECTS } = flags;
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    const message = `${request.url.href} redirects to ${url.href}, which is not an http(s) URL`;
    return new CliError("REDIRECT_INVALID", message, { exitCode: CURL.unsupportedProtocol });
  }
  if (maxRedirs >= 0 && followed >= maxRedirs) {
    return new CliError("TOO_MANY_REDIRECTS", `more than ${maxRedirs} redirects, the last one to ${url.href}`, {
      exitCode: CURL.tooManyRedirects,
      hint: "allow more with --max-redirs",
    });
  }
  return undefined;
}

export async function discardBody(response: Response): Promise<void> {
  let total = 0;
  try {
    for await (const chunk of response.body ?? []) {
      total += chunk.length;
      if (total > MAX_REDIRECT_BODY) return; // leaving the loop cancels the body
    }
  } catch {
    // The redirect itself has arrived; how its body ended does not matter.
  }
}
