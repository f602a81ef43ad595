/** Uploads in a fetch handler. */

import type { Context } from "../../host/http/fetch-context.ts";
import type { FieldSection } from "../../http/index.ts";
import type { Answer } from "../../http/resumable-upload/index.ts";
import { RequestCutError, type UploadBody, type UploadCall } from "./call.ts";

export class FetchCall implements UploadCall {
  readonly response: Promise<Response>;
  readonly method: string;
  readonly path: string;
  readonly fields: FieldSection;
  readonly body: UploadBody;
  readonly remoteAddress: string;
  readonly #context: Context | undefined;
  #resolve!: (response: Response) => void;

  /** Without a context, no interim responses are sent. */
  constructor(request: Request, context: Context | undefined, remoteAddress: string) {
    const { pathname, search } = new URL(request.url);
    this.method = request.method;
    this.path = pathname + search;
    this.fields = [...(request.headers as unknown as Iterable<[string, string]>)];
    this.body = new StreamBody(request.body as AsyncIterable<Uint8Array> | null);
    this.remoteAddress = remoteAddress;
    this.#context = context;
    this.response = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  inform({ status, fields }: Answer): void {
    this.#context?.inform(status, fields as [string, string][]);
  }

  respond({ status, fields, content }: Answer): void {
    const hasContent = content !== undefined && content.byteLength > 0 && status !== 204 && this.method !== "HEAD";
    this.#resolve(
      new Response(hasContent ? (content as Uint8Array<ArrayBuffer>) : null, {
        status,
        headers: fields as [string, string][],
      }),
    );
  }
}

/** Chunks of a stream. */
export class StreamBody implements UploadBody {
  readonly hasContent: boolean;
  readonly #chunks: AsyncIterator<Uint8Array> | undefined;

  constructor(stream: AsyncIterable<Uint8Array> | null) {
    this.hasContent = stream !== null;
    this.#chunks = stream?.[Symbol.asyncIterator]();
  }

  async next(): Promise<readonly Uint8Array[] | undefined> {
    if (this.#chunks === undefined) return undefined;
    try {
      const { done, value } = await this.#chunks.next();
      return done === true ? undefined : [value];
    } catch (cause) {
      throw new RequestCutError((cause as Error).message, { cause });
    }
  }
}
