// What a server's TLS over TCP looks like: version, cipher, ALPN, its chain, and the verdict on it.
import { X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";
import { type Resolve, resolveHost } from "./resolve.ts";
import { connectTcp } from "./tcp.ts";
import { judgeCertificate } from "./verdict.ts";

export interface PeerCertificateFacts {
  readonly subject: string;
  readonly issuer: string;
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly key: string;
}

export interface PeerTlsFacts {
  readonly version: string;
  readonly cipher: string;
  readonly alpn: string;
  readonly chain: readonly PeerCertificateFacts[];
  /** Why the chain is not trusted; undefined if it is. */
  readonly problem?: string;
}

export interface TlsFactsOptions {
  /** Without the brackets of an IPv6 address. */
  readonly host: string;
  readonly port: number;
  /** Authorities to trust instead of Node's own. */
  readonly ca: readonly string[] | undefined;
  readonly resolve: Resolve | undefined;
  readonly signal: AbortSignal;
}

/** A chain has few certificates; a server may send many. */
const MAX_CHAIN = 8;

/** Connects and closes. Rejects with a ClientError if there is no handshake, but not because of the certificate. */
export async function tlsFacts({ host, port, ca, resolve, signal }: TlsFactsOptions): Promise<PeerTlsFacts> {
  const lookupStart = performance.now();
  const addresses = await resolveHost(host, port, resolve);
  let chain: readonly Uint8Array[] = [];
  const { socket } = await connectTcp({
    servername: host,
    port,
    addresses,
    lookupStart,
    lookupEnd: performance.now(),
    ca,
    rejectUnauthorized: false,
    keylog: undefined,
    signal,
    onChange() {},
    onChain(sent) {
      chain = sent;
    },
    secure: true,
    protocols: ["h2", "http/1.1"],
  });
  const secured = socket as TLSSocket;
  try {
    const refusal = await judgeCertificate(chain, { servername: host, ca, rejectUnauthorized: true }, new Date());
    return {
      version: (secured.getProtocol() ?? "unknown").replace("TLSv", "TLS "),
      cipher: secured.getCipher()?.standardName ?? "unknown",
      alpn: secured.alpnProtocol === false ? "" : (secured.alpnProtocol ?? ""),
      chain: readable(chain).map(factsOf),
      ...(refusal && { problem: refusal.error.message }),
    };
  } finally {
    secured.destroy();
  }
}

function readable(chain: readonly Uint8Array[]): X509Certificate[] {
  return chain.slice(0, MAX_CHAIN).flatMap((der) => {
    try {
      return [new X509Certificate(der)];
    } catch {
      return [];
    }
  });
}

function factsOf(certificate: X509Certificate): PeerCertificateFacts {
  const name = (text: string | undefined): string => (text ?? "").split("\n").reverse().join(", ") || "no name";
  return {
    subject: certificate.subject ? name(certificate.subject) : (certificate.subjectAltName ?? "no name"),
    issuer: name(certificate.issuer),
    notBefore: Date.parse(certificate.validFrom),
    notAfter: Date.parse(certificate.validTo),
    key: keyOf(certificate),
  };
}

function keyOf(certificate: X509Certificate): string {
  try {
    const { asymmetricKeyType: type = "unknown", asymmetricKeyDetails: details } = certificate.publicKey;
    return `${type.toUpperCase()}${details?.modulusLength ? ` ${details.modulusLength}` : details?.namedCurve ? ` ${details.namedCurve}` : ""}`;
  } catch {
    return "an unknown key";
  }
}
