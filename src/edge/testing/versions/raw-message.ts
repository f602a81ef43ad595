/** Raw requests and responses, exactly as on the wire: nothing is checked, completed or reordered. */

import type { FieldSection, HttpVersion } from "../../../http/index.ts";

/** Text holds one character per byte. */
export interface RawRequest {
  readonly method?: string;
  /** The request target of HTTP/1.1, and `:path` unless `path` says otherwise. */
  readonly target?: string;
  /** `:path`, if it differs from the target; null omits it. */
  readonly path?: string | null;
  /** Host, or `:authority`; null omits it. */
  readonly authority?: string | null;
  readonly scheme?: string | null;
  readonly fields?: FieldSection;
  /** The payloads of DATA frames. In HTTP/1.1, chunks if the message is chunked, otherwise the content. */
  readonly body?: readonly string[];
  readonly trailers?: FieldSection;
  /** Text to send over HTTP/1.1 instead of everything above, with LF written as CRLF. */
  readonly http1?: string;
}

/** A response, or the end of the stream without one. */
export interface RawAnswer {
  /** Undefined if there was no head. */
  readonly status: number | undefined;
  readonly fields: FieldSection;
  readonly body: string;
  readonly trailers: FieldSection;
  readonly informational: readonly { readonly status: number; readonly fields: FieldSection }[];
  /** How it was aborted: the error code of the stream reset, or "closed" for a closed connection. */
  readonly cut: number | "closed" | undefined;
}

export interface RawClient {
  readonly version: HttpVersion;
  send(request: RawRequest): Promise<RawAnswer>;
  close(): void;
}

export type OpenRawClient = (port: number) => Promise<RawClient>;

export const AUTHORITY = "localhost";

/** The field lines in HTTP/2 and HTTP/3, including pseudo-headers. */
export function linesOf(request: RawRequest): FieldSection {
  const { method = "GET", target = "/", path = target, authority = AUTHORITY, scheme = "https", fields = [] } = request;
  const pseudo = { ":method": method, ":scheme": scheme, ":authority": authority, ":path": path };
  const given = Object.entries(pseudo).filter((line): line is [string, string] => line[1] !== null);
  return [...given, ...fields];
}

/** Collects the parts of a response as they arrive. */
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
