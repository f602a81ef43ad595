/** An exchange that passes everything to another one. Modifiers extend it, and override what they change. */

import {
  type ClientIdentity,
  type ConnectionInfo,
  type Http1RequestHead,
  type HttpVersion,
  type PeerAddress,
  type ReleaseChunk,
  type RequestBody,
  type RespondOptions,
  respondWhole,
  type ServerExchange,
} from "../../host/http/exchange.ts";
import type { Tunnel, TunnelOffer } from "../../host/http/tunnel.ts";
import type { FieldSection } from "../../http/index.ts";
import type { PartialPriority, Priority } from "../../http/priority/index.ts";

export class DecoratedExchange implements ServerExchange {
  protected readonly inner: ServerExchange;

  constructor(inner: ServerExchange) {
    this.inner = inner;
  }

  get protocol(): HttpVersion {
    return this.inner.protocol;
  }
  get method(): string {
    return this.inner.method;
  }
  get scheme(): string {
    return this.inner.scheme;
  }
  get authority(): string {
    return this.inner.authority;
  }
  get path(): string {
    return this.inner.path;
  }
  get clientPath(): string | undefined {
    return this.inner.clientPath;
  }
  get fields(): FieldSection {
    return this.inner.fields;
  }
  get body(): RequestBody {
    return this.inner.body;
  }
  get http1(): Http1RequestHead | undefined {
    return this.inner.http1;
  }
  get tunnelOffer(): TunnelOffer | undefined {
    return this.inner.tunnelOffer;
  }
  get remoteAddress(): PeerAddress {
    return this.inner.remoteAddress;
  }
  get firstAddress(): PeerAddress | undefined {
    return this.inner.firstAddress;
  }
  get requestId(): string | undefined {
    return this.inner.requestId;
  }
  get clientAddress(): string | undefined {
    return this.inner.clientAddress;
  }
  set clientAddress(address: string | undefined) {
    this.inner.clientAddress = address;
  }
  get upstream(): string | undefined {
    return this.inner.upstream;
  }
  set upstream(origin: string | undefined) {
    this.inner.upstream = origin;
  }
  get route(): string | undefined {
    return this.inner.route;
  }
  set route(pattern: string | undefined) {
    this.inner.route = pattern;
  }
  get inspectSession(): ServerExchange["inspectSession"] {
    return this.inner.inspectSession;
  }
  set inspectSession(inspect: ServerExchange["inspectSession"]) {
    this.inner.inspectSession = inspect;
  }
  get refusal(): string | undefined {
    return this.inner.refusal;
  }
  set refusal(reason: string | undefined) {
    this.inner.refusal = reason;
  }
  get localAddress(): PeerAddress {
    return this.inner.localAddress;
  }
  get connection(): ConnectionInfo | undefined {
    return this.inner.connection;
  }
  get tls(): ServerExchange["tls"] {
    return this.inner.tls;
  }
  get client(): ClientIdentity | undefined {
    return this.inner.client;
  }
  get earlyData(): boolean {
    return this.inner.earlyData === true;
  }
  get confirmed(): Promise<void> {
    return this.inner.confirmed ?? Promise.resolve();
  }
  get status(): number | undefined {
    return this.inner.status;
  }
  get aborted(): Error | undefined {
    return this.inner.aborted;
  }

  get priority(): Priority | undefined {
    return this.inner.priority;
  }
  prioritize(members: PartialPriority): void {
    this.inner.prioritize?.(members);
  }
  get onPriority(): ((priority: Priority) => void) | undefined {
    return this.inner.onPriority;
  }
  set onPriority(callback: ((priority: Priority) => void) | undefined) {
    this.inner.onPriority = callback;
  }

  get preparedBytes(): number {
    return this.inner.preparedBytes;
  }
  set preparedBytes(bytes: number) {
    this.inner.preparedBytes = bytes;
  }
  get readsOn(): boolean {
    return this.inner.readsOn === true;
  }
  set readsOn(readsOn: boolean) {
    this.inner.readsOn = readsOn;
  }
  get onDrain(): (() => void) | undefined {
    return this.inner.onDrain;
  }
  set onDrain(callback: (() => void) | undefined) {
    this.inner.onDrain = callback;
  }
  get onAbort(): ((reason: Error) => void) | undefined {
    return this.inner.onAbort;
  }
  set onAbort(callback: ((reason: Error) => void) | undefined) {
    this.inner.onAbort = callback;
  }
  get onClose(): (() => void) | undefined {
    return this.inner.onClose;
  }
  set onClose(callback: (() => void) | undefined) {
    this.inner.onClose = callback;
  }

  commit(): void {
    this.inner.commit?.();
  }
  inform(status: number, fields: FieldSection): void {
    this.inner.inform(status, fields);
  }
  respond(status: number, fields: FieldSection, options?: RespondOptions): void {
    this.inner.respond(status, fields, options);
  }
  respondWhole(status: number, fields: FieldSection, content: Uint8Array): void {
    respondWhole(this.inner, status, fields, content);
  }
  hasRoom(bytes?: number): boolean {
    return this.inner.hasRoom(bytes);
  }
  write(chunk: Uint8Array, released?: ReleaseChunk): boolean {
    return this.inner.write(chunk, released);
  }
  end(last?: Uint8Array, trailers?: FieldSection): void {
    this.inner.end(last, trailers);
  }
  acceptTunnel(fields: FieldSection): Tunnel {
    return this.inner.acceptTunnel(fields);
  }
  reset(reason: Error): void {
    this.inner.reset(reason);
  }
}
