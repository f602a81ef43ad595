/** A reverse proxy (a gateway, RFC 9110 §3.7), directly on Exchanges. */
import { randomBytes } from "node:crypto";
import { ClientError } from "../../host/client/errors.ts";
import { describeFault, type Fault } from "../../host/guard.ts";
import type { ExchangeHandler, ServerExchange } from "../../host/http/exchange.ts";
import { ServeError } from "../../host/listen/errors.ts";
import { duration } from "../../host/timer.ts";
import { type FieldLine, fieldValue, isAuthority } from "../../http/index.ts";
import { printable } from "../../wire/printable.ts";
import type { Service } from "../server.ts";
import { type CallFailure, type CallSettings, ProxyCall } from "./call.ts";
import { forwardRequestFields } from "./forwarded-fields.ts";
import { hasParentSegment, openOrigins, type ProxyOrigin, type ProxyOrigins, parseOrigin } from "./origins.ts";

export interface ProxyOptions {
  /** Milliseconds for connecting to an origin; 5 s by default. */
  readonly connectTimeout?: number | undefined;
  /** Milliseconds until the response head; 60 s by default. */
  readonly headersTimeout?: number | undefined;
  /** Milliseconds between two chunks of the response body; 5 min by default. */
  readonly bodyTimeout?: number | undefined;
  /**
   * True if the origin receives the client's Host. The default is true over http, since that is usually an application
   * on the same machine, and false over https, since such an origin has its own name.
   */
  readonly preserveHost?: boolean | undefined;
  /**
   * The Host that origins receive: "client" for the client's Host, "origin" for the origin's own, or a name. Overrides
   * `preserveHost`.
   */
  readonly hostHeader?: string | undefined;
  /** True to trust Forwarded and X-Forwarded-* from a proxy in front of this one. */
  readonly trustForwarded?: boolean | undefined;
  /** PEM of the authorities to trust for https origins. */
  readonly ca?: string | Uint8Array | undefined;
  /** False accepts any certificate from an https origin, even that of an impostor. True by default. */
  readonly rejectUnauthorized?: boolean | undefined;
  /** Receives a line about each failed origin. Standard error by default. */
  readonly log?: ((line: string) => void) | undefined;
}

/** Origins take turns, beginning with the first. */
export async function createProxy(origins: readonly string[], options: ProxyOptions = {}): Promise<ProxyService> {
  const { ca, hostHeader } = options;
  const connectTimeout = duration("connectTimeout", options.connectTimeout ?? 5_000);
  const log = options.log ?? ((line: string) => process.stderr.write(`${line}\n`));
  const onFault = (fault: Fault) => log(describeFault(fault));
  const settings = {
    headersTimeout: duration("headersTimeout", options.headersTimeout ?? 60_000),
    bodyTimeout: duration("bodyTimeout", options.bodyTimeout ?? 300_000),
    onFault,
  };
  if (hostHeader !== undefined && !isAuthority(hostHeader)) {
    throw new ServeError("OPTION_INVALID", `hostHeader ${hostHeader} is not a host: give client, origin, or a name`);
  }
  const pem = ca === undefined || typeof ca === "string" ? ca : Buffer.from(ca).toString("utf8");
  const rejectUnauthorized = options.rejectUnauthorized ?? true;
  const opened = openOrigins(origins.map(parseOrigin), { connectTimeout, ca: pem, rejectUnauthorized, onFault });
  return new ProxyService(opened, settings, { ...options, log });
}

export class ProxyService implements Service {
  readonly #origins: ProxyOrigins;
  readonly #settings: CallSettings;
  readonly #hostHeader: string | undefined;
  readonly #trustForwarded: boolean;
  readonly #log: (line: string) => void;
  /** Differs from that of every other proxy, so that loops are detected. */
  readonly #pseudonym = `nagare-${randomBytes(6).toString("hex")}`;

  constructor(
    origins: ProxyOrigins,
    settings: CallSettings,
    options: ProxyOptions & { readonly log: (line: string) => void },
  ) {
    const { preserveHost } = options;
    this.#origins = origins;
    this.#settings = settings;
    this.#hostHeader =
      options.hostHeader ?? (preserveHost === undefined ? undefined : preserveHost ? "client" : "origin");
    this.#trustForwarded = options.trustForwarded ?? false;
    this.#log = options.log;
  }

  readonly handle: ExchangeHandler = (exchange) => {
    const refusal = refusalOf(exchange);
    if (refusal === undefined) {
      this.#forward(exchange, new Set());
      return;
    }
    if (refusal.status === 501)
      this.#log(printable(`nagare: ${exchange.method} ${exchange.path}: 501 ${refusal.reason}`));
    respondText(exchange, refusal.status, refusal.reason, refusal.fields);
  };

  close(): Promise<void> {
    return this.#origins.close();
  }

  #forward(exchange: ServerExchange, tried: Set<ProxyOrigin>): void {
    const origin = this.#origins.choose(tried, Date.now())!;
    tried.add(origin);
    if (origin.base !== "" && hasParentSegment(exchange.path)) {
      respondText(exchange, 400, "the path leads upwards");
      return;
    }
    const request = forwardRequestFields(exchange, {
      host: this.#hostFor(exchange, origin),
      pseudonym: this.#pseudonym,
      trustForwarded: this.#trustForwarded,
    });
    if (!request.ok) {
      respondText(exchange, request.status, request.reason);
      return;
    }
    const fields = decrementMaxForwards(exchange.method, request.fields);
    const call = new ProxyCall(exchange, origin, fields, this.#settings, (failure) =>
      this.#handleFailure(exchange, origin, tried, failure),
    );
    call.send();
  }

  #hostFor({ authority }: ServerExchange, { url }: ProxyOrigin): string {
    const wanted = this.#hostHeader ?? (url.protocol === "http:" ? "client" : "origin");
    if (wanted === "origin" || (wanted === "client" && authority === "")) return url.host;
    return wanted === "client" ? authority : wanted;
  }

  #handleFailure(exchange: ServerExchange, origin: ProxyOrigin, tried: Set<ProxyOrigin>, failure: CallFailure): void {
    const { error, unsent } = failure;
    const { status, reason } = describeFailure(error);
    if (status === 400) {
      if (exchange.status === undefined) respondText(exchange, 400, reason);
      else exchange.reset(error);
      return;
    }
    const problem = `${origin.url.origin}: ${codeOf(error)} ${error.message}`;
    this.#log(printable(`nagare: ${exchange.method} ${exchange.path}: ${problem}`));
    if (exchange.status !== undefined) {
      exchange.reset(error); // RFC 9110 §7.5: the client must notice that the response is incomplete
      return;
    }
    if (unsent) this.#origins.markDown(origin, Date.now());
    const another = tried.size < this.#origins.all.length;
    // RFC 9110 §9.2.2: an unsent request can go to another origin, whatever the method.
    if (unsent && another) {
      this.#forward(exchange, tried);
      return;
    }
    respondText(exchange, status, reason);
  }
}

interface Refusal {
  readonly status: number;
  readonly reason: string;
  readonly fields?: readonly FieldLine[];
}

/** Returns a response for requests that are not passed on. */
function refusalOf(exchange: ServerExchange): Refusal | undefined {
  const { method, path, fields } = exchange;
  // TRACE would reveal cookies and our added fields to scripts (RFC 9110 §9.3.8).
  if (method === "TRACE") return { status: 405, reason: "TRACE is not supported", fields: [["allow", ALLOWED]] };
  if (requestsUpgrade(exchange)) return { status: 501, reason: "this proxy does not support upgrades (WebSocket)" };
  const last = method === "OPTIONS" && fieldValue(fields, "max-forwards")?.trim() === "0"; // RFC 9110 §7.6.2
  if (path === "*" || last) return { status: 204, reason: "", fields: [["allow", ALLOWED]] };
  return undefined;
}

/** RFC 9110 §7.8. An upgrade to cleartext HTTP/2 is meaningless over TLS and is ignored. */
function requestsUpgrade({ fields }: ServerExchange): boolean {
  const protocol = fieldValue(fields, "upgrade")?.trim().toLowerCase();
  if (protocol === undefined || protocol === "" || protocol.startsWith("h2c")) return false;
  return (
    fieldValue(fields, "connection")
      ?.toLowerCase()
      .split(",")
      .some((each) => each.trim() === "upgrade") === true
  );
}

const ALLOWED = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/** RFC 9110 §7.6.2: only OPTIONS and TRACE count their hops. */
function decrementMaxForwards(method: string, fields: readonly FieldLine[]): readonly FieldLine[] {
  if (method !== "OPTIONS") return fields;
  return fields.map((line) =>
    line[0] === "max-forwards" && /^\d{1,9}$/.test(line[1]) ? [line[0], String(Number(line[1]) - 1)] : line,
  );
}

const codeOf = (error: Error): string => (error as NodeJS.ErrnoException).code ?? error.name;

/** The status for a failure (RFC 9110 §15.6.3, §15.6.5), with a reason that reveals nothing about the network to clients. */
function describeFailure(error: Error): { status: 400 | 502 | 504; reason: string } {
  switch (error instanceof ClientError ? error.code : undefined) {
    case "REQUEST_INVALID":
      return (error.cause as { code?: unknown } | undefined)?.code === "UND_ERR_REQ_CONTENT_LENGTH_MISMATCH"
        ? { status: 400, reason: "the content does not match its content-length" }
        : { status: 400, reason: "the request cannot be passed on" };
    case "CONNECT_TIMEOUT":
      return { status: 504, reason: "the server behind this proxy could not be reached in time" };
    case "RESPONSE_TIMEOUT":
      return { status: 504, reason: "the server behind this proxy did not respond in time" };
    case "CONNECTION_REFUSED":
      return { status: 502, reason: "the server behind this proxy refused the connection" };
    case "NAME_NOT_FOUND":
    case "CONNECTION_FAILED":
      return { status: 502, reason: "the server behind this proxy could not be reached" };
    default:
      return { status: 502, reason: "the server behind this proxy gave no usable response" };
  }
}

const REASON: Readonly<Record<number, string>> = {
  400: "Bad Request",
  405: "Method Not Allowed",
  501: "Not Implemented",
  502: "Bad Gateway",
  504: "Gateway Timeout",
  508: "Loop Detected",
};

function respondText(
  exchange: ServerExchange,
  status: number,
  reason: string,
  fields: readonly FieldLine[] = [],
): void {
  if (exchange.aborted !== undefined) return;
  const body = status === 204 ? undefined : new TextEncoder().encode(`${status} ${REASON[status]}: ${reason}\n`);
  if (body === undefined || exchange.method === "HEAD") {
    exchange.respond(status, fields, { endStream: true });
    return;
  }
  exchange.respond(status, [
    ...fields,
    ["content-type", "text/plain; charset=utf-8"],
    ["content-length", String(body.byteLength)],
  ]);
  exchange.end(body);
}
