// The W3C's WebTransport (https://www.w3.org/TR/webtransport/) for Node: connects, and is then a session like any other.
import { millis } from "../../base/time.ts";
import { ClientError, TunnelRefusedError } from "../../host/client/errors.ts";
import { staggered } from "../../host/client/staggered.ts";
import { systemClock } from "../../host/clock.ts";
import { detach, type Fault } from "../../host/guard.ts";
import { sessionError, type WebTransportError } from "../../host/webtransport/error.ts";
import { WebTransportSession } from "../../host/webtransport/web-transport-session.ts";
import { type FieldLine, isHttp1Only } from "../../http/index.ts";
import { checkedProtocols, parseUrl, type SharedWebTransportOptions } from "./arguments.ts";
import { openSession, type SessionRequest, type Way, type WebTransportClientOptions, waysOf } from "./carriers.ts";

/** Milliseconds before a WebSocket is tried too. */
const HEAD_START = 500;

/** The options of a session, as the W3C has them, and two more. */
export interface WebTransportOptions extends SharedWebTransportOptions {
  /** Beyond the W3C: fields of the request. */
  readonly headers?: ConstructorParameters<typeof Headers>[0];
  /** Beyond the W3C: how the client connects, as for `createClient`. */
  readonly client?: WebTransportClientOptions;
}

/**
 * The W3C's WebTransport: a session over HTTP/3, or over a WebSocket (as QMux) if HTTP/3 has failed, or has not succeeded within
 * 500 ms and the WebSocket is faster. `reliability` says which.
 */
export class WebTransport extends WebTransportSession {
  /** True: sessions may run over a connection where nothing is lost. */
  static readonly supportsReliableOnly = true;
  readonly congestionControl: "default" | "throughput" | "low-latency";
  readonly #connecting = new AbortController();

  constructor(url: string | URL, options: WebTransportOptions = {}) {
    const parsed = parseUrl(url);
    const certificateHashes = hashesOf(options);
    const protocols = checkedProtocols(options.protocols ?? []);
    super();
    this.congestionControl = options.congestionControl ?? "default";
    const { headers, client = {} } = options;
    const fields = [...(new Headers(headers) as unknown as Iterable<FieldLine>)].filter(
      ([name, value]) => name !== "host" && name !== "content-length" && !isHttp1Only(name, value),
    );
    const ways = waysOf(client).filter((each) => !options.requireUnreliable || each.versions.includes("h3"));
    if (ways.length === 0) throw new TypeError("client.protocols has no version of HTTP that can carry the session");
    const allowPooling = options.allowPooling === true;
    const request = { url: parsed, fields, protocols, client, certificateHashes, allowPooling, clock: systemClock };
    const onFault = (fault: Fault): void => this.fail(sessionError(fault.error.message));
    detach("client webtransport connect", onFault, this.#connect(request, ways));
  }

  /** @internal */
  override fail(error: WebTransportError): void {
    super.fail(error);
    this.#connecting.abort(error);
  }

  async #connect(request: SessionRequest, ways: readonly Way[]): Promise<void> {
    try {
      const opened = await staggered({
        candidates: ways,
        delay: millis(HEAD_START),
        signal: this.#connecting.signal,
        attempt: (way, signal) => openSession(way, request, signal),
        discard: (late) => {
          const unused = new WebTransportSession();
          unused.fail(sessionError("another way was faster"));
          late.begin(unused);
        },
        isFinal,
      });
      opened.begin(this);
    } catch (error) {
      this.fail(failureOf(error));
    }
  }
}

/** True if the other way would end with the same error: it leads to the same server. */
function isFinal(error: unknown): boolean {
  if (error instanceof TunnelRefusedError) return [401, 403, 429].includes(error.status);
  return error instanceof ClientError && error.code.startsWith("CERTIFICATE_");
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

function failureOf(error: unknown): WebTransportError {
  if (error instanceof TunnelRefusedError) {
    return sessionError(`the server answered ${error.status} instead of opening a session`);
  }
  return sessionError(error instanceof Error ? error.message : String(error));
}
