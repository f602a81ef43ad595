/** A request as the wire has it, and what came back: nothing is checked, completed or put in order. */

import type { FieldSection, HttpVersion } from "../../../http/index.ts";

/** Text holds one character per byte. */
export interface RawRequest {
  readonly method?: string;
  /** The request target of HTTP/1.1, and `:path` unless `path` says otherwise. */
  readonly target?: string;
  /** `:path`, where it is not the target; null leaves it out. */
  readonly path?: string | null;
  /** Host, or `:authority`; null leaves it out. */
  readonly authority?: string | null;
  readonly scheme?: string | null;
  readonly fields?: FieldSection;
  /** DATA frames, or what follows the head of HTTP/1.1: one chunk for each where the fields say chunked, or there are trailers. */
  readonly body?: readonly string[];
  readonly trailers?: FieldSection;
  /** For HTTP/1.1, what is sent word for word in place of everything above; LF is written as CRLF. */
  readonly http1?: string;
}

/** A response, or the end of the stream without one. */
export interface RawAnswer {
  /** Undefined when there was no head. */
  readonly status: number | undefined;
  readonly fields: FieldSection;
  readonly body: string;
  readonly trailers: FieldSection;
  readonly informational: readonly { readonly status: number; readonly fields: FieldSection }[];
  /** How it ended before its end: the code of the stream's reset, or "closed" for a connection. */
  readonly cut: number | "closed" | undefined;
}

export interface RawClient {
  readonly version: HttpVersion;
  send(request: RawRequest): Promise<RawAnswer>;
  close(): void;
}

export type OpenRawClient = (port: number) => Promise<RawClient>;

export const AUTHORITY = "localhost";

/** The lines of HTTP/2 and HTTP/3. */
export function linesOf(request: RawRequest): FieldSection {
  const { method = "GET", target = "/", path = target, authority = AUTHORITY, scheme = "https", fields = [] } = request;
  const pseudo = { ":method": method, ":scheme": scheme, ":authority": authority, ":path": path };
  const given = Object.entries(pseudo).filter((line): line is [string, string] => line[1] !== null);
  return [...given, ...fields];
}

/** Collects the parts of an answer as they come. */
export class AnswerBuilder {
  #status: number | undefined;
  #fields: FieldSection = [];
  #body = "";
  #trailers: FieldSection = [];
  readonly #informational: { status: number; fields: FieldSection }[] = [];

  get hasHead(): boolean {
    return this.#status !== undefined;
  }

  section(lines: FieldSection): void {
    const [first, ...rest] = lines;
    if (first?.[0] !== ":status") {
      this.#trailers = lines;
      return;
    }
    this.head(Number(first[1]), rest);
  }

  head(status: number, fields: FieldSection): void {
    if (status < 200) {
      this.#informational.push({ status, fields });
      return;
    }
    this.#status = status;
    this.#fields = fields;
  }

  content(bytes: Uint8Array): void {
    this.#body += Buffer.from(bytes).toString("latin1");
  }

  end(cut: RawAnswer["cut"], trailers = this.#trailers): RawAnswer {
    return {
      status: this.#status,
      fields: this.#fields,
      body: this.#body,
      trailers,
      informational: this.#informational,
      cut,
    };
  }
}
