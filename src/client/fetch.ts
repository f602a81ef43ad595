// The client's implementation of the Fetch standard: requests, redirects and responses.
// Unnumbered sections are those of the Fetch standard, "HTTP-redirect fetch" and "HTTP-network-or-cache fetch".

import type { CookieContext } from "../agent/cookies/index.ts";
import { asClientError, ClientError, SecureOnlyError } from "../host/client/errors.ts";
import type { Field } from "../host/client/session.ts";
import { storeCookies } from "../host/cookies/client-cookies.ts";
import { markEncoded } from "../host/http/decoded-response.ts";
import { CONNECTION_SPECIFIC_FIELDS } from "../http/index.ts";
import { type BodyLike, OutgoingBody } from "./body.ts";
import { ACCEPT_ENCODING, decode } from "./decode.ts";
import type { Exchange, SentRequest } from "./exchange.ts";
import type { ExchangeFacts } from "./facts.ts";
import { redirectTarget } from "./location.ts";
import type { ClientSettings } from "./options.ts";
import type { Origin } from "./origin.ts";
import type { PlanBTrials } from "./plan-b.ts";
import { type RequestPriority, setPriority } from "./priority.ts";
import { type ExchangeResponse, exchange } from "./response.ts";

/** The options of one request: those of the Fetch standard, and ours. */
export interface FetchInit {
  readonly method?: string;
  readonly headers?: Headers | Record<string, string> | readonly (readonly [string, string])[];
  readonly body?: BodyLike | null;
  readonly redirect?: "follow" | "manual" | "error";
  /**
   * The priority of the response (RFC 9218), as its members or as the Fetch standard's word. It replaces a `priority` field in
   * `headers`. Default: none is sent, which means urgency 3, not incremental.
   */
  readonly priority?: RequestPriority;
  readonly signal?: AbortSignal | null;
  /** Accepted for compatibility with fetch. A response may always arrive while a streamed body is being sent. */
  readonly duplex?: "half";
  /** `omit` neither sends nor keeps cookies of the client's jar. Other values are accepted for compatibility with fetch. */
  readonly credentials?: "omit" | "same-origin" | "include";
  /** The documents around the request, for the client's jar. Default: a request of a program, which is same-site with its URL. */
  readonly cookieContext?: CookieContext;
  /** Called for each 1xx response. */
  readonly onInformational?: (status: number, headers: Headers, fields: readonly Field[]) => void;
  /** Called each time a connection accepts the request, including retries after a lost connection and redirects. */
  readonly onSend?: (request: SentRequest) => void;
  /**
   * Sends the request unchanged, like a command-line client: no default fields (accept, accept-encoding, user-agent),
   * content with any method, and methods that fetch forbids. Default: false.
   */
  readonly exact?: boolean;
}

/** The state of a fetch call across redirects. */
interface RequestState {
  url: URL;
  method: string;
  headers: Headers;
  body: OutgoingBody | undefined;
  readonly redirect: "follow" | "manual" | "error";
  readonly signal: AbortSignal | undefined;
  readonly onInformational: FetchInit["onInformational"];
  readonly onSend: FetchInit["onSend"];
  readonly exact: boolean;
  /** Undefined if no cookies are used. */
  readonly cookieContext: CookieContext | undefined;
  /** True if the request was sent again with critical hints. */
  isHinted: boolean;
  upgradedBy: ExchangeFacts["upgradedBy"];
  /** The hints of the last request. */
  hints: readonly Field[];
  /** The URLs that redirected to this one. */
  readonly visited: string[];
}

const MAX_REDIRECTS = 20;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** The body of a redirect is read up to this size, to keep the connection; a longer one is cancelled. */
const MAX_REDIRECT_BODY = 64 * 1024;
/** The maximum of Response's constructor. Servers send up to 999, which count as server errors (RFC 9110 §15). */
const MAX_STATUS = 599;
const FORBIDDEN_METHODS = new Set(["CONNECT", "TRACE", "TRACK"]);
const NORMALIZED_METHODS = new Set(["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"]);
/** The client sets these itself. */
const FRAMING_FIELDS = ["content-length", ...CONNECTION_SPECIFIC_FIELDS];
const CONTENT_FIELDS = ["content-encoding", "content-language", "content-length", "content-location", "content-type"];
const CREDENTIAL_FIELDS = ["authorization", "cookie", "host", "proxy-authorization"];

export async function fetchWith(
  originOf: (url: URL) => Origin,
  settings: ClientSettings,
  input: string | URL | Request,
  init: FetchInit,
  trials?: PlanBTrials,
): Promise<{ response: Response; facts: ExchangeFacts; exchange: Exchange }> {
  const state = createState(input, init);
  const redirects: ExchangeFacts[] = [];
  for (;;) {
    upgrade(state, settings);
    const origin = originOf(state.url);
    const answer = await sendRequest(origin, state, [...redirects], settings).catch((error: unknown) => {
      if (error instanceof SecureOnlyError && !origin.dialer.secure) return undefined;
      throw state.upgradedBy === "https-records" ? withReason(error, state.url) : error;
    });
    if (answer === undefined) {
      upgradeByRecords(state);
      continue;
    }
    const { facts } = answer;
    origin.altSvc(answer.status, answer.fields, facts.protocol);
    noteFields(answer.fields, state, settings);
    trials?.handleFields(state.url, answer.status, answer.fields, (event) => origin.dialer.note(event));
    if (wantsHints(answer, state, settings)) {
      state.isHinted = true;
      await discard(answer.body);
      continue;
    }
    state.isHinted = false;

    const location = REDIRECTS.has(answer.status) ? redirectTarget(answer.fields) : undefined;
    if (location === undefined || state.redirect === "manual") {
      return {
        response: responseFrom(answer, state, settings, redirects.length > 0),
        facts,
        exchange: answer.exchange,
      };
    }
    await discard(answer.body);
    if (state.redirect === "error") {
      throw new ClientError(
        "REDIRECT_REFUSED",
        `${state.url.href} redirects to ${location}, but redirects are not allowed`,
      );
    }
    if (redirects.length === MAX_REDIRECTS) {
      throw new ClientError("TOO_MANY_REDIRECTS", `more than ${MAX_REDIRECTS} redirects, the last to ${location}`);
    }
    redirects.push(facts);
    follow(state, answer.status, location);
  }
}

function upgrade(state: RequestState, { hsts, secureOrigins, clock }: ClientSettings): void {
  if (state.url.protocol !== "http:") return;
  if (hsts?.isSecure(state.url.hostname, Date.now()) === true) {
    state.url = securedUrl(state.url);
    state.upgradedBy = "hsts";
  } else if (secureOrigins.isSecure(state.url.origin, clock.now())) upgradeByRecords(state);
}

/** RFC 9460 §9.5: like a 307 over cleartext, and trusted no more than that: the other origin gets no credentials. */
function upgradeByRecords(state: RequestState): void {
  state.url = securedUrl(state.url);
  state.upgradedBy = "https-records";
  for (const name of CREDENTIAL_FIELDS) state.headers.delete(name);
}

/** A failure at a place that the caller has not named. */
function withReason(error: unknown, url: URL): unknown {
  if (!(error instanceof ClientError) || !/^(CONNECT|CERTIFICATE|TLS)/.test(error.code)) return error;
  const message = `${error.message}; the HTTPS records of ${url.hostname} ask for https`;
  return new ClientError(error.code, message, {
    cause: error,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}

/** RFC 6797 §8.3: https, on port 443 instead of 80; another port stays. */
function securedUrl(url: URL): URL {
  const secure = new URL(url);
  secure.protocol = "https:";
  return secure;
}

function createState(input: string | URL | Request, init: FetchInit): RequestState {
  const base = input instanceof Request ? input : undefined;
  const url = parseUrl(base?.url ?? String(input));
  const exact = init.exact === true;
  const method = normalizeMethod(init.method ?? base?.method ?? "GET", exact);
  const headers = readHeaders(init.headers ?? base?.headers);
  for (const name of FRAMING_FIELDS) headers.delete(name);
  if (init.priority !== undefined) setPriority(headers, init.priority);
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
    cookieContext: (init.credentials ?? base?.credentials) === "omit" ? undefined : (init.cookieContext ?? {}),
    isHinted: false,
    upgradedBy: undefined,
    hints: [],
    visited: [],
  };
}

async function sendRequest(
  origin: Origin,
  state: RequestState,
  redirects: readonly ExchangeFacts[],
  settings: ClientSettings,
): Promise<ExchangeResponse> {
  const { url, method, body, signal, onInformational, onSend } = state;
  const headers = new Headers(state.headers);
  const authority = headers.get("host") ?? url.host;
  headers.delete("host");
  if (!state.exact) addDefaults(headers, settings);
  addCookies(headers, state, settings);
  state.hints = settings.hints?.for(url.origin) ?? [];
  for (const [name, value] of state.hints) if (!headers.has(name)) headers.set(name, value);
  // RFC 9110 §8.6: methods that anticipate content send content-length: 0 if there is no content.
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
      isUpgradable: true,
      upgradedBy: state.upgradedBy,
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
    // A part of an encoded body could not be decoded.
    headers.set("accept-encoding", headers.has("range") ? "identity" : ACCEPT_ENCODING);
  }
}

/** Notes which hints the origin asks for. True if the request lacked one that is critical. */
const wantsHints = ({ fields }: ExchangeResponse, state: RequestState, { hints }: ClientSettings): boolean =>
  hints?.note(state.url.origin, state.method, fields, state.hints, state.isHinted) === true;

/** The jar's cookies follow those that the caller has given. */
function addCookies(headers: Headers, state: RequestState, { cookies }: ClientSettings): void {
  const context = currentContext(state);
  const value = context && cookies?.header(state.url, context);
  if (value === undefined) return;
  const given = headers.get("cookie");
  headers.set("cookie", given === null ? value : `${given}; ${value}`);
}

/** Keeps the cookies of a response, and whether its host asks for TLS. */
function noteFields(fields: readonly Field[], state: RequestState, settings: ClientSettings): void {
  const { cookies, hsts, notices, rejectUnauthorized } = settings;
  notices.note(state.url, fields);
  const context = currentContext(state);
  if (context !== undefined && cookies !== undefined) storeCookies(cookies, fields, state.url, context);
  // RFC 6797 §8.1: a connection to an impostor says nothing about the host.
  if (state.url.protocol === "https:" && rejectUnauthorized) hsts?.note(state.url.hostname, fields, Date.now());
}

const currentContext = ({ cookieContext, method, visited }: RequestState): CookieContext | undefined =>
  cookieContext && { method, redirects: visited, ...cookieContext };

/** "HTTP-redirect fetch", steps 3 to 19. */
function follow(state: RequestState, status: number, location: string): void {
  let next: URL;
  try {
    next = parseUrl(location, state.url);
  } catch (error) {
    throw new ClientError(
      "REDIRECT_INVALID",
      `${state.url.href} redirects to ${location}, which is not an http(s) URL`,
      {
        cause: error,
      },
    );
  }
  if (next.hash === "") next.hash = state.url.hash;
  const becomesGet =
    ((status === 301 || status === 302) && state.method === "POST") ||
    (status === 303 && state.method !== "GET" && state.method !== "HEAD");
  if (becomesGet) {
    state.method = "GET";
    state.body = undefined;
    for (const name of CONTENT_FIELDS) state.headers.delete(name);
  } else if (state.body !== undefined && !state.body.replayable) {
    throw new ClientError(
      "REDIRECT_INVALID",
      `${state.url.href} redirects the request to ${next.href}, but its body was a stream and cannot be sent again`,
      {
        hint: "pass the body as bytes, or request the new URL directly",
      },
    );
  }
  if (next.origin !== state.url.origin) for (const name of CREDENTIAL_FIELDS) state.headers.delete(name);
  state.visited.push(state.url.href);
  state.upgradedBy = undefined;
  state.url = next;
}

function responseFrom(
  answer: ExchangeResponse,
  state: RequestState,
  settings: ClientSettings,
  redirected: boolean,
): Response {
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
    throw asClientError(error, "PROTOCOL_ERROR", `the response (status ${answer.status}) is not valid HTTP`);
  }
  if (decoded === undefined) markEncoded(response);
  // The constructor has no parameters for these.
  Object.defineProperty(response, "url", { value: withoutHash(state.url) });
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
    // The redirect has arrived; errors in its body do not matter.
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
    throw new ClientError("REQUEST_INVALID", `${url.protocol}// is not supported`, {
      hint: "use https:// or http://",
    });
  }
  if (url.username !== "" || url.password !== "") {
    throw new ClientError("REQUEST_INVALID", "the URL contains a user name or password", {
      hint: "send an authorization field instead",
    });
  }
  return url;
}

function normalizeMethod(method: string, exact: boolean): string {
  const upper = method.toUpperCase();
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(method))
    throw new ClientError("REQUEST_INVALID", `"${method}" is not a valid method`);
  if (exact && upper !== "CONNECT") return method;
  if (FORBIDDEN_METHODS.has(upper)) throw new ClientError("REQUEST_INVALID", `fetch does not send ${upper} requests`);
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
