/** `client.upload()`: one file to one server, in one piece or in parallel parts, going on where it stopped. */

import { createHash } from "node:crypto";
import { duration } from "../../host/timer.ts";
import type { FieldLine } from "../../http/index.ts";
import { ClientUpload, finalRequest } from "../../http/resumable-upload/client/index.ts";
import type { ProfileName } from "../../http/resumable-upload/index.ts";
import { type KeptUpload, UploadError, type UploadInit, type UploadOutcome } from "./options.ts";
import { contentOf, type UploadContent, type UploadSource } from "./source.ts";
import { type LastResponse, type TransferOptions, transfer, type UploadFetcher } from "./transfer.ts";

/** Bytes of a request whose digest is sent: what a cut connection costs. */
const CHECKED_CHUNK = 16 * 1024 * 1024;
const MAX_PARALLEL = 64;

export async function uploadWith(
  client: UploadFetcher,
  url: string | URL,
  source: UploadSource,
  init: UploadInit = {},
): Promise<UploadOutcome> {
  return new FileUpload(client, new URL(url).href, await contentOf(source), init).run();
}

class FileUpload {
  readonly #client: UploadFetcher;
  readonly #endpoint: string;
  readonly #content: UploadContent;
  readonly #init: UploadInit;
  readonly #parallel: number;
  readonly #key: string | undefined;
  #parts: ClientUpload[] = [];
  #kept: string | undefined;
  #sent = 0;
  #resumedFrom = 0;
  #retries = 0;

  constructor(client: UploadFetcher, endpoint: string, content: UploadContent, init: UploadInit) {
    const { parallel = 1, protocol = "auto", stallTimeout = 30_000, chunkSize, maxTries } = init;
    duration("stallTimeout", stallTimeout);
    count("parallel", parallel, MAX_PARALLEL);
    count("chunkSize", chunkSize ?? 1);
    count("maxTries", maxTries ?? 1);
    if (parallel > 1 && protocol !== "auto" && protocol !== "tus") {
      // The drafts forbid it, and servers lose data silently where clients try.
      throw new UploadError("PARALLEL_UNSUPPORTED", `parallel parts need tus 1.0, not ${protocolName(protocol)}`);
    }
    this.#client = client;
    this.#endpoint = endpoint;
    this.#content = content;
    this.#init = init;
    this.#parallel = Math.max(1, Math.min(parallel, content.length));
    this.#key =
      content.fingerprint === undefined
        ? undefined
        : [endpoint, content.fingerprint, this.#parallel, protocol].join(" ");
  }

  async run(): Promise<UploadOutcome> {
    const { memory } = this.#init;
    const kept = this.#key === undefined ? undefined : await memory?.get(this.#key);
    const last = this.#parallel > 1 ? await this.#inParts(kept) : await this.#inOnePiece(kept);
    if (this.#key !== undefined) await memory?.delete(this.#key);
    return {
      ...last,
      length: this.#content.length,
      sent: this.#sent,
      retries: this.#retries,
    };
  }

  async #inOnePiece(
    kept: KeptUpload | undefined,
  ): Promise<Pick<UploadOutcome, keyof LastResponse | "url" | "protocol">> {
    const upload = await this.#machine(this.#content, kept?.protocol ?? this.#init.protocol, kept?.urls[0], false);
    this.#parts = [upload];
    const last = await transfer(upload, this.#transferOptions(this.#content));
    const isPlain = upload.isPlain || upload.url === undefined;
    return { ...last, url: upload.url, protocol: isPlain ? "plain" : upload.profile.name };
  }

  /** tus 1.0, Concatenation. */
  async #inParts(kept: KeptUpload | undefined): Promise<Pick<UploadOutcome, keyof LastResponse | "url" | "protocol">> {
    const { length } = this.#content;
    if (kept === undefined) await this.#requireConcatenation();
    const size = Math.ceil(length / this.#parallel);
    const slices: UploadContent[] = [];
    for (let start = 0; start < length; start += size)
      slices.push(sliceOf(this.#content, start, Math.min(length, start + size)));
    const urls = kept?.urls.length === slices.length ? kept.urls : [];
    this.#parts = await Promise.all(slices.map((slice, index) => this.#machine(slice, "tus", urls[index], true)));
    const controller = new AbortController();
    const { signal } = this.#init;
    const ends = signal === undefined ? controller.signal : AbortSignal.any([signal, controller.signal]);
    const running = this.#parts.map((part, index) =>
      transfer(part, { ...this.#transferOptions(slices[index]!), signal: ends }).catch((error: unknown) => {
        // One part that fails for good ends the others.
        controller.abort(error);
        throw error;
      }),
    );
    await Promise.all(running).finally(() => Promise.allSettled(running));
    const last = await this.#join();
    return { ...last, url: new URL(last.headers.get("location") ?? "", this.#endpoint).href, protocol: "tus" };
  }

  async #requireConcatenation(): Promise<void> {
    const headers = headerLines(this.#init.headers) as [string, string][];
    const { signal = null } = this.#init;
    const response = await this.#client.fetch(this.#endpoint, {
      method: "OPTIONS",
      headers,
      redirect: "manual",
      signal,
    });
    await response.body?.cancel();
    const extensions =
      response.headers
        .get("tus-extension")
        ?.split(",")
        .map((each) => each.trim()) ?? [];
    if (extensions.includes("concatenation")) return;
    throw new UploadError(
      "PARALLEL_UNSUPPORTED",
      "the server does not speak tus concatenation: upload without parallel parts",
    );
  }

  async #join(): Promise<LastResponse> {
    const parts = this.#parts.map(({ url }) => new URL(url!).pathname);
    const { method, url, fields } = finalRequest(this.#endpoint, parts, this.#metadata());
    const headers = [...headerLines(this.#init.headers), ...fields] as [string, string][];
    const { signal = null } = this.#init;
    const response = await this.#client.fetch(url, { method, headers, redirect: "manual", signal });
    const text = await response.text();
    if (response.status !== 201) {
      throw new UploadError(
        "REFUSED",
        `the server did not join the parts: ${response.status} ${text.trim().slice(0, 500)}`,
        response.status,
      );
    }
    return { status: response.status, headers: response.headers, text };
  }

  async #machine(
    content: UploadContent,
    protocol: string | number | undefined,
    url: string | undefined,
    isPartial: boolean,
  ): Promise<ClientUpload> {
    const { chunkSize, maxTries = 10, retryDelay = 500 } = this.#init;
    const named = isProfileName(protocol) ? protocol : undefined;
    return new ClientUpload({
      endpoint: this.#endpoint,
      length: content.length,
      protocol: named ?? (protocol === "plain" ? "plain" : "auto"),
      description: isPartial ? [] : await this.#description(),
      metadata: isPartial ? "" : this.#metadata(),
      chunkSize: chunkSize ?? (this.#sendsChecksums ? CHECKED_CHUNK : undefined),
      isPartial,
      saved: url === undefined || named === undefined ? undefined : { url, protocol: named },
      maxTries,
      firstPause: duration("retryDelay", retryDelay),
    });
  }

  get #sendsChecksums(): boolean {
    const { checksum = this.#parallel > 1, protocol } = this.#init;
    return checksum && (protocol === "tus" || this.#parallel > 1);
  }

  #transferOptions(content: UploadContent): TransferOptions {
    const { stallTimeout = 30_000, signal, onProgress, onRetry, headers } = this.#init;
    return {
      client: this.#client,
      content,
      headers: headerLines(headers),
      stallTimeout,
      signal,
      checksums: this.#sendsChecksums,
      onSent: (bytes) => {
        this.#sent += bytes;
        this.#report(onProgress);
      },
      onTold: () => {
        this.#keep();
        this.#report(onProgress);
      },
      onRetry: (retry) => {
        this.#retries += 1;
        onRetry?.(retry);
      },
    };
  }

  #report(onProgress: UploadInit["onProgress"]): void {
    if (onProgress === undefined) return;
    const acknowledged = this.#parts.reduce((sum, { offset }) => sum + offset, 0);
    if (this.#sent === 0) this.#resumedFrom = acknowledged;
    const { length } = this.#content;
    // Bytes that were sent twice count once.
    const sent = Math.min(length, Math.max(acknowledged, this.#resumedFrom + this.#sent));
    onProgress({ sent, acknowledged, length });
  }

  /** Keeps the URLs once all of them are known, and again if one changes. */
  #keep(): void {
    const { memory } = this.#init;
    if (this.#key === undefined || memory === undefined) return;
    const urls = this.#parts.map(({ url }) => url);
    const first = this.#parts[0]?.saved;
    const text = urls.join(" ");
    if (first === undefined || urls.includes(undefined) || text === this.#kept) return;
    this.#kept = text;
    // A failed write only means that another process begins anew.
    memory.set(this.#key, { protocol: first.protocol, urls: urls as string[] }).catch(() => undefined);
  }

  async #description(): Promise<readonly FieldLine[]> {
    const { type = this.#content.type, checksum, protocol } = this.#init;
    const name = this.#init.name ?? this.#content.name ?? "";
    const fields: FieldLine[] = [["content-type", type ?? "application/octet-stream"]];
    if (name !== "") fields.push(["content-disposition", `attachment; ${fileNameParameter(name)}`]);
    if (checksum === true && protocol !== "tus") fields.push(["repr-digest", `sha-256=:${await this.#wholeDigest()}:`]);
    return fields;
  }

  async #wholeDigest(): Promise<string> {
    const hash = createHash("sha256");
    for await (const chunk of this.#content.open(0, this.#content.length)) hash.update(chunk);
    return hash.digest("base64");
  }

  #metadata(): string {
    const { type = this.#content.type } = this.#init;
    const name = this.#init.name ?? this.#content.name ?? "";
    const pairs: [string, string | undefined][] = [
      ["filename", name === "" ? undefined : name],
      ["filetype", type],
    ];
    return pairs
      .flatMap(([key, value]) => (value === undefined ? [] : [`${key} ${Buffer.from(value).toString("base64")}`]))
      .join(",");
  }
}

const sliceOf = (content: UploadContent, from: number, to: number): UploadContent => ({
  length: to - from,
  open: (start, end) => content.open(from + start, from + end),
});

/** RFC 6266 §4.3, with RFC 8187 for names that are not ASCII. */
function fileNameParameter(name: string): string {
  const isPlain = /^[\x20-\x7e]*$/.test(name);
  if (isPlain) return `filename="${name.replaceAll(/["\\]/g, "\\$&")}"`;
  const encoded = encodeURIComponent(name).replaceAll(
    /['()*]/g,
    (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `filename*=UTF-8''${encoded}`;
}

const headerLines = (headers: UploadInit["headers"]): readonly FieldLine[] => [
  ...(new Headers(headers as Headers) as unknown as Iterable<FieldLine>),
];

const isProfileName = (protocol: unknown): protocol is ProfileName =>
  protocol === "tus" || (typeof protocol === "number" && protocol >= 3 && protocol <= 9);

const protocolName = (protocol: "plain" | ProfileName): string =>
  typeof protocol === "number" ? `version ${protocol} of the draft` : protocol;

function count(option: string, value: number, max = Number.MAX_SAFE_INTEGER): void {
  if (Number.isSafeInteger(value) && value >= 1 && value <= max) return;
  throw new TypeError(`${option} is ${value}: give a whole number from 1 to ${max}`);
}
