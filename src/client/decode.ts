// RFC 9110 §8.4: takes the content codings off a response's body, streaming.
import { pipeline, Readable, Transform } from "node:stream";
import type { ReadableStream as NodeReadableStream } from "node:stream/web";
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from "node:zlib";
import { ClientError } from "../host/client/errors.ts";
import { type Fault, guard } from "../host/guard.ts";

export const ACCEPT_ENCODING = "gzip, deflate, br";
/** More codings than anyone stacks in earnest. */
const MAX_CODINGS = 5;

/** The decoded body, or undefined when there is nothing to decode or a coding is unknown: the caller then gets it as it came. */
export function decode(
  body: ReadableStream<Uint8Array>,
  contentEncoding: string,
): ReadableStream<Uint8Array> | undefined {
  const codings = contentEncoding
    .toLowerCase()
    .split(",")
    .map((each) => each.trim())
    .filter((each) => each !== "" && each !== "identity");
  if (codings.length === 0) return undefined;
  if (codings.length > MAX_CODINGS) {
    throw new ClientError(
      "CONTENT_UNDECODABLE",
      `the response has ${codings.length} content codings on top of each other`,
    );
  }
  const decoders = codings.reverse().map(decoderFor);
  if (decoders.includes(undefined)) return undefined;

  const source = Readable.fromWeb(body as unknown as NodeReadableStream);
  const last = decoders.at(-1)!;
  pipeline([source, ...(decoders as Transform[])], () => {}); // a failure of any stage is the failure of the last, below
  const chunks = last[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await chunks.next();
          if (done) controller.close();
          else controller.enqueue(value as Uint8Array);
        } catch (error) {
          // What a server sends that codes nothing; browsers and curl take it for empty content.
          const isEmpty = (decoders[0] as { bytesWritten?: number }).bytesWritten === 0;
          if (isEmpty && (error as { code?: string }).code === "Z_BUF_ERROR") controller.close();
          else throw explain(error, contentEncoding);
        }
      },
      cancel(reason) {
        source.destroy(reason instanceof Error ? reason : undefined);
        last.destroy();
      },
    },
    { highWaterMark: 0 },
  );
}

function decoderFor(coding: string): Transform | undefined {
  if (coding === "gzip" || coding === "x-gzip") return createGunzip();
  if (coding === "br") return createBrotliDecompress();
  if (coding === "deflate") return inflateEither();
  return undefined;
}

/** "deflate" means the zlib format; some servers send bare DEFLATE data. The first byte tells: RFC 1950 §2.2, CM = 8. */
function inflateEither(): Transform {
  let inflate: Transform | undefined;
  return new Transform({
    transform(chunk: Uint8Array, _encoding, callback) {
      if (inflate === undefined) {
        inflate = (chunk[0]! & 0x0f) === 8 ? createInflate() : createInflateRaw();
        const onFault = (fault: Fault) => this.destroy(fault.error);
        inflate.on(
          "data",
          guard("client inflated", onFault, (data: Uint8Array) => this.push(data)),
        );
        inflate.on(
          "error",
          guard("client inflate error", onFault, (error: Error) => this.destroy(error)),
        );
      }
      inflate.write(chunk, callback);
    },
    flush(callback) {
      if (inflate === undefined) return callback();
      inflate.once(
        "end",
        guard(
          "client inflate end",
          (fault) => callback(fault.error),
          () => callback(),
        ),
      );
      inflate.end();
    },
    destroy(error, callback) {
      inflate?.destroy();
      callback(error);
    },
  });
}

function explain(error: unknown, contentEncoding: string): unknown {
  const code = (error as { code?: string }).code ?? "";
  if (!code.startsWith("Z_") && !code.startsWith("ERR_BROTLI") && !code.startsWith("ERR__ERROR")) return error;
  const what = code === "Z_BUF_ERROR" ? "ends early" : "is not what it claims to be";
  return new ClientError("CONTENT_UNDECODABLE", `the response's ${contentEncoding} content ${what}`, { cause: error });
}
