/** Sites whose answers are described by their URLs: `h` holds the fields, `n` the case, `l` where a redirect leads. */

import { fieldsOf, type Headers, HOSTS, type Relation } from "../../../src/lab/policies/isolation-cases.ts";
import type { SiteAnswer, SiteHandler, SiteRequest, Sites } from "../sites.ts";

/** What a document says of itself: to its parent, its opener's page, and the server. */
const TELL = `
const n = new URLSearchParams(location.search).get("n") ?? self.name;
const facts = { n, isolated: self.crossOriginIsolated };
if (parent !== self) parent.postMessage(facts, "*");`;
const TELL_SERVER = `
if (parent === self) fetch("/seen?n=" + n + "&opener=" + (opener !== null) + "&isolated=" + crossOriginIsolated);`;
/** Documents without a URL of their own. */
export const LOCAL_DOCUMENT = `<!doctype html><script>${TELL}</script>`;

const GIF =
  "GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";
export const WORKER = `
self.onconnect = ({ ports: [port] }) => port.postMessage(self.crossOriginIsolated);
if (!("onconnect" in self) || self.constructor.name === "DedicatedWorkerGlobalScope") self.postMessage(self.crossOriginIsolated);`;

const BODIES: Readonly<Record<string, readonly [type: string, body: string]>> = {
  "/doc": ["text/html", `<!doctype html><link rel=icon href="data:,"><script>${TELL}${TELL_SERVER}</script>`],
  "/image": ["image/gif", GIF],
  "/script": ["text/javascript", ";"],
  "/style": ["text/css", "a{}"],
  "/worker": ["text/javascript", WORKER],
};

export class IsolationServer {
  /** The cookie of each case's request, once it came. */
  readonly cookies = new Map<string, string>();
  readonly #seen = new Map<string, URLSearchParams>();
  readonly #waiting = new Map<string, (facts: URLSearchParams) => void>();

  readonly handler: SiteHandler = (request): SiteAnswer => {
    const { query } = request;
    const n = query.get("n") ?? "";
    const [path = ""] = request.target.split("?");
    if (path === "/seen") {
      this.#seen.set(n, query);
      this.#waiting.get(n)?.(query);
      return { status: 204 };
    }
    if (path === "/set") return { fields: [["set-cookie", "c=1; SameSite=None; Secure; Path=/"]] };
    if (n !== "") this.cookies.set(n, request.cookie ?? "");
    return this.#answer(path, request);
  };

  #answer(path: string, { query, origin }: SiteRequest): SiteAnswer {
    const fields = JSON.parse(query.get("h") ?? "[]") as [string, string][];
    if (query.has("cors")) {
      fields.push(["access-control-allow-origin", origin ?? "*"], ["access-control-allow-credentials", "true"]);
    }
    const location = query.get("l");
    if (location !== null) return { status: 302, fields: [...fields, ["location", location]] };
    const [type, body] = BODIES[path] ?? ["text/plain", ""];
    return { fields: [...fields, ["content-type", type]], body };
  }

  /** What the document of a case says; undefined if it does not within `patience` ms. */
  seen(n: string, patience: number): Promise<URLSearchParams | undefined> {
    const known = this.#seen.get(n);
    if (known !== undefined) return Promise.resolve(known);
    return new Promise((resolve) => {
      const late = setTimeout(() => resolve(undefined), patience);
      this.#waiting.set(n, (facts) => {
        clearTimeout(late);
        resolve(facts);
      });
    });
  }
}

export interface Place {
  readonly to: Relation;
  readonly headers: Headers;
  readonly n?: string;
  readonly scheme?: "https" | "http";
  readonly more?: readonly (readonly [string, string])[];
}

export function urlOf(sites: Sites, path: string, { to, headers, n, scheme = "https", more = [] }: Place): URL {
  const url = new URL(`${scheme}://${HOSTS[to]}:${sites[scheme]}/${path}`);
  const fields = [...fieldsOf(headers), ...more];
  if (fields.length > 0) url.searchParams.set("h", JSON.stringify(fields));
  if (n !== undefined) url.searchParams.set("n", n);
  return url;
}

/** A redirect to `target`. */
export function hopTo(target: URL, sites: Sites, place: Place): URL {
  const url = urlOf(sites, "hop", { ...place, n: target.searchParams.get("n") ?? "" });
  if (target.searchParams.has("cors")) url.searchParams.set("cors", "");
  url.searchParams.set("l", target.href);
  return url;
}
