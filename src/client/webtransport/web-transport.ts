// The W3C's WebTransport (https://www.w3.org/TR/webtransport/) for Node: connects, and is then a session like any other.
import { ClientError, TunnelRefusedError } from "../../host/client/errors.ts";
import type { Http3Connector } from "../../host/client/http3.ts";
import type { DialOptions } from "../../host/client/session.ts";
import { systemClock } from "../../host/clock.ts";
import { engineChoice } from "../../host/engine/choice.ts";
import { detach, type Fault, ignore } from "../../host/guard.ts";
import { sessionError, type WebTransportError } from "../../host/webtransport/error.ts";
import { formatProtocol, parseProtocol } from "../../host/webtransport/protocols.ts";
import { sessionIn } from "../../host/webtransport/tunnel-carrier.ts";
import { WebTransportSession } from "../../host/webtransport/web-transport-session.ts";
import { combinedFieldValue, type FieldLine, isHttp1Only } from "../../http/index.ts";
import { DRAFT_02_REQUEST, WEBTRANSPORT_PROTOCOL } from "../../webtransport/h3/index.ts";
import type { ClientOptions } from "../options.ts";
import { ConnectionPool } from "../pool.ts";
import { openTunnel } from "../tunnel.ts";

/** Milliseconds that the server has to end the session after we have closed it. */
const CLOSE_TIMEOUT = 5_000;

/** The hash of an acceptable server certificate. */
export interface WebTransportHash {
  /** "sha-256"; others are ignored. */
  readonly algorithm: string;
  /** Of the server's certificate in DER. */
  readonly value: ArrayBuffer | ArrayBufferView;
}

/** The options of a session, as the W3C has them. */
export interface WebTransportOptions {
  /** Hashes of certificates, one of which the server must have. It is valid for at most 14 days, and its key is not RSA. */
  readonly serverCertificateHashes?: readonly WebTransportHash[];
  /** Connections are never shared here, so `true` has no effect, except that certificate hashes are then not allowed. */
  readonly allowPooling?: boolean;
  /** Accepted: over HTTP/3, datagrams are always unreliable. */
  readonly requireUnreliable?: boolean;
  /** Accepted: one congestion controller serves all. */
  readonly congestionControl?: "default" | "throughput" | "low-latency";
  /** Subprotocols to offer, in order of preference. */
  readonly protocols?: readonly string[];
  /** Beyond the W3C: fields of the request. */
  readonly headers?: ConstructorParameters<typeof Headers>[0];
  /** Beyond the W3C: how the client connects, as for `createClient`. */
  readonly client?: Pick<
    ClientOptions,
    "ca" | "rejectUnauthorized" | "keylog" | "resolve" | "connectTimeout" | "quic" | "engine"
  >;
}

/** The W3C's WebTransport: a session over HTTP/3. */
export class WebTransport extends WebTransportSession {
  readonly congestionControl: "default" | "throughput" | "low-latency";

  constructor(url: string | URL, options: WebTransportOptions = {}) {
    const parsed = parseUrl(url);
    const hashes = hashesOf(options);
    const protocols = checkedProtocols(options.protocols ?? []);
    super();
    this.congestionControl = options.congestionControl ?? "default";
    const onFault = (fault: Fault): void => this.fail(sessionError(fault.error.message));
    detach("client webtransport connect", onFault, this.#connect(parsed, options, hashes, protocols));
  }

  async #connect(
    url: URL,
    { headers, client = {} }: WebTransportOptions,
    hashes: readonly Uint8Array[] | undefined,
    protocols: readonly string[],
  ): Promise<void> {
    const http3 = connector(client, hashes);
    const pool = new ConnectionPool({ ...client, protocols: ["h3"], http3 });
    const fields: FieldLine[] = [...(new Headers(headers) as unknown as Iterable<FieldLine>)].filter(
      ([name, value]) => name !== "host" && name !== "content-length" && !isHttp1Only(name, value),
    );
    if (protocols.length > 0) fields.push(["wt-available-protocols", protocols.map(formatProtocol).join(", ")]);
    const head = { protocol: WEBTRANSPORT_PROTOCOL, authority: url.host, fields: [...fields, DRAFT_02_REQUEST] };
    try {
      const { tunnel, exchange, fields: answered } = await openTunnel(pool.origin(url), { url, head }, pool.settings);
      const chosen = parseProtocol(combinedFieldValue(answered, "wt-protocol") ?? "") ?? "";
      if (chosen !== "" && !protocols.includes(chosen)) {
        const error = new ClientError(
          "PROTOCOL_ERROR",
          `the server chose the protocol "${chosen}", which was not offered`,
        );
        tunnel.reset(error);
        throw error;
      }
      // The server still has to hear of the end.
      const gone = this.closed.then(
        () => pool.close({ timeout: CLOSE_TIMEOUT }),
        (error: Error) => pool.destroy(error),
      );
      detach("client webtransport closed", ignore, gone);
      this.begin(sessionIn(tunnel), {
        clock: systemClock,
        onFault: (fault) => tunnel.reset(fault.error),
        protocol: chosen,
        reliability: "unreliable",
        rtt: () => {
          const stats = exchange.session?.stats();
          return { smoothed: stats?.rtt, min: stats?.minRtt };
        },
      });
    } catch (error) {
      await pool.destroy(error as Error);
      this.fail(failureOf(error));
    }
  }
}

/** W3C WebTransport §4.1: an https URL without a fragment. */
function parseUrl(given: string | URL): URL {
  const url = URL.canParse(String(given)) ? new URL(String(given)) : undefined;
  const problem =
    url === undefined
      ? "is not a URL"
      : url.protocol !== "https:"
        ? "is not an https:// URL"
        : url.hash !== "" || String(given).includes("#")
          ? "has a fragment"
          : undefined;
  if (problem !== undefined) throw new DOMException(`"${given}" ${problem}`, "SyntaxError");
  return url!;
}

function hashesOf({ serverCertificateHashes, allowPooling }: WebTransportOptions): readonly Uint8Array[] | undefined {
  if (serverCertificateHashes === undefined || serverCertificateHashes.length === 0) return undefined;
  if (allowPooling === true) {
    throw new DOMException("serverCertificateHashes cannot be used with allowPooling", "NotSupportedError");
  }
  return serverCertificateHashes
    .filter(({ algorithm }) => algorithm.toLowerCase() === "sha-256")
    .map(({ value }) =>
      ArrayBuffer.isView(value)
        ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength).slice()
        : new Uint8Array(value.slice(0)),
    );
}

function checkedProtocols(protocols: readonly string[]): readonly string[] {
  const problem =
    new Set(protocols).size < protocols.length
      ? "a protocol is repeated"
      : protocols.some((each) => each === "" || each.length > 512 || !/^[\x20-\x7e]*$/.test(each))
        ? "a protocol is empty, too long, or not ASCII"
        : undefined;
  if (problem !== undefined) throw new DOMException(problem, "SyntaxError");
  return protocols;
}

/** A connection for this session alone. Loaded when it is needed. */
function connector(
  { quic, engine }: NonNullable<WebTransportOptions["client"]>,
  certificateHashes: readonly Uint8Array[] | undefined,
): Http3Connector {
  let loading: Promise<Http3Connector> | undefined;
  const load = async (): Promise<Http3Connector> => {
    const [{ createHttp3Connector }, { systemEnvironmentWith }, { WEBTRANSPORT_ONLY }] = await Promise.all([
      import("../../host/client/h3-connector.ts"),
      import("../../host/quic/environment.ts"),
      import("../../host/client/quic-protocols.ts"),
    ]);
    return createHttp3Connector(systemEnvironmentWith(engineChoice(engine)), quic, WEBTRANSPORT_ONLY);
  };
  const ready = () => {
    loading ??= load();
    return loading;
  };
  return {
    ready,
    connect: async (origin: string, options: DialOptions) =>
      (await ready()).connect(origin, certificateHashes === undefined ? options : { ...options, certificateHashes }),
    close: async () => (await loading)?.close(),
  };
}

function failureOf(error: unknown): WebTransportError {
  if (error instanceof TunnelRefusedError) {
    return sessionError(`the server answered ${error.status} instead of opening a session`);
  }
  return sessionError(error instanceof Error ? error.message : String(error));
}
