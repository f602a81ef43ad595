// The Fetch standard's side of the client: what a Request asks for, redirects, and the Response that comes of it.
// Sections without a number are those of the Fetch standard, "HTTP-redirect fetch" and "HTTP-network-or-cache fetch".

import { asClientError, ClientError } from "../host/client/errors.ts";
import type { Field } from "../host/client/session.ts";
import { keepsCoding } from "../host/http/decoded-response.ts";
import { CONNECTION_SPECIFIC_FIELDS, combinedFieldValue } from "../http/index.ts";
import { type BodyLike, OutgoingBody } from "./body.ts";
import { ACCEPT_ENCODING, decode } from "./decode.ts";
import { type ExchangeResponse, exchange, type SentRequest } from "./exchange.ts";
import type { ExchangeFacts } from "./facts.ts";
import { redirectTarget } from "./location.ts";
import type { ClientSettings } from "./options.ts";
import type { Origin } from "./origin.ts";

export interface FetchInit {
  readonly method?: string;
  readonly headers?: Headers | Record<string, string> | readonly (readonly [string, string])[];
  readonly body?: BodyLike | null;
  readonly redirect?: "follow" | "manual" | "error";
  readonly signal?: AbortSignal | null;
  /** Accepted for the sake of code written for fetch; a streamed body is always sent while the response may already come. */
  readonly duplex?: "half";
  /** Called for each 1xx response. */
  readonly onInformational?: (status: number, headers: Headers, fields: readonly Field[]) => void;
  /** Called each time a connection takes the request: after a lost connection, and for a redirect, again. */
  readonly onSend?: (request: SentRequest) => void;
  /**
   * Sends what was given as it was given, as a command-line client does: no field by default (accept, accept-encoding,
   * user-agent), content with any method, methods that fetch forbids. Default: false.
   */
  readonly exact?: boolean;
}

/** What one call of fetch carries from hop to hop. */
interface Ask {
  url: URL;
  method: string;
  headers: Headers;
  body: OutgoingBody | undefined;
  readonly redirect: "follow" | "manual" | "error";
  readonly signal: AbortSignal | undefined;
  readonly onInformational: FetchInit["onInformational"];
  readonly onSend: FetchInit["onSend"];
  readonly exact: boolean;
}

const MAX_REDIRECTS = 20;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** A redirect's own body is read so far, to keep its connection; what is longer is cut off. */
const MAX_REDIRECT_BODY = 64 * 1024;
/** The constructor of Response takes no more; servers send up to 999, which counts as an error of theirs (RFC 9110 §15). */
const MAX_STATUS = 599;
const FORBIDDEN_METHODS = new Set(["CONNECT", "TRACE", "TRACK"]);
const NORMALIZED_METHODS = new Set(["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"]);
/** The client says these itself. */
const FRAMING_FIELDS = ["content-length", ...CONNECTION_SPECIFIC_FIELDS];
const CONTENT_FIELDS = ["content-encoding", "content-language", "content-length", "content-location", "content-type"];
const CREDENTIAL_FIELDS = ["authorization", "cookie", "host", "proxy-authorization"];

export async function fetchWith(
  originOf: (url: URL) => Origin,
  settings: ClientSettings,
  input: string | URL | Request,
  init: FetchInit,
): Promise<{ response: Response; facts: ExchangeFacts }> {
  const ask = askFrom(input, init);
  const redirects: ExchangeFacts[] = [];
  for (;;) {
    const origin = originOf(ask.url);
    const answer = await oneHop(origin, ask, [...redirects], settings);
    const { facts } = answer;
    const altSvc = combinedFieldValue(answer.fields, "alt-svc");
    if (altSvc !== undefined && ask.url.protocol === "https:") origin.altSvc(altSvc); // RFC 7838 §2.1: from an authenticated origin

    const location = REDIRECTS.has(answer.status) ? redirectTarget(answer.fields) : undefined;
    if (location === undefined || ask.redirect === "manual") {
      return { response: responseFrom(answer, ask, settings, redirects.length > 0), facts };
    }
    await discard(answer.body);
    if (ask.redirect === "error") {
      throw new ClientError(
        "REDIRECT_REFUSED",
        `${ask.url.href} redirects to ${location}, and redirects are not wanted`,
      );
    }
    if (redirects.length === MAX_REDIRECTS) {
      throw new ClientError("TOO_MANY_REDIRECTS", `more than ${MAX_REDIRECTS} redirects, the last to ${location}`);
    }
    redirects.push(facts);
    follow(ask, answer.status, location);
  }
}

function askFrom(input: string | URL | Request, init: FetchInit): Ask {
  const base = input instanceof Request ? input : undefined;
  const url = parseUrl(base?.url ?? String(input));
  const exact = init.exact === true;
  const method = normalizeMethod(init.method ?? base?.method ?? "GET", exact);
  const headers = readHeaders(init.headers ?? base?.headers);
  for (const name of FRAMING_FIELDS) headers.delete(name);
  const given = init.body === undefined ? (base?.body as BodyLike | null | undefined) : init.body;
  const body = given === null || given === undefined ? undefined : OutgoingBody.from(given);
  if (!exact && body !== undefined && (method === "GET" || method === "HEAD")) {
    throw new ClientError("REQUEST_INVALID", `a ${method} request has no body`, { hint: "use another method" });
  }
  if (body?.type !== undefined && !headers.has("content-type")) headers.set("content-type", body.type);
  return {
    url,
    method,
    headers,
    body,
    redirect: init.redirect ?? base?.redirect ?? "follow",
    signal: init.signal === undefined ? base?.signal : (init.signal ?? undefined),
    onInformational: init.onInformational,
    onSend: init.onSend,
    exact,
  };
}

async function oneHop(
  origin: Origin,
  ask: Ask,
  redirects: readonly ExchangeFacts[],
  settings: ClientSettings,
): Promise<ExchangeResponse> {
  const { url, method, body, signal, onInformational, onSend } = ask;
  const headers = new Headers(ask.headers);
  const authority = headers.get("host") ?? url.host;
  headers.delete("host");
  if (!ask.exact) addDefaults(headers, settings);
  // RFC 9110 §8.6: a method that anticipates content says that there is none.
  if (body === undefined && (method === "POST" || method === "PUT")) headers.set("content-length", "0");
  const head = {
    method,
    scheme: url.protocol === "https:" ? ("https" as const) : ("http" as const),
    authority,
    path: url.pathname + url.search,
    fields: [...headers],
  };
  return exchange(
    origin,
    {
      url,
      head,
      body,
      signal,
      redirects,
      onInformational: onInformational && ((status, fields) => onInformational(status, headersFrom(fields), fields)),
      onSend,
    },
    settings,
  );
}

function addDefaults(headers: Headers, settings: ClientSettings): void {
  if (!headers.has("accept")) headers.set("accept", "*/*");
  if (!headers.has("user-agent") && settings.userAgent !== "") headers.set("user-agent", settings.userAgent);
  if (settings.decompress && !headers.has("accept-encoding")) {
    // Part of an encoded body could not be decoded.
    headers.set("accept-encoding", headers.has("range") ? "identity" : ACCEPT_ENCODING);
  }
}

/** "HTTP-redirect fetch", steps 3 to 19. */
function follow(ask: Ask, status: number, location: string): void {
  let next: URL;
  try {
    next = parseUrl(location, ask.url);
  } catch (error) {
    throw new ClientError("REDIRECT_INVALID", `${ask.url.href} redirects to ${location}, which is no http(s) URL`, {
      cause: error,
    });
  }
  if (next.hash === "") next.hash = ask.url.hash;
  const becomesGet =
    ((status === 301 || status === 302) && ask.method === "POST") ||
    (status === 303 && ask.method !== "GET" && ask.method !== "HEAD");
  if (becomesGet) {
    ask.method = "GET";
    ask.body = undefined;
    for (const name of CONTENT_FIELDS) ask.headers.delete(name);
  } else if (ask.body !== undefined && !ask.body.replayable) {
    throw new ClientError(
      "REDIRECT_INVALID",
      `${ask.url.href} wants the request sent again to ${next.href}, and its body was a stream`,
      {
        hint: "give the body as bytes, or ask the new address directly",
      },
    );
  }
  if (next.origin !== ask.url.origin) for (const name of CREDENTIAL_FIELDS) ask.headers.delete(name);
  ask.url = next;
}

function responseFrom(answer: ExchangeResponse, ask: Ask, settings: ClientSettings, redirected: boolean): Response {
  const headers = headersFrom(answer.fields);
  let body = answer.body;
  const coding = headers.get("content-encoding");
  const decoded = settings.decompress && body !== null && coding !== null ? decode(body, coding) : undefined;
  body = decoded ?? body;
  let response: Response;
  try {
    const isKnown = answer.status <= MAX_STATUS;
    const status = isKnown ? answer.status : MAX_STATUS;
    response = new Response(body, { status, statusText: answer.statusText, headers });
    if (!isKnown) Object.defineProperty(response, "status", { value: answer.status });
  } catch (error) {
    void body?.cancel().catch(() => {});
    throw asClientError(error, "PROTOCOL_ERROR", `the response (status ${answer.status}) is not one that HTTP allows`);
  }
  if (decoded === undefined) keepsCoding(response);
  // The constructor has no parameter for what only a network can know.
  Object.defineProperty(response, "url", { value: withoutHash(ask.url) });
  Object.defineProperty(response, "redirected", { value: redirected });
  Object.defineProperty(response, "type", { value: "basic" });
  return response;
}

async function discard(body: ReadableStream<Uint8Array> | null): Promise<void> {
  if (body === null) return;
  const reader = body.getReader();
  try {
    for (let total = 0; total <= MAX_REDIRECT_BODY; ) {
      const { done, value } = await reader.read();
      if (done) return;
      total += value.length;
    }
    await reader.cancel();
  } catch {
    // The redirect itself has arrived; how its body ended does not matter.
  }
}

function parseUrl(text: string, base?: URL): URL {
  let url: URL;
  try {
    url = new URL(text, base);
  } catch (error) {
    throw new ClientError("REQUEST_INVALID", `${text} is not a URL`, { cause: error });
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw new ClientError("REQUEST_INVALID", `${url.protocol}// is not spoken here`, {
      hint: "use https:// or http://",
    });
  }
  if (url.username !== "" || url.password !== "") {
    throw new ClientError("REQUEST_INVALID", "the URL holds a user name or password", {
      hint: "send an authorization field instead",
    });
  }
  return url;
}

function normalizeMethod(method: string, exact: boolean): string {
  const upper = method.toUpperCase();
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(method))
    throw new ClientError("REQUEST_INVALID", `"${method}" is not a method`);
  if (exact && upper !== "CONNECT") return method;
  if (FORBIDDEN_METHODS.has(upper))
    throw new ClientError("REQUEST_INVALID", `${upper} is not a method that fetch sends`);
  return NORMALIZED_METHODS.has(upper) ? upper : method;
}

function readHeaders(init: FetchInit["headers"]): Headers {
  try {
    return new Headers(init as ConstructorParameters<typeof Headers>[0]);
  } catch (error) {
    throw asClientError(error, "REQUEST_INVALID", "a header field cannot be sent");
  }
}

function headersFrom(fields: readonly Field[]): Headers {
  const headers = new Headers();
  for (const [name, value] of fields) {
    try {
      headers.append(name, value);
    } catch (error) {
      throw asClientError(error, "PROTOCOL_ERROR", `the response's field ${name} is malformed`);
    }
  }
  return headers;
}

function withoutHash(url: URL): string {
  const copy = new URL(url);
  copy.hash = "";
  return copy.href;
}
