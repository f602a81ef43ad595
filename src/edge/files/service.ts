/** Serves a folder as a web site, directly on Exchanges. */
import { accessSync, constants, readFile, statSync } from "node:fs";
import { resolve } from "node:path";
import { type Budget, processBudget } from "../../host/budget.ts";
import type { EngineChoice } from "../../host/engine/choice.ts";
import { EnginePageCache } from "../../host/files/engine-page-cache.ts";
import { describeFault, type Fault, guard } from "../../host/guard.ts";
import { respondWhole, type ServerExchange } from "../../host/http/exchange.ts";
import { respondText } from "../../host/http/respond-text.ts";
import { ServeError } from "../../host/listen/errors.ts";
import { acceptedCodings, combinedFieldValue, type FieldLine } from "../../http/index.ts";
import { printable } from "../../wire/printable.ts";
import { ContentCache } from "./content-cache.ts";
import { contentType, isCompressible } from "./content-type.ts";
import { type Fallback, findApplication, findPage } from "./fallback.ts";
import { LISTING_FIELDS, listing } from "./listing.ts";
import { isAbsence, type LocatedFile, locate, locateFile, locateSibling, type ServedTree } from "./locate.ts";
import { isExhaustion, type OpenFile, openFile } from "./open-file.ts";
import { type FilePlan, type Part, planFile, type Representation } from "./plan.ts";
import { folderPath, parsePath } from "./safe-path.ts";
import { FileTransfer } from "./transfer.ts";
import { TurnAnswers } from "./turn-answers.ts";

/** How a folder is served. */
export interface FilesOptions {
  /** The `cache-control` of every file. By default, browsers revalidate each time, which costs one small 304. */
  readonly cacheControl?: string | undefined;
  /** Serves index.html for paths that match no file, for a single-page application. */
  readonly spa?: boolean | undefined;
  /** Serves a page of links for a folder without index.html. */
  readonly listing?: boolean | undefined;
  /** A folder whose files replace those of this one for clients that send `Prefer: safe` (RFC 8674). */
  readonly safe?: string | undefined;
  /** What reads large files: the fast engine where it works, or "portable". "auto", the default, leaves it to NAGARE_ENGINE. */
  readonly engine?: Exclude<EngineChoice, "fast"> | undefined;
  /** Receives a line about each file that cannot be read. Standard error by default. */
  readonly log?: ((line: string) => void) | undefined;
}

/** Options for services that stand in front of this one. */
export interface FileServiceOptions extends Omit<FilesOptions, "safe"> {
  /** Handles a request for which the folder has no file. By default, a 404. */
  readonly onMissing?: ((exchange: ServerExchange) => void) | undefined;
}

/** The suffixes of precompressed files, best first. */
const PRECOMPRESSED = { br: ".br", gzip: ".gz" } as const;
const CODINGS = Object.keys(PRECOMPRESSED) as (keyof typeof PRECOMPRESSED)[];

const ALLOWED = "GET, HEAD, OPTIONS";
/** Attempts for a file that changes between lookup and opening. */
const MAX_ATTEMPTS = 3;
/** Paths that lead out of the folder, remembered so that each is reported once. */
const MAX_REFUSED = 1_000;

export class FileService {
  readonly #tree: ServedTree;
  readonly #cacheControl: string;
  readonly #log: (line: string) => void;
  readonly #options: FileServiceOptions;
  readonly #refused = new Set<string>();
  readonly #contents = new ContentCache();
  readonly #answers: TurnAnswers;
  readonly #budget: Budget;
  readonly #pageCache: EnginePageCache;

  constructor(directory: string, options: FileServiceOptions = {}, budget: Budget = processBudget()) {
    this.#budget = budget;
    const root = resolve(directory);
    if (!statSync(root, { throwIfNoEntry: false })?.isDirectory()) {
      throw new ServeError("DIRECTORY_MISSING", `there is no folder ${directory}: name one that exists`);
    }
    try {
      accessSync(root, constants.R_OK | constants.X_OK);
    } catch (cause) {
      const remedy = "let the user that runs the server read it";
      throw new ServeError("DIRECTORY_UNREADABLE", `permission denied for the folder ${directory}: ${remedy}`, {
        cause,
      });
    }
    this.#options = options;
    this.#cacheControl = options.cacheControl ?? "no-cache";
    this.#log = options.log ?? ((line) => process.stderr.write(`${line}\n`));
    this.#pageCache = new EnginePageCache(options.engine, (fault) => this.#log(describeFault(fault)));
    this.#answers = new TurnAnswers(this.#log);
    this.#tree = { root, onRefused: (path, why) => this.#reportRefused(path, why) };
  }

  readonly handle = (exchange: ServerExchange): void => {
    try {
      const key = TurnAnswers.keyOf(exchange);
      const known = key === undefined ? undefined : this.#answers.get(key);
      if (known === undefined) this.#answer(exchange, 1, key);
      else respondContent(exchange, known.plan, known.content);
    } catch (error) {
      this.#fail(exchange, error);
    }
  };

  /** With a key, an answer from memory is kept for the rest of the turn. */
  #answer(exchange: ServerExchange, attempt: number, key?: string): void {
    const { method } = exchange;
    if (method !== "GET" && method !== "HEAD") {
      // RFC 9110 §15.5.6 requires the list of methods in a 405, and §9.3.7 allows it in a response to OPTIONS.
      if (method === "OPTIONS") exchange.respond(204, [["allow", ALLOWED]], { endStream: true });
      else respondText(exchange, 405, undefined, [["allow", ALLOWED]]);
      return;
    }
    const path = parsePath(exchange.path);
    if (!path.ok) {
      if (path.status === 400) respondText(exchange, 400);
      else this.#notFound(exchange);
      return;
    }
    const located = locate(this.#tree, path.segments);
    if (located?.type === "folder" && !path.trailingSlash) {
      const location = folderPath(path.segments, path.query);
      respondText(exchange, 301, undefined, [["location", location]]);
      return;
    }
    const segments = located?.type === "folder" ? [...path.segments, "index.html"] : path.segments;
    const file = located?.type === "folder" ? locateFile(this.#tree, segments) : located?.file;
    if (file !== undefined && !(located?.type === "file" && path.trailingSlash)) {
      this.#sendFile(exchange, segments, file, attempt, key);
      return;
    }
    const page = path.trailingSlash ? undefined : findPage(this.#tree, path.segments, located);
    const isListed = located?.type === "folder" && this.#options.listing === true;
    if (page === undefined && isListed && this.#sendListing(exchange, path.segments)) return;
    this.#sendFallback(exchange, page ?? this.#application(path.segments), attempt);
  }

  #application(segments: readonly string[]): Fallback | undefined {
    return this.#options.spa === true ? findApplication(this.#tree, segments) : undefined;
  }

  #sendFallback(exchange: ServerExchange, fallback: Fallback | undefined, attempt: number): void {
    if (fallback === undefined) this.#notFound(exchange);
    else this.#sendFile(exchange, fallback.segments, fallback.file, attempt);
  }

  #sendListing(exchange: ServerExchange, segments: readonly string[]): boolean {
    const page = listing(this.#tree, segments);
    if (page === undefined) return false;
    const body = new TextEncoder().encode(page);
    const isBodiless = exchange.method === "HEAD";
    exchange.respond(200, [...LISTING_FIELDS, ["content-length", String(body.byteLength)]], { endStream: isBodiless });
    if (!isBodiless) exchange.end(body);
    return true;
  }

  #sendFile(
    exchange: ServerExchange,
    segments: readonly string[],
    original: LocatedFile,
    attempt: number,
    key?: string,
  ): void {
    const field = (name: string) => combinedFieldValue(exchange.fields, name);
    const type = contentType(segments.at(-1)!);
    const negotiated = isCompressible(type);
    const variant = negotiated ? this.#precompressed(original, field("accept-encoding")) : undefined;
    const file = variant?.file ?? original;
    const representation: Representation = {
      stats: file.stats,
      type,
      coding: variant?.coding,
      negotiated,
      cacheControl: this.#cacheControl,
    };
    const plan = planFile(exchange.method, field, representation, Date.now());
    this.#send(exchange, plan, file, (error) => this.#retry(exchange, attempt, error), key);
  }

  /** The best precompressed copy that the client accepts. A copy older than the original is outdated. */
  #precompressed(original: LocatedFile, acceptEncoding: string | undefined) {
    for (const coding of acceptedCodings(acceptEncoding, CODINGS)) {
      const file = locateSibling(this.#tree, original, PRECOMPRESSED[coding]);
      if (file !== undefined && file.stats.mtimeMs >= original.stats.mtimeMs) return { file, coding };
    }
    return undefined;
  }

  /** `onFailure` responds if the file has changed or cannot be read. */
  #send(
    exchange: ServerExchange,
    plan: FilePlan,
    file: LocatedFile,
    onFailure: (error: Error) => void,
    key?: string,
  ): void {
    const { status, fields, parts } = plan;
    if (parts === undefined || file.stats.size === 0) {
      exchange.respond(status, fields, { endStream: true });
      return;
    }
    const content = this.#contents.get(file.path, file.stats);
    if (content !== undefined) {
      if (key !== undefined) this.#answers.set(key, { plan, content });
      respondContent(exchange, plan, content);
      return;
    }
    openFile(file, {
      root: this.#tree.root,
      budget: this.#budget,
      onOpen: (opened) => this.#sendOpen(exchange, plan, parts, file, opened, onFailure),
      onFailure,
      onFault: (fault) => this.#handleFault(exchange, fault),
    });
  }

  /** Closes the file in every case, or passes that duty on. */
  #sendOpen(
    exchange: ServerExchange,
    plan: FilePlan,
    parts: readonly Part[],
    file: LocatedFile,
    opened: OpenFile,
    onFailure: (error: Error) => void,
  ): void {
    let keepsOpen = false;
    try {
      if (exchange.aborted !== undefined) return;
      if (ContentCache.accepts(file.stats)) {
        this.#sendSmall(exchange, plan, file, opened, onFailure);
        keepsOpen = true;
      } else {
        exchange.respond(plan.status, plan.fields);
        keepsOpen = true;
        new FileTransfer(exchange, opened, parts, this.#pageCache, (error, fault) => {
          if (fault === undefined) this.#fail(exchange, error);
          else this.#handleFault(exchange, fault);
        });
      }
    } finally {
      if (!keepsOpen) opened.close();
    }
  }

  #sendSmall(
    exchange: ServerExchange,
    plan: FilePlan,
    file: LocatedFile,
    opened: OpenFile,
    onFailure: (error: Error) => void,
  ): void {
    const onFault = (fault: Fault): void => this.#handleFault(exchange, fault);
    readFile(
      opened.fd,
      guard("file content", onFault, (error: Error | null, bytes: Buffer) => {
        opened.close();
        if (error !== null) onFailure(error);
        else if (bytes.byteLength !== file.stats.size) onFailure(new Error("the file keeps changing"));
        else {
          this.#contents.set(file.path, file.stats, bytes);
          respondContent(exchange, plan, bytes);
        }
      }),
    );
  }

  #retry(exchange: ServerExchange, attempt: number, error: Error): void {
    if (exchange.aborted !== undefined) return;
    if (isExhaustion(error)) {
      respondText(exchange, 503, undefined, [["retry-after", "1"]]);
      return;
    }
    if (attempt >= MAX_ATTEMPTS) {
      if (isAbsence(error)) this.#notFound(exchange);
      else this.#fail(exchange, error);
      return;
    }
    try {
      this.#answer(exchange, attempt + 1);
    } catch (again) {
      this.#fail(exchange, again);
    }
  }

  #notFound(exchange: ServerExchange): void {
    if (this.#options.onMissing !== undefined) {
      this.#options.onMissing(exchange);
      return;
    }
    const page = locateFile(this.#tree, ["404.html"]);
    if (page === undefined) {
      respondText(exchange, 404);
      return;
    }
    const fields: FieldLine[] = [
      ["content-type", "text/html; charset=utf-8"],
      ["content-length", String(page.stats.size)],
      ["cache-control", this.#cacheControl],
    ];
    const parts = exchange.method === "HEAD" ? undefined : [{ start: 0, end: page.stats.size - 1 }];
    this.#send(exchange, { status: 404, fields, parts }, page, (error) => {
      this.#report(exchange, error);
      respondText(exchange, 404);
    });
  }

  #handleFault(exchange: ServerExchange, fault: Fault): void {
    this.#log(describeFault(fault));
    if (exchange.aborted === undefined) this.#end(exchange, fault.error);
  }

  #fail(exchange: ServerExchange, error: unknown): void {
    if (exchange.aborted !== undefined) return;
    this.#report(exchange, error);
    this.#end(exchange, error);
  }

  #end(exchange: ServerExchange, error: unknown): void {
    if (exchange.status === undefined) respondText(exchange, 500);
    else exchange.reset(error instanceof Error ? error : new Error(String(error)));
  }

  /** Logs once per path; otherwise the owner of the file would see only a 404. */
  #reportRefused(path: string, why: string): void {
    if (this.#refused.has(path) || this.#refused.size >= MAX_REFUSED) return;
    this.#refused.add(path);
    this.#log(printable(`nagare: ${path} is not served: ${why}`));
  }

  #report(exchange: ServerExchange, error: unknown): void {
    const problem = error instanceof Error ? error.message : error;
    this.#log(printable(`nagare: ${exchange.method} ${exchange.path}: ${problem}`));
  }
}

/** Responds with content that is in memory. */
function respondContent(exchange: ServerExchange, { status, fields, parts }: FilePlan, content: Uint8Array): void {
  const [only, ...others] = parts!;
  if (others.length === 0 && only !== undefined && !(only instanceof Uint8Array)) {
    respondWhole(exchange, status, fields, content.subarray(only.start, only.end + 1));
    return;
  }
  exchange.respond(status, fields);
  const pieces = parts!.map((part) => (part instanceof Uint8Array ? part : content.subarray(part.start, part.end + 1)));
  for (const piece of pieces.slice(0, -1)) exchange.write(piece);
  exchange.end(pieces.at(-1));
}
