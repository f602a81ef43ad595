/** Findings about responses: loads, CORS, compression, caching, deprecation and priorities. */

import { readNotice } from "../../http/index.ts";
import { parsePriority } from "../../http/priority/index.ts";
import { fullOriginOf, isSameOrigin, originText } from "../isolation/index.ts";
import { documentOrigin } from "./document-origin.ts";
import type { AuditDocument, AuditFacts, AuditResource, HeaderFix, LoadedResponse } from "./facts.ts";
import { type Finding, fieldOf, finding, sendText } from "./findings.ts";

/** Bytes: what fits into one packet gains nothing. */
const WORTH_COMPRESSING = 1_400;
const TEXT = /^(?:text\/|image\/svg|application\/(?:javascript|json|manifest|xml|wasm|[\w.-]+\+(?:json|xml)))/i;

export function contentFindings(facts: AuditFacts): Finding[] {
  const found: Finding[] = [];
  const page = facts.documents[0];
  for (const { url, response, failure, parent } of facts.documents) {
    if (failure !== undefined)
      found.push(
        finding(
          "load/failed",
          url,
          `${parent === undefined ? "the page" : "a frame"} does not load: ${failure.message}`,
          { ...failure },
          adviceFor(failure.code),
        ),
      );
    else if (response !== undefined)
      found.push(
        ...responseFindings(response, parent === undefined ? "the page" : "a frame", facts.now, parent === undefined),
      );
  }
  const isSecure = page?.response?.url.startsWith("https:") === true;
  for (const resource of facts.resources) {
    const { url, from, response, failure } = resource;
    const document = facts.documents[resource.document]!;
    if (isSecure && url.startsWith("http:") && !/^http:\/\/(?:localhost|127\.)/.test(url))
      found.push(
        finding(
          "load/mixed",
          url,
          `${from} of ${document.url} is asked for over http: browsers upgrade or block it`,
          { from },
          "link to it with https",
        ),
      );
    if (failure !== undefined)
      found.push(
        finding(
          "load/failed",
          url,
          `${from} of ${document.url} does not load: ${failure.message}`,
          { ...failure, from },
          adviceFor(failure.code),
        ),
      );
    if (response === undefined) continue;
    if (response.status >= 400) {
      found.push(
        finding(
          "load/failed",
          url,
          `${from} of ${document.url} is answered with ${response.status}`,
          { status: response.status, from },
          "mend the link, or the resource",
        ),
      );
      continue;
    }
    const cors = corsFinding(resource, response, facts.documents);
    if (cors !== undefined) found.push(cors);
    found.push(...responseFindings(response, from, facts.now, false));
  }
  found.push(...priorityFindings(facts.resources));
  if (facts.limits.length > 0)
    found.push(
      finding(
        "load/limits",
        facts.url,
        facts.limits.join("; "),
        { limits: facts.limits },
        "look at the rest with another audit, or raise the limits",
      ),
    );
  return found;
}

const adviceFor = (code: string): string =>
  code === "TOO_MANY_REDIRECTS" ? "end the loop: one of the redirects leads back" : "check that the server answers";

const ALLOW_ORIGIN = "Access-Control-Allow-Origin";
const ALLOW_CREDENTIALS = "Access-Control-Allow-Credentials";
/** An opaque origin, as the Origin field has it. */
const OPAQUE = "null";

/** The responses to a cors request must allow the document's origin, and its credentials (Fetch §4.10). */
function corsFinding(
  { mode, credentials, from, document }: AuditResource,
  response: LoadedResponse,
  documents: readonly AuditDocument[],
): Finding | undefined {
  if (mode !== "cors") return undefined;
  const origin = documentOrigin(documents, document);
  const isWithCredentials = credentials === "include";
  // What was once loaded by CORS stays so, also on its way back to the document's own origin.
  let isCors = false;
  let before = origin;
  let value = originText(origin);
  for (const { url, fields } of [...response.redirects, response]) {
    const place = fullOriginOf(url);
    // Fetch §4.4 ("redirect-tainted origin"): a redirect from one foreign origin to another makes the request's opaque.
    if (isCors && !isSameOrigin(before, place) && !isSameOrigin(before, origin)) value = OPAQUE;
    before = place;
    isCors ||= !isSameOrigin(origin, place);
    if (!isCors) continue;
    const allowed = fieldOf(fields, ALLOW_ORIGIN.toLowerCase());
    const allowsCredentials = fieldOf(fields, ALLOW_CREDENTIALS.toLowerCase()) === "true";
    if (allowed === value ? !isWithCredentials || allowsCredentials : allowed === "*" && !isWithCredentials) continue;
    const headers: HeaderFix[] = [];
    // `null` would let in every sandbox and data: URL there is.
    if (value !== OPAQUE) {
      if (allowed !== value) headers.push({ url, header: ALLOW_ORIGIN, value });
      if (isWithCredentials && !allowsCredentials) headers.push({ url, header: ALLOW_CREDENTIALS, value: "true" });
    }
    return finding(
      "load/cors",
      url,
      `${from} of ${documents[document]!.url} is refused: ${corsProblem(allowed, value)}`,
      { allowed: allowed ?? null, origin: value, credentials, allowsCredentials, from },
      headers.length > 0
        ? `${sendText(headers)} in the response of ${url}`
        : origin === undefined
          ? "load it in a document that has an origin: that of sandboxed documents and data: URLs is opaque"
          : `link to ${response.url} itself: redirects over several origins make the request's origin opaque`,
      headers,
    );
  }
  return undefined;
}

function corsProblem(allowed: string | undefined, origin: string): string {
  if (allowed === undefined) return `it has no ${ALLOW_ORIGIN}`;
  if (allowed === origin) return `it has no ${ALLOW_CREDENTIALS}: true`;
  return allowed === "*" ? "* does not count for requests with credentials" : `it allows ${allowed} only`;
}

function* responseFindings(response: LoadedResponse, what: string, now: number, isPage: boolean): Generator<Finding> {
  const { url, fields, contentBytes, redirects, status } = response;
  const type = fieldOf(fields, "content-type") ?? "";
  if (redirects.length > 0) {
    const hops = redirects.map((hop) => `${hop.status} ${hop.url}`);
    yield finding(
      "load/redirects",
      url,
      `${what} is reached over ${redirects.length} ${redirects.length === 1 ? "redirect" : "redirects"}`,
      { hops },
      "link to the last URL",
    );
  }
  if (TEXT.test(type) && contentBytes > WORTH_COMPRESSING && fieldOf(fields, "content-encoding") === undefined) {
    yield finding(
      "compression/missing",
      url,
      `${what} is ${contentBytes} bytes of ${type.split(";")[0]}, uncompressed`,
      { bytes: contentBytes, type },
      "compress it with br, zstd or gzip, and send Vary: accept-encoding",
    );
  }
  const known = ["cache-control", "expires", "etag", "last-modified"].some(
    (name) => fieldOf(fields, name) !== undefined,
  );
  if (!isPage && status === 200 && !known) {
    yield finding(
      "caching/no-policy",
      url,
      `${what} has neither Cache-Control nor a validator: each visit fetches it again`,
      {},
      "send Cache-Control: max-age=31536000, immutable for URLs with a version; otherwise an ETag",
    );
  }
  yield* noticeFindings(response, what, now);
}

function* noticeFindings({ url, fields }: LoadedResponse, what: string, now: number): Generator<Finding> {
  const { sunset, problems } = readNotice(fields, now);
  const deprecationField = fieldOf(fields, "deprecation");
  if (deprecationField !== undefined) {
    yield finding(
      "deprecation/deprecated",
      url,
      `${what} is deprecated: Deprecation: ${deprecationField}`,
      { deprecation: deprecationField, link: fieldOf(fields, "link") ?? null },
      "use its successor; see the links of the response",
    );
  }
  const sunsetField = fieldOf(fields, "sunset");
  if (sunsetField !== undefined) {
    const when =
      sunset === undefined
        ? "at no valid date"
        : sunset < now
          ? "since then it may be gone"
          : `in ${Math.ceil((sunset - now) / 86_400_000)} days`;
    yield finding(
      "deprecation/sunset",
      url,
      `${what} ends on ${sunsetField}: ${when}`,
      { sunset: sunsetField, at: sunset ?? null },
      "use its successor before then",
    );
  }
  for (const { field, message } of problems)
    yield finding(
      "deprecation/invalid",
      url,
      message,
      { field },
      "tell the provider, and use the links of the response",
    );
}

/** The urgency of a response, from 0 to 7; its server knows best (RFC 9218 §5). */
function urgencyOf({ fields }: LoadedResponse): { urgency: number | undefined; problem?: string } {
  const field = fieldOf(fields, "priority");
  if (field === undefined) return { urgency: undefined };
  const members = parsePriority(field);
  if (members === undefined) return { urgency: undefined, problem: "it is not a dictionary, such as u=2, i" };
  // A member that is out of range is ignored alone.
  const isIgnored = members.urgency === undefined && /(?:^|,)[ \t]*u(?=[=,; \t]|$)/.test(field);
  return { urgency: members.urgency, ...(isIgnored ? { problem: "u is an integer from 0 to 7" } : {}) };
}

/** RFC 9218 §4.1 */
const DEFAULT_URGENCY = 3;

function priorityFindings(resources: readonly AuditResource[]): Finding[] {
  const found: Finding[] = [];
  const known = resources.flatMap((each) =>
    each.response === undefined ? [] : [{ ...each, ...urgencyOf(each.response) }],
  );
  for (const { url, response, problem } of known) {
    if (problem !== undefined)
      found.push(
        finding(
          "priority/invalid",
          url,
          `Priority: ${fieldOf(response!.fields, "priority")} is ignored: ${problem}`,
          {},
          "send Priority: u=3, i or nothing",
        ),
      );
  }
  const eager = known.find(
    ({ isBlocking, urgency }) => !isBlocking && urgency !== undefined && urgency < DEFAULT_URGENCY,
  );
  for (const { url, from, isBlocking, urgency = DEFAULT_URGENCY } of known) {
    if (!isBlocking) continue;
    const first = eager !== undefined && eager.urgency! < urgency ? eager : undefined;
    if (urgency <= DEFAULT_URGENCY && first === undefined) continue;
    const behind =
      first === undefined ? "behind everything that has no priority" : `behind ${first.url} with u=${first.urgency}`;
    found.push(
      finding(
        "priority/clash",
        url,
        `${from} blocks the page, and its response has u=${urgency}: ${behind}`,
        { urgency, before: first?.url ?? null },
        "send Priority: u=1 for what blocks the page, and u=5 for what does not",
        [{ url, header: "Priority", value: "u=1" }],
      ),
    );
  }
  return found;
}
