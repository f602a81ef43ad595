/**
 * An exchange that passes everything on to another one, and notes what happens to it: times, bytes, the request's id and
 * its trace. Used only by servers with operations; others hand the transport's exchanges to the service.
 */

import type {
  ClientIdentity,
  ConnectionInfo,
  Http1RequestHead,
  HttpVersion,
  PeerAddress,
  ReleaseChunk,
  RequestBody,
  RespondOptions,
  ServerExchange,
} from "../../host/http/exchange.ts";
import { respondWhole } from "../../host/http/exchange.ts";
import type { Tunnel, TunnelOffer } from "../../host/http/tunnel.ts";
import type { FieldLine, FieldSection } from "../../http/index.ts";
import type { RequestId } from "./identification/request-id.ts";
import { type TraceContext, withTraceContext } from "./identification/traceparent.ts";

/** What identifies a request. */
export interface Identification {
  readonly request: RequestId | undefined;
  readonly trace: TraceContext | undefined;
}

export class ObservedExchange implements ServerExchange {
  /** The address that limits and logs count as the client's. */
  readonly clientAddress: string;
  readonly identification: Identification | undefined;
  /** Milliseconds since 1970. */
  readonly time = Date.now();
  upstream: string | undefined;
  /** Called when the response begins. */
  onRespond: (() => void) | undefined;
  onClose: (() => void) | undefined;
  readonly #inner: ServerExchange;
  readonly #body: CountedBody;
  /** Milliseconds, monotonic. */
  readonly #started = performance.now();
  #responded: number | undefined;
  #closed: number | undefined;
  #sentBytes = 0;
  #fields: FieldSection | undefined;

  constructor(inner: ServerExchange, clientAddress: string, identification: Identification | undefined) {
    this.#inner = inner;
    this.clientAddress = clientAddress;
    this.identification = identification;
    this.#body = new CountedBody(inner.body);
    inner.onClose = () => {
      this.#closed = performance.now();
      this.onClose?.();
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

  /** The fields as the client sent them. */
  get receivedFields(): FieldSection {
    return this.#inner.fields;
  }

  // ── The exchange ──────────────────────────────────────────────────────────────────────────────────────────────────

  get requestId(): string | undefined {
    return this.identification?.request?.id ?? this.#inner.requestId;
  }

  /** With the request's id and its trace, for handlers and origins. */
  get fields(): FieldSection {
    this.#fields ??= this.#identified(this.#inner.fields);
    return this.#fields;
  }

  #identified(fields: FieldSection): FieldSection {
    const { identification } = this;
    if (identification === undefined) return fields;
    const { request, trace } = identification;
    const named = request === undefined ? fields : withField(fields, request.header, request.id);
    return trace === undefined ? named : withTraceContext(named, trace);
  }

  get body(): RequestBody {
    return this.#body;
  }

  inform(status: number, fields: FieldSection): void {
    this.#inner.inform(status, fields);
  }

  respond(status: number, fields: FieldSection, options?: RespondOptions): void {
    this.#begin();
    this.#inner.respond(status, this.#responseFields(fields), options);
  }

  respondWhole(status: number, fields: FieldSection, content: Uint8Array): void {
    this.#begin();
    this.#sentBytes += content.byteLength;
    respondWhole(this.#inner, status, this.#responseFields(fields), content);
  }

  #begin(): void {
    this.#responded ??= performance.now();
    this.onRespond?.();
  }

  #responseFields(fields: FieldSection): FieldSection {
    const request = this.identification?.request;
    return request?.responds === true ? withField(fields, request.header, request.id) : fields;
  }

  write(chunk: Uint8Array, released?: ReleaseChunk): boolean {
    this.#sentBytes += chunk.byteLength;
    return this.#inner.write(chunk, released);
  }

  end(last?: Uint8Array, trailers?: FieldSection): void {
    this.#sentBytes += last?.byteLength ?? 0;
    this.#inner.end(last, trailers);
  }

  acceptTunnel(fields: FieldSection): Tunnel {
    this.#begin();
    return this.#inner.acceptTunnel(fields);
  }

  hasRoom(bytes?: number): boolean {
    return this.#inner.hasRoom(bytes);
  }
  reset(reason: Error): void {
    this.#inner.reset(reason);
  }
  get protocol(): HttpVersion {
    return this.#inner.protocol;
  }
  get method(): string {
    return this.#inner.method;
  }
  get scheme(): string {
    return this.#inner.scheme;
  }
  get authority(): string {
    return this.#inner.authority;
  }
  get path(): string {
    return this.#inner.path;
  }
  get http1(): Http1RequestHead | undefined {
    return this.#inner.http1;
  }
  get tunnelOffer(): TunnelOffer | undefined {
    return this.#inner.tunnelOffer;
  }
  get remoteAddress(): PeerAddress {
    return this.#inner.remoteAddress;
  }
  get firstAddress(): PeerAddress | undefined {
    return this.#inner.firstAddress;
  }
  get localAddress(): PeerAddress {
    return this.#inner.localAddress;
  }
  get connection(): ConnectionInfo | undefined {
    return this.#inner.connection;
  }
  get tls(): ServerExchange["tls"] {
    return this.#inner.tls;
  }
  get client(): ClientIdentity | undefined {
    return this.#inner.client;
  }
  get earlyData(): boolean {
    return this.#inner.earlyData === true;
  }
  get confirmed(): Promise<void> {
    return this.#inner.confirmed ?? Promise.resolve();
  }
  get status(): number | undefined {
    return this.#inner.status;
  }
  get aborted(): Error | undefined {
    return this.#inner.aborted;
  }
  get preparedBytes(): number {
    return this.#inner.preparedBytes;
  }
  set preparedBytes(bytes: number) {
    this.#inner.preparedBytes = bytes;
  }
  get readsOn(): boolean {
    return this.#inner.readsOn === true;
  }
  set readsOn(value: boolean) {
    this.#inner.readsOn = value;
  }
  get onDrain(): (() => void) | undefined {
    return this.#inner.onDrain;
  }
  set onDrain(listener: (() => void) | undefined) {
    this.#inner.onDrain = listener;
  }
  get onAbort(): ((reason: Error) => void) | undefined {
    return this.#inner.onAbort;
  }
  set onAbort(listener: ((reason: Error) => void) | undefined) {
    this.#inner.onAbort = listener;
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
  read(): Uint8Array | undefined {
    const chunk = this.#inner.read();
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
