/** Drives one upload: sends what the machine asks for, and tells it what became of it. */

import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { guard } from "../../host/guard.ts";
import { noLimit, Timer } from "../../host/timer.ts";
import type { FieldLine } from "../../http/index.ts";
import type { ClientUpload, UploadRequest } from "../../http/resumable-upload/client/index.ts";
import type { FetchInit } from "../fetch.ts";
import { UploadError, type UploadRetry } from "./options.ts";
import type { UploadContent } from "./source.ts";

/** What a transfer needs of its client. */
export interface UploadFetcher {
  fetch(url: string, init: FetchInit): Promise<Response>;
  networkChanged(): void;
}

export interface TransferOptions {
  readonly client: UploadFetcher;
  readonly content: UploadContent;
  readonly headers: readonly FieldLine[];
  readonly stallTimeout: number;
  readonly signal: AbortSignal | undefined;
  /** True to send the digest of each request (tus 1.0). */
  readonly checksums: boolean;
  /** Called with the bytes just given to the connection. */
  readonly onSent: (bytes: number) => void;
  /** Called when the server has told what it has, or the upload has got a URL. */
  readonly onTold: () => void;
  readonly onRetry: (retry: UploadRetry) => void;
}

export interface LastResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** A response's text is for people; a longer one is cut. */
const MAX_TEXT = 64 * 1024;

/** Resolves with the response that completed the upload. Rejects with an `UploadError`, or the signal's reason. */
export async function transfer(upload: ClientUpload, options: TransferOptions): Promise<LastResponse> {
  const { signal, client } = options;
  for (;;) {
    signal?.throwIfAborted();
    const request = upload.next();
    const sent = new Sending(request, options);
    let response: LastResponse | undefined;
    let lost: Error | undefined;
    try {
      response = await sent.send((status, fields) => {
        upload.handleInterim(status, fields);
        options.onTold();
      });
    } catch (error) {
      signal?.throwIfAborted();
      if (sent.sourceError !== undefined) {
        throw new UploadError(
          "SOURCE_FAILED",
          `cannot read the file: ${sent.sourceError.message}`,
          undefined,
          sent.sourceError,
        );
      }
      lost = error instanceof Error ? error : new Error(String(error));
      // What is known about the network may be wrong now.
      client.networkChanged();
    }
    const verdict =
      response === undefined
        ? upload.handleLost(sent.isWhole, lost!)
        : upload.handleResponse(response.status, linesOf(response.headers), response.text);
    options.onTold();
    if (verdict.kind === "done") return response!;
    if (verdict.kind === "failed") {
      throw new UploadError(verdict.failure.code, verdict.failure.message, verdict.failure.status, lost);
    }
    if (lost !== undefined || verdict.wait > 0) {
      const reason = lost?.message ?? `the server answered ${response!.status}`;
      options.onRetry({ reason, offset: upload.offset, wait: verdict.wait });
    }
    if (verdict.wait > 0) await pause(verdict.wait, undefined, signal === undefined ? {} : { signal });
  }
}

/** One request. */
class Sending {
  /** True once all content was given to the connection. */
  isWhole = false;
  sourceError: Error | undefined;
  readonly #request: UploadRequest;
  readonly #options: TransferOptions;
  readonly #controller = new AbortController();
  #timer: Timer | undefined;

  constructor(request: UploadRequest, options: TransferOptions) {
    this.#request = request;
    this.#options = options;
  }

  async send(onInterim: (status: number, fields: readonly FieldLine[]) => void): Promise<LastResponse> {
    const { method, url, start, end } = this.#request;
    const { client, signal, headers, stallTimeout, checksums } = this.#options;
    const fields = [...headers, ...this.#request.fields];
    if (checksums && method === "PATCH") fields.push(["upload-checksum", `sha1 ${await this.#digest(start, end)}`]);
    const hasContent = method === "POST" || method === "PATCH";
    const stalled = new Error(`no progress within ${stallTimeout / 1_000} s`);
    const abort = guard(
      "client upload stalled",
      ({ error }) => this.#controller.abort(error),
      () => this.#controller.abort(stalled),
    );
    this.#timer = new Timer(abort, noLimit(stallTimeout));
    try {
      const response = await client.fetch(url, {
        method,
        headers: fields as [string, string][],
        // A body of another length would be a lie, and a redirect elsewhere another upload.
        redirect: "manual",
        signal: signal === undefined ? this.#controller.signal : AbortSignal.any([signal, this.#controller.signal]),
        onInformational: (status, _headers, lines) => {
          this.#timer?.refresh();
          onInterim(
            status,
            lines.map(([name, value]): FieldLine => [name.toLowerCase(), value]),
          );
        },
        ...(hasContent ? { body: { length: end - start, open: () => this.#content() } } : {}),
      });
      const text = await this.#textOf(response);
      return { status: response.status, headers: response.headers, text };
    } finally {
      this.#timer.clear();
      // An answer before the end of the content: the rest is not wanted.
      if (hasContent && !this.isWhole)
        this.#controller.abort(new Error("the server answered before the end of the content"));
    }
  }

  async *#content(): AsyncGenerator<Uint8Array> {
    const { start, end } = this.#request;
    let left = end - start;
    try {
      for await (const chunk of this.#options.content.open(start, end)) {
        left -= chunk.byteLength;
        if (left < 0) break;
        this.#timer?.refresh();
        yield chunk;
        this.#options.onSent(chunk.byteLength);
      }
    } catch (error) {
      this.sourceError = error instanceof Error ? error : new Error(String(error));
      throw this.sourceError;
    }
    if (left !== 0) {
      this.sourceError = new Error("its length has changed");
      throw this.sourceError;
    }
    this.isWhole = true;
  }

  async #digest(start: number, end: number): Promise<string> {
    const hash = createHash("sha1");
    for await (const chunk of this.#options.content.open(start, end)) hash.update(chunk);
    return hash.digest("base64");
  }

  async #textOf(response: Response): Promise<string> {
    const decoder = new TextDecoder();
    let text = "";
    if (response.body === null) return text;
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      if (text.length < MAX_TEXT) text += decoder.decode(chunk, { stream: true });
      this.#timer?.refresh();
    }
    return text;
  }
}

const linesOf = (headers: Headers): FieldLine[] => [...(headers as unknown as Iterable<FieldLine>)];
