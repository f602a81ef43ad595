/** Content codings (RFC 9110 §8.4.1) by Node's zlib, tuned for responses that are compressed anew for each client. */

import type { Transform } from "node:stream";
import * as zlib from "node:zlib";
import { type Fault, guard } from "../guard.ts";
import type { ReleaseChunk } from "../http/exchange.ts";

export type ContentCoding = "br" | "zstd" | "gzip";

/** Node 22.15 and later have zstd. */
const zstd = zlib as unknown as {
  readonly createZstdCompress?: (options: object) => Transform;
  readonly zstdCompressSync?: (content: Uint8Array, options: object) => Buffer;
};

export const SUPPORTED_CODINGS: readonly ContentCoding[] =
  zstd.createZstdCompress === undefined ? ["br", "gzip"] : ["br", "zstd", "gzip"];

const { constants } = zlib;
/** Higher qualities cost ten times the CPU, and save a few percent. A window of 256 KiB limits the memory of a stream. */
const BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: 4, [constants.BROTLI_PARAM_LGWIN]: 18 } };
const GZIP = { level: 5, memLevel: 7 };

export function compressWhole(coding: ContentCoding, content: Uint8Array): Uint8Array {
  if (coding === "br") return zlib.brotliCompressSync(content, BROTLI);
  return coding === "gzip" ? zlib.gzipSync(content, GZIP) : zstd.zstdCompressSync!(content, {});
}

function createStream(coding: ContentCoding): Transform & { flush(kind: number, done: () => void): void } {
  const stream =
    coding === "br"
      ? zlib.createBrotliCompress(BROTLI)
      : coding === "gzip"
        ? zlib.createGzip(GZIP)
        : zstd.createZstdCompress!({});
  return stream as ReturnType<typeof createStream>;
}

/** What a flush is called: brotli, zstd and gzip have their own numbers. */
const FLUSH: Readonly<Record<ContentCoding, number>> = {
  br: constants.BROTLI_OPERATION_FLUSH,
  zstd: (constants as unknown as { readonly ZSTD_e_flush: number }).ZSTD_e_flush,
  gzip: constants.Z_SYNC_FLUSH,
};

export interface CompressorOptions {
  /** Takes compressed content. Returns false when there is enough: `resume` follows. */
  readonly onData: (chunk: Uint8Array) => boolean;
  readonly onEnd: () => void;
  /** Called when there is room again, after `write` returned false or `hasRoom` was false. */
  readonly onDrain: () => void;
  /** The content cannot be completed. */
  readonly onError: (error: Error) => void;
  /** As `onError`, for a fault of our own. */
  readonly onFault: (fault: Fault) => void;
}

/** Compresses content in the thread pool. What was written is sent within a turn of the event loop, even if little. */
export interface Compressor {
  readonly hasRoom: boolean;
  write(chunk: Uint8Array, released?: ReleaseChunk): boolean;
  end(): void;
  resume(): void;
  destroy(): void;
}

export function createCompressor(coding: ContentCoding, options: CompressorOptions): Compressor {
  const stream = createStream(coding);
  const { onData, onEnd, onDrain, onError } = options;
  const onFault = (fault: Fault): void => {
    stream.destroy();
    options.onFault(fault);
  };
  let isFlushing = false;
  let isEnded = false;
  stream.on(
    "data",
    guard("compression data", onFault, (chunk: Uint8Array) => {
      if (!onData(chunk)) stream.pause();
    }),
  );
  stream.on("end", guard("compression end", onFault, onEnd));
  stream.on("drain", guard("compression drain", onFault, onDrain));
  stream.on("error", guard("compression error", onFault, onError));
  const flush = (): void => {
    if (isEnded || isFlushing || stream.destroyed) return;
    isFlushing = true;
    setImmediate(
      guard("compression flush", onFault, () => {
        isFlushing = false;
        // Content in the queue comes out by itself, and flushing after each chunk would cost compression.
        if (!isEnded && !stream.destroyed && stream.writableLength === 0) stream.flush(FLUSH[coding], () => undefined);
      }),
    );
  };
  return {
    get hasRoom() {
      return !stream.writableNeedDrain;
    },
    write(chunk, released) {
      if (stream.destroyed) {
        released?.(chunk);
        return true;
      }
      const hasRoom = stream.write(
        chunk,
        guard("compression written", onFault, () => {
          released?.(chunk);
          flush();
        }),
      );
      return hasRoom;
    },
    end() {
      isEnded = true;
      stream.end();
    },
    resume() {
      stream.resume();
    },
    destroy() {
      stream.destroy();
    },
  };
}
