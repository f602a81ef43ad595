// Opens one TCP connection, with TLS if the scheme requires it, measures it and verifies the certificate.
import { connect as connectSocket, isIP, type LookupFunction, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { type Fault, guard, ignore } from "../guard.ts";
import { runsOver } from "./cut-off.ts";
import { asClientError, ClientError } from "./errors.ts";
import { explainLocal } from "./local-source.ts";
import type { ConnectionTimings, DialOptions, Protocol, ResolvedAddress } from "./session.ts";
import { judgeCertificate } from "./verdict.ts";

export interface ClientTcpConnection {
  readonly socket: Socket | TLSSocket;
  readonly protocol: Exclude<Protocol, "h3">;
  readonly timings: ConnectionTimings;
  /** DER, the server's own certificate first; undefined without TLS. */
  readonly chain?: readonly Uint8Array[] | undefined;
}

export interface TcpConnectOptions extends DialOptions {
  readonly secure: boolean;
  /** Offered by ALPN, best first. Never empty. Without TLS, the first one is spoken. */
  readonly protocols: readonly Exclude<Protocol, "h3">[];
  /** Bytes to send before anything else, even before TLS (the PROXY protocol). */
  readonly preface?: Uint8Array | undefined;
  /** Called with the server's chain (DER, its own certificate first): Node forgets it soon after the handshake. */
  readonly onChain?: ((chain: readonly Uint8Array[]) => void) | undefined;
}

export async function connectTcp(options: TcpConnectOptions): Promise<ClientTcpConnection> {
  const { lookupStart, lookupEnd, signal } = options;
  const connectStart = performance.now();
  const socket = await establish(options);
  options.onProgress?.();
  socket.setNoDelay(true);
  const connectEnd = performance.now();
  const timings = { lookupStart, lookupEnd, connectStart, connectEnd };
  if (options.preface !== undefined) socket.write(options.preface);
  if (!options.secure) return { socket, protocol: options.protocols[0]!, timings };

  let chain: readonly Uint8Array[] | undefined;
  const onChain = (found: readonly Uint8Array[]): void => {
    chain = found;
    options.onChain?.(found);
  };
  const secured = await handshake(socket, { ...options, onChain });
  const handshakeEnd = performance.now();
  if (signal.aborted) {
    secured.destroy();
    throw signal.reason;
  }
  const chosen = secured.alpnProtocol;
  // RFC 9110 §4.2.2: a server without ALPN speaks HTTP/1.1.
  const protocol = chosen === "h2" ? "h2" : "http/1.1";
  if (!options.protocols.includes(protocol)) {
    secured.destroy();
    throw refusedProtocols(options, undefined);
  }
  return { socket: secured, protocol, chain, timings: { ...timings, handshakeStart: connectEnd, handshakeEnd } };
}

/** Milliseconds for each address when Node gave some up after 250 ms. */
const PATIENT_ATTEMPT = 5_000;

async function establish(options: TcpConnectOptions): Promise<Socket> {
  const { addresses, servername, port, path, signal } = options;
  try {
    return await connectAny(options, addresses);
  } catch (error) {
    if (signal.aborted) throw error;
    // Node gives an address up when it takes the next one, after 250 ms in which this process may just have been busy.
    const hasty = addresses.filter(({ address }) => wasGivenUp(error, address));
    if (hasty.length > 0)
      return connectAny(options, hasty, PATIENT_ATTEMPT).catch((late) => Promise.reject(explain(late)));
    throw explain(error);
  }

  function explain(error: unknown): unknown {
    if (signal.aborted || !(error instanceof Error)) return error;
    const code = codeOf(error);
    const local = options.localAddress === undefined ? undefined : explainLocal(error, options.localAddress);
    if (local !== undefined) return local;
    const where = path ?? `${servername} (${addresses.map(({ address }) => address).join(", ")}) port ${port}`;
    if (code === "ECONNREFUSED" || (path !== undefined && code === "ENOENT")) {
      return new ClientError("CONNECTION_REFUSED", `nothing is listening at ${where}`, {
        cause: error,
        hint: `check the ${path === undefined ? "port" : "path"}, and that the server is running`,
      });
    }
    return new ClientError("CONNECTION_FAILED", `cannot connect to ${where}${code === "" ? "" : `: ${code}`}`, {
      cause: error,
    });
  }
}

const wasGivenUp = (error: unknown, of: string): boolean =>
  error instanceof AggregateError &&
  (error.errors as { readonly code?: string; readonly address?: string }[]).some(
    ({ code, address }) => code === "ETIMEDOUT" && address === of,
  );

/** Rejects with Node's error, or with the signal's reason. */
function connectAny(
  { port, path, signal, localAddress }: TcpConnectOptions,
  addresses: readonly ResolvedAddress[],
  attemptTimeout?: number,
): Promise<Socket> {
  // Node tries several addresses (RFC 8305 without the race of DNS records) only if it looks up a name itself, so give
  // it the resolved addresses through a lookup.
  const lookup: LookupFunction = (_host, { all }, callback) => {
    const first = addresses[0]!;
    if (all) callback(null, [...addresses]);
    else callback(null, first.address, first.family);
  };
  const patience = attemptTimeout === undefined ? {} : { autoSelectFamilyAttemptTimeout: attemptTimeout };
  // With several addresses, Node ignores the local one; the race gives one at a time.
  const from = localAddress === undefined ? { autoSelectFamily: true } : { autoSelectFamily: false, localAddress };
  const socket = connectSocket(
    path === undefined ? { host: "addresses.invalid", port, lookup, ...from, ...patience } : { path },
  );
  socket.on("error", ignore); // errors may occur at any time, even if nothing is waiting
  return settle(socket, "connect", signal, (error) => error);
}

async function handshake(socket: Socket, options: TcpConnectOptions): Promise<TLSSocket> {
  const { servername, keylog, identity } = options;
  const secured = connectTls({
    socket,
    host: servername,
    // RFC 6066 §3: an address literal is not a server name.
    ...(isIP(servername) === 0 ? { servername } : {}),
    ALPNProtocols: [...options.protocols],
    ...(identity === undefined ? {} : { cert: identity.cert, key: identity.key }),
    // We verify the certificate ourselves, before writing any HTTP.
    rejectUnauthorized: false,
  });
  secured.on("error", ignore);
  runsOver(secured, socket);
  if (keylog !== undefined) {
    secured.on(
      "keylog",
      guard(
        "client key log",
        (fault) => secured.destroy(fault.error),
        (line: Buffer) => keylog(line.toString("latin1").trimEnd()),
      ),
    );
  }
  await settle(secured, "secureConnect", options.signal, (error) => tlsProblem(error, options));
  const chain = chainOf(secured);
  options.onChain?.(chain);
  const refusal = await judgeCertificate(chain, options, new Date());
  if (refusal !== undefined) {
    secured.destroy();
    throw refusal.error;
  }
  return secured;
}

/** The chain in the order the server sent it. Node calls the next certificate the issuer, even if it is not. */
function chainOf(socket: TLSSocket): Uint8Array[] {
  const chain: Uint8Array[] = [];
  for (let next = socket.getPeerX509Certificate(); next !== undefined; next = next.issuerCertificate) {
    chain.push(next.raw);
  }
  return chain;
}

function tlsProblem(error: Error, options: TcpConnectOptions): ClientError {
  const code = codeOf(error);
  const { servername, port } = options;
  if (code === "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL") return refusedProtocols(options, error);
  if (code === "ECONNRESET") {
    return new ClientError("TLS_FAILED", `${servername} port ${port} closed the connection during the TLS handshake`, {
      cause: error,
      hint: "it may require a client certificate, or not speak TLS on this port",
    });
  }
  if (code === "ERR_SSL_WRONG_VERSION_NUMBER" || code === "ERR_SSL_PACKET_LENGTH_TOO_LONG") {
    return new ClientError("TLS_FAILED", `${servername} port ${port} does not speak TLS`, {
      cause: error,
      hint: "try http:// instead of https://",
    });
  }
  const alert = (error as { reason?: string }).reason;
  return asClientError(
    alert === undefined ? error : new Error(alert, { cause: error }),
    "TLS_FAILED",
    `the TLS handshake with ${servername} failed`,
  );
}

function refusedProtocols({ servername, protocols }: TcpConnectOptions, cause: unknown): ClientError {
  const names = protocols.map((each) => (each === "h2" ? "HTTP/2" : "HTTP/1.1")).join(" or ");
  return new ClientError("PROTOCOL_UNAVAILABLE", `${servername} does not speak ${names}`, {
    cause,
    hint: "allow another protocol",
  });
}

function codeOf(error: Error): string {
  const own = (error as { code?: string }).code;
  // Node reports several failed addresses as one AggregateError.
  if (error instanceof AggregateError) return own ?? codeOf(error.errors[0] as Error);
  return own ?? "";
}

/** Resolves on `event` and rejects on an error or an abort. Removes its listeners either way. */
function settle<S extends Socket>(
  socket: S,
  event: "connect" | "secureConnect",
  signal: AbortSignal,
  explain: (error: Error) => Error,
): Promise<S> {
  return new Promise((resolve, reject) => {
    const give = (fault: Fault): void => {
      cleanUp();
      socket.destroy();
      reject(fault.error);
    };
    const done = guard("client socket event", give, () => {
      cleanUp();
      resolve(socket);
    });
    const fail = guard("client socket error", give, (error: Error) => {
      cleanUp();
      socket.destroy();
      reject(error === signal.reason ? error : explain(error));
    });
    const closed = guard("client socket close", give, () =>
      fail(Object.assign(new Error("closed"), { code: "ECONNRESET" })),
    );
    const aborted = guard("client socket abort", give, () => fail(signal.reason as Error));
    const cleanUp = () => {
      socket.off(event, done).off("error", fail).off("close", closed);
      signal.removeEventListener("abort", aborted);
    };
    socket.once(event, done).once("error", fail).once("close", closed);
    signal.addEventListener("abort", aborted);
    if (signal.aborted) aborted();
  });
}
