// Loads a page, its frames and their resources with one client, within bounds.
import {
  type AuditDocument,
  type AuditResource,
  documentOrigin,
  type Hop,
  type LoadedResponse,
  type LoadFailure,
  type Reference,
} from "../../agent/audit/index.ts";
import { type CookieContext, isSameSite, parseOrigin } from "../../agent/cookies/index.ts";
import { originText } from "../../agent/isolation/index.ts";
import { ignore } from "../../host/guard.ts";
import type { Client } from "../client.ts";
import type { ExchangeFacts } from "../facts.ts";
import { type FrameReference, htmlReferences, MAX_REFERENCES } from "./html.ts";
import { scriptReferences } from "./script.ts";
import { styleReferences } from "./style.ts";

/** The bounds of a page. */
export interface PageLimits {
  /** Responses of resources. Default: 200. */
  readonly maxResources?: number;
  /** Frames, nested ones included. Default: 20. */
  readonly maxFrames?: number;
  /** Frames within frames. Default: 3. */
  readonly maxDepth?: number;
  /** Bytes of one document, style sheet or script, decoded. Default: 4 MiB. */
  readonly maxTextBytes?: number;
  /** Bytes of all of them, decoded. Default: 32 MiB. */
  readonly maxBytes?: number;
  /** Milliseconds for everything. Default: 30 s. */
  readonly timeout?: number;
}

export interface LoadedPage {
  readonly documents: readonly AuditDocument[];
  readonly resources: readonly AuditResource[];
  /** What was left out, as sentences. */
  readonly limits: readonly string[];
  /** Details of the page's own response. */
  readonly facts: ExchangeFacts | undefined;
}

const MiB = 1024 * 1024;
const DEFAULTS: Required<PageLimits> = {
  maxResources: 200,
  maxFrames: 20,
  maxDepth: 3,
  maxTextBytes: 4 * MiB,
  maxBytes: 32 * MiB,
  timeout: 30_000,
};
/** Requests at a time. */
const CONCURRENCY = 8;
/** Bytes of a response whose content does not matter, which are read to keep its connection. */
const DRAINED = 64 * 1024;

export async function loadPage(
  client: Client,
  url: string,
  limits: PageLimits = {},
  signal?: AbortSignal,
): Promise<LoadedPage> {
  const loader = new PageLoader(client, { ...DEFAULTS, ...limits }, signal);
  return loader.load(url);
}

interface Fetched {
  readonly response?: LoadedResponse;
  readonly failure?: LoadFailure;
  readonly text: string;
}

interface FetchContext {
  readonly accept: string;
  readonly destination: string;
  readonly mode: "navigate" | "no-cors" | "cors";
  readonly credentials: "omit" | "same-origin" | "include";
  /** That of the document that asks, `null` if it is opaque; undefined for the page. */
  readonly origin: string | undefined;
  readonly cookies: CookieContext;
  readonly isText: boolean;
}

class PageLoader {
  readonly #client: Client;
  readonly #limits: Required<PageLimits>;
  readonly #signal: AbortSignal | undefined;
  readonly #late: AbortSignal;
  readonly #documents: AuditDocument[] = [];
  readonly #depths: number[] = [];
  readonly #resources: AuditResource[] = [];
  readonly #known = new Map<string, Promise<Fetched>>();
  readonly #asked = new Set<string>();
  readonly #left = new Set<string>();
  readonly #queue: (() => Promise<void>)[] = [];
  #bytes = 0;
  #facts: ExchangeFacts | undefined;

  constructor(client: Client, limits: Required<PageLimits>, signal: AbortSignal | undefined) {
    this.#client = client;
    this.#limits = limits;
    this.#late = AbortSignal.timeout(limits.timeout);
    this.#signal = signal;
  }

  async load(url: string): Promise<LoadedPage> {
    await this.#document({ url, isAllowed: false, credentialless: false, isSandboxed: false }, undefined, 0);
    await Promise.all(Array.from({ length: CONCURRENCY }, () => this.#work()));
    this.#signal?.throwIfAborted();
    if (this.#late.aborted) this.#left.add(`the page was not loaded within ${this.#limits.timeout / 1_000} s`);
    return { documents: this.#documents, resources: this.#resources, limits: [...this.#left], facts: this.#facts };
  }

  /** Jobs make jobs: a worker ends when there are none, and none in progress. */
  #active = 0;
  #wake: (() => void)[] = [];

  async #work(): Promise<void> {
    for (;;) {
      const job = this.#queue.shift();
      if (job === undefined) {
        if (this.#active === 0) {
          for (const wake of this.#wake.splice(0)) wake();
          return;
        }
        await new Promise<void>((resolve) => {
          this.#wake.push(resolve);
        });
        continue;
      }
      this.#active += 1;
      await job();
      this.#active -= 1;
      for (const wake of this.#wake.splice(0)) wake();
    }
  }

  async #document(frame: FrameReference, parent: number | undefined, depth: number): Promise<void> {
    const { url, text, isAllowed, credentialless, isSandboxed } = frame;
    const common = { parent, isAllowed, credentialless, isSandboxed };
    const index = this.#documents.length;
    const add = (document: AuditDocument): void => {
      this.#documents[index] = document;
    };
    add({ url, ...common });
    this.#depths[index] = depth;
    if (!/^https?:/i.test(url)) {
      // Relative URLs of about:srcdoc are those of its parent.
      const base =
        parent === undefined ? url : (this.#documents[parent]!.response?.url ?? this.#documents[parent]!.url);
      this.#read(text ?? dataText(url), index, base, depth);
      return;
    }
    const top = this.#documents[0]!.url;
    const {
      response,
      failure,
      text: body,
    } = await this.#fetch(url, {
      accept: "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
      destination: parent === undefined ? "document" : "iframe",
      mode: "navigate",
      credentials: credentialless ? "omit" : "include",
      origin: parent === undefined ? undefined : this.#originOf(parent),
      cookies: parent === undefined ? {} : { kind: "frame", topLevel: top },
      isText: true,
    });
    const place = response?.url ?? url;
    add({ url: place, ...common, ...(response && { response }), ...(failure && { failure }) });
    if (response !== undefined) this.#read(body, index, place, depth);
  }

  /** Queues what a document asks for. */
  #read(text: string, document: number, url: string, depth: number): void {
    const { references, frames, isCut } = htmlReferences(text, url);
    if (isCut) this.#left.add(`of ${url}, only the first ${MAX_REFERENCES} references were read`);
    for (const each of references) this.#enqueue(each, document);
    for (const frame of frames) {
      const { maxFrames, maxDepth } = this.#limits;
      if (depth >= maxDepth) this.#left.add(`frames nested deeper than ${maxDepth} were not loaded`);
      else if (this.#documents.length + this.#queuedFrames > maxFrames)
        this.#left.add(`of the frames, only ${maxFrames} were loaded`);
      else {
        this.#queuedFrames += 1;
        this.#queue.push(async () => {
          this.#queuedFrames -= 1;
          await this.#document(frame, document, depth + 1);
        });
      }
    }
  }

  #queuedFrames = 0;

  #enqueue(reference: Reference, document: number): void {
    if (!/^https?:/i.test(reference.url)) return;
    const key = `${document} ${reference.mode} ${reference.kind} ${reference.url}`;
    if (this.#asked.has(key)) return;
    if (this.#asked.size >= this.#limits.maxResources) {
      this.#left.add(`of the resources, only ${this.#limits.maxResources} were loaded`);
      return;
    }
    this.#asked.add(key);
    this.#queue.push(() => this.#resource(reference, document));
  }

  async #resource(reference: Reference, document: number): Promise<void> {
    const { kind, mode, credentials, from } = reference;
    // A fragment is not part of a request.
    const url = reference.url.replace(/#.*$/s, "");
    const origin = this.#originOf(document);
    const isText = kind === "style" || kind === "script" || kind === "worker";
    const key = `${mode} ${credentials} ${origin} ${this.#documents[document]!.url} ${url}`;
    let fetched = this.#known.get(key);
    if (fetched === undefined) {
      const top = this.#documents[0]!.url;
      const frames = document === 0 ? [] : [origin];
      fetched = this.#fetch(url, {
        accept: kind === "image" ? "image/avif,image/webp,*/*;q=0.8" : kind === "style" ? "text/css,*/*;q=0.1" : "*/*",
        destination: kind === "media" ? "video" : kind === "preload" || kind === "other" ? "empty" : kind,
        mode,
        credentials,
        origin,
        cookies: { kind: "subresource", topLevel: top, frames },
        isText,
      });
      this.#known.set(key, fetched);
    }
    const { response, failure, text } = await fetched;
    this.#resources.push({ ...reference, url, document, ...(response && { response }), ...(failure && { failure }) });
    if (response === undefined || text === "") return;
    const name = `${from} ${url}`.length > 120 ? "a script or style sheet" : url;
    const inner =
      kind === "style"
        ? styleReferences(text, response.url, name)
        : scriptReferences(text, response.url, mode === "cors" && /module|import/.test(from), name);
    for (const each of inner) this.#enqueue(each, document);
  }

  #originOf(document: number): string {
    return originText(documentOrigin(this.#documents, document));
  }

  /** Never rejects: a failure is a value. */
  async #fetch(url: string, context: FetchContext): Promise<Fetched> {
    const { origin } = context;
    const site = siteOf(origin, url);
    const signals = [this.#late, ...(this.#signal === undefined ? [] : [this.#signal])];
    const headers: Record<string, string> = {
      accept: context.accept,
      "sec-fetch-dest": context.destination,
      "sec-fetch-mode": context.mode,
      "sec-fetch-site": site,
      ...(context.mode === "cors" && origin !== undefined && { origin }),
    };
    try {
      const sends = context.credentials === "include" || site === "same-origin";
      const response = await this.#client.fetch(url, {
        headers,
        signal: AbortSignal.any(signals),
        cookieContext: context.cookies,
        credentials: sends ? "include" : "omit",
      });
      const facts = this.#client.facts(response)!;
      this.#facts ??= facts;
      const text = await this.#content(response, context.isText, url);
      return { response: responseOf(facts), text };
    } catch (error) {
      if (this.#signal?.aborted) return { text: "" };
      const { code, message } = error as { code?: unknown; message?: unknown };
      return {
        failure: { code: typeof code === "string" ? code : "FAILED", message: String(message ?? error) },
        text: "",
      };
    }
  }

  /** The text up to the limits; of other content only as much as keeps the connection. */
  async #content(response: Response, isText: boolean, url: string): Promise<string> {
    const { maxTextBytes, maxBytes } = this.#limits;
    const most = isText ? Math.min(maxTextBytes, maxBytes - this.#bytes) : DRAINED;
    if (response.body === null) return "";
    const decoder = new TextDecoder();
    const parts: string[] = [];
    let bytes = 0;
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      bytes += value.byteLength;
      if (isText) {
        this.#bytes += value.byteLength;
        parts.push(decoder.decode(value, { stream: true }));
      }
      if (bytes < most) continue;
      if (isText) this.#left.add(`of ${url}, only the first ${bytes} bytes were read`);
      await reader.cancel().catch(ignore);
      break;
    }
    return parts.join("");
  }
}

const hopOf = ({ url, status, fields }: ExchangeFacts): Hop => ({
  url,
  status,
  fields: fields.map(([name, value]) => [name, value]),
});

const responseOf = (facts: ExchangeFacts): LoadedResponse => ({
  ...hopOf(facts),
  protocol: facts.protocol,
  contentBytes: facts.contentBytes,
  redirects: facts.redirects.map(hopOf),
});

/** Sec-Fetch-Site, but for redirects. */
function siteOf(origin: string | undefined, url: string): string {
  if (origin === undefined) return "none";
  if (origin === new URL(url).origin) return "same-origin";
  return isSameSite(parseOrigin(origin), parseOrigin(url)) ? "same-site" : "cross-site";
}

/** The document of a data: URL. */
function dataText(url: string): string {
  const match = /^data:([^,]*),(.*)$/is.exec(url);
  if (match === null || !/^(?:text\/html)?(?:;|$)/i.test(match[1]!)) return "";
  try {
    return /;base64$/i.test(match[1]!)
      ? Buffer.from(match[2]!, "base64").toString("utf8")
      : decodeURIComponent(match[2]!);
  } catch {
    return "";
  }
}
