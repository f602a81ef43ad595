/** Compresses responses (RFC 9110 §8.4) as they are sent. */

import {
  type Compressor,
  type ContentCoding,
  compressWhole,
  createCompressor,
} from "../../host/compression/encoder.ts";
import { describeFault } from "../../host/guard.ts";
import type { ReleaseChunk, RespondOptions, ServerExchange } from "../../host/http/exchange.ts";
import {
  acceptedCodings,
  combinedFieldValue,
  contentLengthOf,
  type FieldLine,
  type FieldSection,
  fieldValue,
  hasNoContent,
  isWithoutLength,
  withVary,
} from "../../http/index.ts";
import { isCompressible } from "../files/content-type.ts";
import { DecoratedExchange } from "./decorated-exchange.ts";

export interface CompressionSettings {
  /** In order of preference. */
  readonly codings: readonly ContentCoding[];
  /** Bytes of content below which compression is not worth it. */
  readonly minSize: number;
  /** Receives a line about each response that could not be compressed. */
  readonly log: (line: string) => void;
}

/** Larger content is compressed in the thread pool. */
const MAX_INLINE = 16 * 1024;

/** Types whose messages must not wait for more: server-sent events and gRPC. */
const isMessages = (type: string): boolean => /^text\/event-stream|^application\/grpc/.test(type);

export class CompressedExchange extends DecoratedExchange {
  readonly #settings: CompressionSettings;
  #compressor: Compressor | undefined;
  #trailers: FieldSection | undefined;
  #onDrain: (() => void) | undefined;
  #onAbort: ((reason: Error) => void) | undefined;

  constructor(inner: ServerExchange, settings: CompressionSettings) {
    super(inner);
    this.#settings = settings;
  }

  override respond(status: number, fields: FieldSection, options: RespondOptions = {}): void {
    if (!this.#isEligible(status, fields)) {
      super.respond(status, fields, options);
      return;
    }
    const coding = this.#coding();
    if (coding === undefined) {
      super.respond(status, varying(fields), options);
      return;
    }
    const isBodiless = options.endStream === true;
    super.respond(status, encoded(fields, coding), { ...options, contentLength: isBodiless ? undefined : "unknown" });
    if (!isBodiless) this.#start(coding);
  }

  override respondWhole(status: number, fields: FieldSection, content: Uint8Array): void {
    if (content.byteLength > MAX_INLINE || !this.#isEligible(status, fields)) {
      this.respond(status, fields);
      this.end(content);
      return;
    }
    const coding = content.byteLength < this.#settings.minSize ? undefined : this.#coding();
    const compressed = coding === undefined ? undefined : compressWhole(coding, content);
    if (coding === undefined || compressed === undefined || compressed.byteLength >= content.byteLength) {
      super.respondWhole(status, varying(fields), content);
      return;
    }
    super.respondWhole(
      status,
      [...encoded(fields, coding), ["content-length", String(compressed.byteLength)]],
      compressed,
    );
  }

  /** True if the response may depend on Accept-Encoding. */
  #isEligible(status: number, fields: FieldSection): boolean {
    if (status === 206 || isWithoutLength(status) || (hasNoContent(this.method, status) && this.method !== "HEAD")) {
      return false;
    }
    const type = fieldValue(fields, "content-type");
    if (type === undefined || isMessages(type) || !isCompressible(type)) return false;
    if (fieldValue(fields, "content-encoding") !== undefined || hasDigest(fields)) return false;
    // RFC 9111 §5.2.2.6
    if (combinedFieldValue(fields, "cache-control")?.includes("no-transform") === true) return false;
    const length = contentLengthOf(fields);
    return typeof length !== "number" || length >= this.#settings.minSize;
  }

  #coding(): ContentCoding | undefined {
    return acceptedCodings(combinedFieldValue(this.fields, "accept-encoding"), this.#settings.codings)[0];
  }

  #start(coding: ContentCoding): void {
    const { inner } = this;
    const compressor = createCompressor(coding, {
      onData: (chunk) => inner.write(chunk),
      onEnd: () => inner.end(undefined, this.#trailers),
      onDrain: () => this.#onDrain?.(),
      onError: (error) => {
        this.#settings.log(`nagare: ${coding} failed: ${error.message}`);
        inner.reset(error);
      },
      onFault: (fault) => {
        this.#settings.log(describeFault(fault));
        inner.reset(fault.error);
      },
    });
    this.#compressor = compressor;
    inner.onDrain = () => compressor.resume();
    inner.onAbort = (reason) => {
      compressor.destroy();
      this.#onAbort?.(reason);
    };
  }

  override hasRoom(bytes?: number): boolean {
    const compressor = this.#compressor;
    return compressor === undefined ? super.hasRoom(bytes) : this.aborted !== undefined || compressor.hasRoom;
  }

  override write(chunk: Uint8Array, released?: ReleaseChunk): boolean {
    const compressor = this.#compressor;
    return compressor === undefined ? super.write(chunk, released) : compressor.write(chunk, released);
  }

  override end(last?: Uint8Array, trailers?: FieldSection): void {
    const compressor = this.#compressor;
    if (compressor === undefined) {
      super.end(last, trailers);
      return;
    }
    this.#trailers = trailers;
    if (last !== undefined) compressor.write(last);
    compressor.end();
  }

  override reset(reason: Error): void {
    this.#compressor?.destroy();
    super.reset(reason);
  }

  override get onDrain(): (() => void) | undefined {
    return this.#onDrain;
  }
  override set onDrain(callback: (() => void) | undefined) {
    this.#onDrain = callback;
    if (this.#compressor === undefined) this.inner.onDrain = callback;
  }
  override get onAbort(): ((reason: Error) => void) | undefined {
    return this.#onAbort;
  }
  override set onAbort(callback: ((reason: Error) => void) | undefined) {
    this.#onAbort = callback;
    if (this.#compressor === undefined) this.inner.onAbort = callback;
  }
}

/** RFC 9530: digests of the content would no longer hold. */
const hasDigest = (fields: FieldSection): boolean =>
  fields.some(([name]) => name === "content-digest" || name === "repr-digest" || name === "digest");

const varying = (fields: FieldSection): FieldLine[] => withVary(fields, "accept-encoding");

/** The fields of the compressed representation: another length, no ranges, and an entity tag that is only weak. */
const encoded = (fields: FieldSection, coding: ContentCoding): FieldLine[] => [
  ...varying(fields)
    .filter(([name]) => name !== "content-length" && name !== "accept-ranges" && name !== "content-md5")
    .map(
      ([name, value]): FieldLine => (name === "etag" && !value.startsWith("W/") ? [name, `W/${value}`] : [name, value]),
    ),
  ["content-encoding", coding],
];
