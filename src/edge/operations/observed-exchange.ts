/**
 * An exchange that passes everything on to another one, and notes what happens to it: times, bytes, the request's id and
 * its trace. Used only by servers with operations; others hand the transport's exchanges to the service.
 */

import type { ReleaseChunk, RequestBody, RespondOptions, ServerExchange } from "../../host/http/exchange.ts";
import type { Tunnel } from "../../host/http/tunnel.ts";
import type { FieldLine, FieldSection } from "../../http/index.ts";
import { DecoratedExchange } from "../modifiers/decorated-exchange.ts";
import { deprecationStateOf } from "./deprecation/state.ts";
import type { DeprecationState } from "./deprecation/usage.ts";
import type { RequestId } from "./identification/request-id.ts";
import { type TraceContext, withTraceContext } from "./identification/traceparent.ts";

/** What identifies a request. */
export interface Identification {
  readonly request: RequestId | undefined;
  readonly trace: TraceContext | undefined;
}

export class ObservedExchange extends DecoratedExchange {
  readonly identification: Identification | undefined;
  /** Milliseconds since 1970. */
  readonly time = Date.now();
  readonly #body: CountedBody;
  /** Milliseconds, monotonic. */
  readonly #started = performance.now();
  #responded: number | undefined;
  #closed: number | undefined;
  #sentBytes = 0;
  #fields: FieldSection | undefined;
  #onClose: (() => void) | undefined;
  #upstream: string | undefined;
  #deprecation: DeprecationState | undefined;
  readonly #clientAddress: string;

  /** `onEnd` is called when the exchange has ended. */
  constructor(
    inner: ServerExchange,
    clientAddress: string,
    identification: Identification | undefined,
    onEnd: (exchange: ObservedExchange) => void,
  ) {
    super(inner);
    this.#clientAddress = clientAddress;
    this.identification = identification;
    this.#body = new CountedBody(inner.body);
    inner.onClose = () => {
      this.#closed = performance.now();
      onEnd(this);
      this.#onClose?.();
    };
  }

  // ── What happened ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** Milliseconds from the request's head to now, or to the end. */
  get milliseconds(): number {
    return (this.#closed ?? performance.now()) - this.#started;
  }

  /** Milliseconds until the response began; undefined before that. */
  get firstByteMilliseconds(): number | undefined {
    return this.#responded === undefined ? undefined : this.#responded - this.#started;
  }

  /** Bytes of the request's content that were read. Those of tunnels are not counted. */
  get receivedBytes(): number {
    return this.#body.bytes;
  }

  /** Bytes of the response's content. Those of tunnels are not counted. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  /** What the response says about the end of its resource. */
  get deprecation(): DeprecationState | undefined {
    return this.#deprecation;
  }

  /** The fields as the client sent them. */
  get receivedFields(): FieldSection {
    return this.inner.fields;
  }

  // ── The exchange ──────────────────────────────────────────────────────────────────────────────────────────────────

  override get requestId(): string | undefined {
    return this.identification?.request?.id ?? this.inner.requestId;
  }

  /** The address that limits and logs count as the client's. */
  override get clientAddress(): string {
    return this.#clientAddress;
  }
  override get upstream(): string | undefined {
    return this.#upstream;
  }
  override set upstream(origin: string | undefined) {
    this.#upstream = origin;
  }

  override get onClose(): (() => void) | undefined {
    return this.#onClose;
  }
  override set onClose(callback: (() => void) | undefined) {
    this.#onClose = callback;
  }

  /** With the request's id and its trace, for handlers and origins. */
  override get fields(): FieldSection {
    this.#fields ??= this.#identified(this.inner.fields);
    return this.#fields;
  }

  #identified(fields: FieldSection): FieldSection {
    const { identification } = this;
    if (identification === undefined) return fields;
    const { request, trace } = identification;
    const named = request === undefined ? fields : withField(fields, request.header, request.id);
    return trace === undefined ? named : withTraceContext(named, trace);
  }

  override get body(): RequestBody {
    return this.#body;
  }

  override respond(status: number, fields: FieldSection, options?: RespondOptions): void {
    this.#begin(status, fields);
    super.respond(status, this.#responseFields(fields), options);
  }

  override respondWhole(status: number, fields: FieldSection, content: Uint8Array): void {
    this.#begin(status, fields);
    this.#sentBytes += content.byteLength;
    super.respondWhole(status, this.#responseFields(fields), content);
  }

  #begin(status: number, fields: FieldSection): void {
    this.#responded ??= performance.now();
    this.#deprecation = deprecationStateOf(status, fields, this.time);
  }

  #responseFields(fields: FieldSection): FieldSection {
    const request = this.identification?.request;
    return request?.responds === true ? withField(fields, request.header, request.id) : fields;
  }

  override write(chunk: Uint8Array, released?: ReleaseChunk): boolean {
    this.#sentBytes += chunk.byteLength;
    return super.write(chunk, released);
  }

  override end(last?: Uint8Array, trailers?: FieldSection): void {
    this.#sentBytes += last?.byteLength ?? 0;
    super.end(last, trailers);
  }

  override acceptTunnel(fields: FieldSection): Tunnel {
    this.#begin(101, fields);
    return super.acceptTunnel(fields);
  }
}

/** With the field in place of others of that name, which is in lower case. */
const withField = (fields: FieldSection, field: string, value: string): readonly FieldLine[] => [
  ...fields.filter(([name]) => name.toLowerCase() !== field),
  [field, value],
];

/** A request's content that counts the bytes read. */
class CountedBody implements RequestBody {
  bytes = 0;
  readonly #inner: RequestBody;

  constructor(inner: RequestBody) {
    this.#inner = inner;
  }

  get state(): RequestBody["state"] {
    return this.#inner.state;
  }
  get trailers(): FieldSection {
    return this.#inner.trailers;
  }
  read(into?: Uint8Array): Uint8Array | undefined {
    const chunk = this.#inner.read(into);
    if (chunk !== undefined) this.bytes += chunk.byteLength;
    return chunk;
  }
  get onReadable(): (() => void) | undefined {
    return this.#inner.onReadable;
  }
  set onReadable(listener: (() => void) | undefined) {
    this.#inner.onReadable = listener;
  }
}
