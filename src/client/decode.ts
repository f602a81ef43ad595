// RFC 9110 §8.4: decodes the content codings of a response body as a stream.
import { Duplex, pipeline, Readable } from "node:stream";
import type { ReadableStream as NodeReadableStream } from "node:stream/web";
import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  type Inflate,
  type InflateRaw,
} from "node:zlib";
import { ClientError } from "../host/client/errors.ts";
import { type Fault, guard } from "../host/guard.ts";

export const ACCEPT_ENCODING = "gzip, deflate, br";
/** More nested codings than anyone uses legitimately. */
const MAX_CODINGS = 5;

/** Returns the decoded body, or undefined if there is nothing to decode or a coding is unknown. */
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
      `the response has ${codings.length} nested content codings; the limit is ${MAX_CODINGS}`,
    );
  }
  const decoders = codings.reverse().map(decoderFor);
  if (decoders.includes(undefined)) return undefined;

  const source = Readable.fromWeb(body as unknown as NodeReadableStream);
  const last = decoders.at(-1)!;
  pipeline([source, ...(decoders as Duplex[])], () => {}); // an error of any stage surfaces in the last one, below
  const chunks = last[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await chunks.next();
          if (done) controller.close();
          else controller.enqueue(value as Uint8Array);
        } catch (error) {
          // Some servers label an empty body with a coding; browsers and curl treat it as empty content.
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

function decoderFor(coding: string): Duplex | undefined {
  if (coding === "gzip" || coding === "x-gzip") return createGunzip();
  if (coding === "br") return createBrotliDecompress();
  if (coding === "deflate") return createAnyInflate();
  return undefined;
}

/**
 * "deflate" means the zlib format, but some servers send raw DEFLATE data. The first byte distinguishes them (RFC 1950
 * §2.2, CM = 8). Applies backpressure: a few kilobytes may expand to gigabytes.
 */
function createAnyInflate(): Duplex {
  let inflate: Inflate | InflateRaw | undefined;
  const open = (first: number, duplex: Duplex): Inflate | InflateRaw => {
    const stream = (first & 0x0f) === 8 ? createInflate() : createInflateRaw();
    const onFault = (fault: Fault) => duplex.destroy(fault.error);
    stream.on(
      "data",
      guard("client inflated", onFault, (data: Uint8Array) => {
        if (!duplex.push(data)) stream.pause();
      }),
    );
    stream.on(
      "error",
      guard("client inflate error", onFault, (error: Error) => duplex.destroy(error)),
    );
    stream.on(
      "end",
      guard("client inflate end", onFault, () => duplex.push(null)),
    );
    return stream;
  };
  return new Duplex({
    read() {
      inflate?.resume();
    },
    write(chunk: Uint8Array, _encoding, callback) {
      inflate ??= open(chunk[0]!, this);
      inflate.write(chunk, callback);
    },
    final(callback) {
      if (inflate === undefined) this.push(null);
      else inflate.end();
      callback();
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
  const what = code === "Z_BUF_ERROR" ? "is truncated" : "is malformed";
  return new ClientError("CONTENT_UNDECODABLE", `the response's ${contentEncoding} content ${what}`, { cause: error });
}
