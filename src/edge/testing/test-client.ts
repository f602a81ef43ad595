/**
 * A test client that shows exactly what was sent and received, over every version of HTTP. Tests such as serve.test.ts
 * run over all of them.
 */

import type { Readable } from "node:stream";
import type { HttpVersion } from "../../host/http/exchange.ts";

export interface TestRequest {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The complete body. Without it, `send` and `finish` write one if `streaming` is set. */
  readonly body?: string | Uint8Array;
  readonly streaming?: boolean;
}

export interface TestResponse {
  readonly status: number;
  /** By lower-case name. Repeated lines are joined with ", ", those of set-cookie with a line feed. */
  readonly headers: Readonly<Record<string, string>>;
  /** Reads all content. */
  bytes(): Promise<Uint8Array>;
  text(): Promise<string>;
  /** Chunks as they arrive. Nothing is read in advance. */
  readonly content: Readable;
  /** Trailer fields, after the content. */
  trailers(): Readonly<Record<string, string>>;
}

export interface TestExchange {
  readonly response: Promise<TestResponse>;
  /** Informational responses so far. */
  readonly informational: { readonly status: number; readonly headers: Readonly<Record<string, string>> }[];
  send(chunk: string | Uint8Array): Promise<void>;
  finish(trailers?: Record<string, string>): void;
  /** Aborts the exchange. */
  cancel(): void;
}

export interface TestClient {
  readonly protocol: HttpVersion;
  /** True if `finish` can send trailers. */
  readonly sendsTrailers: boolean;
  request(request: TestRequest): TestExchange;
  /** Resolves when the server has closed the connection or accepts no more requests on it. */
  readonly goneAway: Promise<void>;
  close(): void;
}

/** Opens one connection. */
export type OpenTestClient = (origin: URL, options?: { servername?: string }) => Promise<TestClient>;

/** Sends a GET request, and waits for the response. */
export const get = (client: TestClient, path: string, headers: Record<string, string> = {}): Promise<TestResponse> =>
  client.request({ path, headers }).response;
