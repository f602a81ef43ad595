/**
 * The members of tls.TLSSocket on the socket of a request. Over TCP, they are those of the request's connection; over
 * HTTP/3, whose TLS is part of QUIC, there is never a client certificate.
 */
import type { CipherNameAndProtocol, PeerCertificate, TLSSocket } from "node:tls";
import type { ServerExchange } from "../http/exchange.ts";
import { TlsSocketShape } from "./types.ts";

const DEFAULTS = { allowHalfOpen: true };

export abstract class SecureDuplex extends TlsSocketShape {
  declare readonly encrypted: boolean;
  readonly #exchange: ServerExchange;

  constructor(exchange: ServerExchange, highWaterMark: number | undefined) {
    super(highWaterMark === undefined ? DEFAULTS : { ...DEFAULTS, highWaterMark });
    this.#exchange = exchange;
  }

  get alpnProtocol(): string {
    return this.#exchange.protocol;
  }

  /** True if the client has a certificate of one of the authorities in `ca`. */
  get authorized(): boolean {
    return this.#read(({ authorized }) => authorized, false);
  }

  /** Why the client is not authorized, if it was asked for a certificate. */
  get authorizationError(): Error | string | null {
    return this.#read(({ authorizationError }) => authorizationError ?? null, null);
  }

  /** The server name that the client requested, or false. */
  get servername(): string | false | null {
    return this.#read((socket) => (socket as { servername?: string | false }).servername ?? null, null);
  }

  getPeerCertificate(detailed = false): PeerCertificate {
    return this.#read((socket) => socket.getPeerCertificate(detailed), {} as PeerCertificate);
  }

  getPeerX509Certificate(): ReturnType<TLSSocket["getPeerX509Certificate"]> {
    return this.#read((socket) => socket.getPeerX509Certificate(), undefined);
  }

  getProtocol(): string | null {
    return this.#read((socket) => socket.getProtocol(), "TLSv1.3");
  }

  getCipher(): CipherNameAndProtocol {
    const name = String(this.#exchange.connection?.stats().cipherSuite ?? "");
    return this.#read((socket) => socket.getCipher(), { name, standardName: name, version: "TLSv1.3" });
  }

  isSessionReused(): boolean {
    return this.#read((socket) => socket.isSessionReused(), false);
  }

  #read<T>(look: (socket: TLSSocket) => T, otherwise: T): T {
    const { tls } = this.#exchange;
    if (tls === undefined) return otherwise;
    try {
      return look(tls);
    } catch (error) {
      // The HTTP/2 session has ended.
      if ((error as NodeJS.ErrnoException).code === "ERR_HTTP2_SOCKET_UNBOUND") return otherwise;
      throw error;
    }
  }
}

Object.defineProperty(SecureDuplex.prototype, "encrypted", { value: true, configurable: true, writable: true });
