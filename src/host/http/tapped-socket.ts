import { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { type Fault, guard } from "../guard.ts";

/**
 * A TLS connection as node:http2 sees it, so that others can read along or add frames. One write is outstanding at a time. It
 * costs CPU, because Node otherwise moves these bytes without JavaScript.
 */
export class TappedSocket extends Duplex {
  readonly tls: TLSSocket;
  readonly alpnProtocol = "h2";
  readonly encrypted = true;
  readonly servername: string | false | null | undefined;
  onData: (bytes: Uint8Array) => void = () => {};

  constructor(tls: TLSSocket, onFault: (fault: Fault) => void) {
    // Half-open as TLS is, so that the session sees the end and answers it.
    super({ allowHalfOpen: true, autoDestroy: false });
    this.tls = tls;
    this.servername = tls.servername;
    const onTapFault = (fault: Fault): void => {
      tls.destroy();
      onFault(fault);
    };
    tls.on(
      "data",
      guard("http2 tap data", onTapFault, (bytes: Buffer) => {
        this.onData(bytes);
        if (!this.push(bytes)) tls.pause();
      }),
    );
    tls.on(
      "end",
      guard("http2 tap end", onTapFault, () => this.push(null)),
    );
    tls.on(
      "close",
      guard("http2 tap close", onTapFault, () => this.destroy(tls.errored ?? undefined)),
    );
  }

  get remoteAddress(): string | undefined {
    return this.tls.remoteAddress;
  }

  get remotePort(): number | undefined {
    return this.tls.remotePort;
  }

  override _read(): void {
    this.tls.resume();
  }

  override _write(chunk: Uint8Array, _encoding: unknown, done: (error?: Error | null) => void): void {
    this.tls.write(chunk, done);
  }

  override _writev(chunks: readonly { readonly chunk: Uint8Array }[], done: (error?: Error | null) => void): void {
    this.tls.write(Buffer.concat(chunks.map(({ chunk }) => chunk)), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.tls.end(() => done());
  }

  override _destroy(_error: Error | null, done: (error?: Error | null) => void): void {
    this.tls.destroy();
    done(null);
  }

  setNoDelay(): this {
    return this;
  }
}
