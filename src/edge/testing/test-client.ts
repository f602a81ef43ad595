/**
 * A client for tests that says exactly what was sent and received, over each version of HTTP: the list of cases in
 * serve.test.ts runs over every one of them.
 */

import type { Readable } from "node:stream";
import type { HttpVersion } from "../../host/http/exchange.ts";

export interface TestRequest {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The whole body; without it, `send` and `finish` write one if `streaming` is set. */
  readonly body?: string | Uint8Array;
  readonly streaming?: boolean;
}

export interface TestResponse {
  readonly status: number;
  /** By lower-case name; several lines are joined with ", ", those of set-cookie with a line feed. */
  readonly headers: Readonly<Record<string, string>>;
  /** The content, when all of it has been read. */
  bytes(): Promise<Uint8Array>;
  text(): Promise<string>;
  /** Chunks as they come; nothing is read before it is asked for. */
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
  /** Gives up. */
  cancel(): void;
}

export interface TestClient {
  readonly protocol: HttpVersion;
  /** Whether `finish` can send trailers. */
  readonly sendsTrailers: boolean;
  request(request: TestRequest): TestExchange;
  /** Resolves when the server has closed the connection, or has said that it takes no more requests. */
  readonly goneAway: Promise<void>;
  close(): void;
}

/** Opens one connection. */
export type OpenTestClient = (origin: URL, options?: { servername?: string }) => Promise<TestClient>;

/** A request, and its response when it has come. */
export const get = (client: TestClient, path: string, headers: Record<string, string> = {}): Promise<TestResponse> =>
  client.request({ path, headers }).response;
