/**
 * The members of tls.TLSSocket on the socket of a request. Over TCP, they are those of the request's connection; over
 * HTTP/3, whose TLS is part of QUIC, they are those that QUIC has.
 */
import { X509Certificate } from "node:crypto";
import type { CipherNameAndProtocol, DetailedPeerCertificate, PeerCertificate, TLSSocket } from "node:tls";
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
    return this.#read(({ authorized }) => authorized, this.#exchange.client?.problem === null);
  }

  /** Why the client is not authorized, if it was asked for a certificate. */
  get authorizationError(): Error | string | null {
    const { client } = this.#exchange;
    return this.#read<Error | string | null>((socket) => socket.authorizationError ?? null, client?.problem ?? null);
  }

  /** The server name that the client requested, or false. */
  get servername(): string | false | null {
    return this.#read((socket) => (socket as { servername?: string | false }).servername ?? null, null);
  }

  getPeerCertificate(detailed = false): PeerCertificate {
    return this.#read(
      (socket) => socket.getPeerCertificate(detailed),
      legacyCertificate(this.#certificates(), detailed) ?? ({} as PeerCertificate),
    );
  }

  getPeerX509Certificate(): ReturnType<TLSSocket["getPeerX509Certificate"]> {
    return this.#read((socket) => socket.getPeerX509Certificate(), this.#certificates()[0]);
  }

  #certificates(): readonly X509Certificate[] {
    return this.#exchange.client?.chain.map((der) => new X509Certificate(der)) ?? [];
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

/** Node's older form; if `detailed`, with the certificates of its issuers as far as the client sent them. */
function legacyCertificate(chain: readonly X509Certificate[], detailed: boolean): PeerCertificate | undefined {
  const [first, ...others] = chain;
  if (first === undefined) return undefined;
  const certificate = first.toLegacyObject() as DetailedPeerCertificate;
  if (!detailed) return certificate;
  const issuer = others.find((candidate) => first.checkIssued(candidate));
  const rest = others.filter((candidate) => candidate !== issuer);
  if (issuer !== undefined)
    certificate.issuerCertificate = legacyCertificate([issuer, ...rest], true) as DetailedPeerCertificate;
  return certificate;
}

Object.defineProperty(SecureDuplex.prototype, "encrypted", { value: true, configurable: true, writable: true });
