/** Uploads in a listener of Node's shape: node:http, node:http2, nagare/node, Express, Koa and Fastify. */

import type { FieldLine, FieldSection } from "../../http/index.ts";
import type { Answer } from "../../http/resumable-upload/index.ts";
import type { UploadBody, UploadCall } from "./call.ts";
import { StreamBody } from "./fetch-call.ts";

/** Node's request, as frameworks pass it on. */
export interface NodeUploadRequest extends AsyncIterable<Uint8Array> {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  /** What Express removes from `url` below a mount point is still here. */
  readonly originalUrl?: string | undefined;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly httpVersion: string;
  readonly socket?: { readonly remoteAddress?: string | undefined } | null;
}

/** Node's response. */
export interface NodeUploadResponse {
  readonly headersSent: boolean;
  readonly destroyed: boolean;
  /** Sends the final response's head. */
  writeHead(status: number, headers: Record<string, string>): unknown;
  /** Ends the response. */
  end(content?: Uint8Array): unknown;
  /** Set by node:http2. */
  readonly stream?: unknown;
}

/** How interim responses are sent: by node:http2, and by what all methods of node:http for them end in. */
interface InterimResponses {
  readonly stream?: { additionalHeaders?(headers: Record<string, string | number>): void } | null;
  _writeRaw?(text: string, encoding: BufferEncoding): unknown;
}

export class NodeCall implements UploadCall {
  readonly method: string;
  readonly path: string;
  readonly fields: FieldSection;
  readonly remoteAddress: string;
  readonly body: UploadBody;
  readonly #request: NodeUploadRequest;
  readonly #response: NodeUploadResponse;

  constructor(request: NodeUploadRequest, response: NodeUploadResponse, remoteAddress: string) {
    this.method = request.method ?? "GET";
    this.path = request.originalUrl ?? request.url ?? "/";
    this.fields = linesOf(request.headers);
    this.remoteAddress = remoteAddress;
    const hasNone =
      request.headers["content-length"] === "0" ||
      (request.httpVersion.startsWith("1.") &&
        request.headers["content-length"] === undefined &&
        request.headers["transfer-encoding"] === undefined);
    this.body = new StreamBody(hasNone ? null : request);
    this.#request = request;
    this.#response = response;
  }

  inform({ status, fields }: Answer): void {
    const response = this.#response;
    if (response.headersSent || this.#request.httpVersion === "1.0") return;
    const { stream } = response as InterimResponses;
    if (stream?.additionalHeaders !== undefined) {
      stream.additionalHeaders({ ":status": status, ...Object.fromEntries(fields) });
      return;
    }
    // Node has methods for 100, 102 and 103 only; they all end here.
    const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join("");
    (response as InterimResponses)._writeRaw?.(
      `HTTP/1.1 ${status} Upload Resumption Supported\r\n${lines}\r\n`,
      "latin1",
    );
  }

  respond({ status, fields, content }: Answer): void {
    const response = this.#response;
    if (response.headersSent || response.destroyed) return;
    const hasContent = content !== undefined && status !== 204 && this.method !== "HEAD";
    const length: FieldLine[] = status === 204 ? [] : [["content-length", String(content?.byteLength ?? 0)]];
    response.writeHead(status, Object.fromEntries([...fields, ...length]));
    response.end(hasContent ? content : undefined);
  }
}

const linesOf = (headers: NodeUploadRequest["headers"]): FieldLine[] =>
  Object.entries(headers).flatMap(([name, value]): FieldLine[] => {
    if (value === undefined || name.startsWith(":")) return [];
    return Array.isArray(value) ? value.map((each) => [name, each] as const) : [[name, value]];
  });
