/**
 * A tunnel through the proxy: Upgrade in HTTP/1.1 (RFC 9110 §7.8) or extended CONNECT (RFC 8441, RFC 9220) on either side.
 * Bytes go both ways with backpressure, each direction ends by itself, and a reset of one side resets the other.
 */

import { ClientError } from "../../../host/client/errors.ts";
import type { ClientExchange } from "../../../host/client/session.ts";
import { type Fault, guard } from "../../../host/guard.ts";
import type { HttpVersion, ServerExchange } from "../../../host/http/exchange.ts";
import type { Tunnel } from "../../../host/http/tunnel.ts";
import { noLimit, Timer } from "../../../host/timer.ts";
import { type FieldLine, type FieldSection, fieldValue } from "../../../http/index.ts";
import { forwardResponseFields } from "../fields/response-fields.ts";
import { TunnelContent } from "./content.ts";
import { acceptFor, isWebSocket, newKey, requestFieldsWith, responseFieldsWith } from "./websocket.ts";

export interface RelayOptions {
  readonly exchange: ServerExchange;
  /** The token of Upgrade or `:protocol`. */
  readonly protocol: string;
  /** Milliseconds without a byte in either direction. */
  readonly idleTimeout: number;
  readonly onFault: (fault: Fault) => void;
}

export class TunnelRelay {
  readonly content: TunnelContent;
  readonly #options: RelayOptions;
  #key: string | undefined;
  #tunnel: Tunnel | undefined;
  #upstream: ClientExchange | undefined;
  #timer: Timer | undefined;
  #onDone: () => void = () => {};
  /** The direction to the client, and the one to the origin. */
  #hasDownEnded = false;
  #hasUpEnded = false;
  #isDone = false;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.content = new TunnelContent(() => this.#timer?.refresh());
  }

  /** The request's fields for an origin that speaks this version. */
  requestFields(fields: FieldSection, version: HttpVersion): readonly FieldLine[] {
    if (!isWebSocket(this.#options.protocol)) return fields;
    this.#key = version === "http/1.1" ? newKey() : undefined;
    return requestFieldsWith(fields, this.#key);
  }

  /** Returns what is wrong with an origin's accepting response. */
  problemOf(fields: FieldSection): ClientError | undefined {
    if (this.#key === undefined || fieldValue(fields, "sec-websocket-accept") === acceptFor(this.#key))
      return undefined;
    return new ClientError("PROTOCOL_ERROR", "sec-websocket-accept does not match the key (RFC 6455 §4.1)");
  }

  /** The origin answers as if there were no tunnel. */
  refuse(): void {
    this.content.push(null);
  }

  /** Accepts the client's offer. `onDone` is called when both directions have ended, or were reset. */
  open(fields: FieldSection, upstream: ClientExchange, onDone: () => void): void {
    const { exchange, protocol, idleTimeout } = this.#options;
    const forwarded = forwardResponseFields(fields).filter(([name]) => name !== "content-length");
    const key = exchange.protocol === "http/1.1" ? fieldValue(exchange.fields, "sec-websocket-key") : undefined;
    this.#onDone = onDone;
    this.#upstream = upstream;
    const tunnel = exchange.acceptTunnel(isWebSocket(protocol) ? responseFieldsWith(forwarded, key) : forwarded);
    this.#tunnel = tunnel;
    const idle = guard("proxy tunnel idle", this.#handleFault, () => {
      this.fail(new Error(`nothing went through the tunnel for ${idleTimeout / 1000} s`));
    });
    this.#timer = new Timer(idle, noLimit(idleTimeout));
    tunnel.onDrain = () => upstream.resume();
    tunnel.onAbort = (reason) => this.fail(reason);
    const handleEnd = guard("proxy tunnel content", this.#handleFault, () => {
      this.#hasUpEnded = true;
      this.#endWhenBothHave();
    });
    this.content.once("end", handleEnd);
    if (tunnel.aborted !== undefined) this.fail(tunnel.aborted);
    else this.content.connect(tunnel);
  }

  /** Bytes from the origin. */
  data(chunk: Uint8Array): void {
    this.#timer?.refresh();
    if (this.#tunnel?.write(chunk) === false) this.#upstream?.pause();
  }

  /** The origin has sent everything. */
  end(): void {
    this.#hasDownEnded = true;
    this.#tunnel?.end();
    this.#endWhenBothHave();
  }

  /** Resets both sides. */
  fail(reason: Error): void {
    if (!this.#finish()) return;
    this.#tunnel?.reset(reason);
    this.#upstream?.reset(reason);
    this.content.destroy(reason);
    this.#onDone();
  }

  readonly #handleFault = (fault: Fault): void => {
    this.#options.onFault(fault);
    this.fail(fault.error);
  };

  #endWhenBothHave(): void {
    if (this.#hasDownEnded && this.#hasUpEnded && this.#finish()) this.#onDone();
  }

  #finish(): boolean {
    if (this.#isDone) return false;
    this.#isDone = true;
    this.#timer?.clear();
    return true;
  }
}
