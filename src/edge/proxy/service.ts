/** A reverse proxy (a gateway, RFC 9110 §3.7) straight on Exchanges. */
import { randomBytes } from "node:crypto";
import { describeFault } from "../../host/guard.ts";
import type { ExchangeHandler, ServerExchange } from "../../host/http/exchange.ts";
import { duration } from "../../host/timer.ts";
import { type FieldLine, fieldValue } from "../../http/index.ts";
import type { Service } from "../server.ts";
import { type CallFailure, ProxyCall } from "./call.ts";
import { forwardRequestFields } from "./forwarded-fields.ts";
import { openOrigins, type ProxyOrigin, type ProxyOrigins, parseOrigin } from "./origins.ts";

export interface ProxyOptions {
  /** Milliseconds to reach an origin; 5 s by default. */
  readonly connectTimeout?: number | undefined;
  /** Milliseconds until the head of its response; 60 s by default. */
  readonly headersTimeout?: number | undefined;
  /** Milliseconds between two chunks of its response; 5 min by default. */
  readonly bodyTimeout?: number | undefined;
  /**
   * Whether the origin sees the Host that the client named. By default yes over http, which mostly means an application
   * on the same machine, and no over https, where the origin has a name of its own.
   */
  readonly preserveHost?: boolean | undefined;
  /** Whether there is a proxy in front that can be believed about Forwarded and X-Forwarded-*. */
  readonly trustForwarded?: boolean | undefined;
  /** PEM of authorities to trust for https origins. */
  readonly ca?: string | Uint8Array | undefined;
  /** Where a line about an origin that failed goes. Standard error by default. */
  readonly log?: ((line: string) => void) | undefined;
}

/** RFC 9110 §9.2.2. TRACE is not among them, since it is refused. */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);

/** The origins' first is tried first; then they take turns. */
export async function createProxy(origins: readonly string[], options: ProxyOptions = {}): Promise<ProxyService> {
  const { ca } = options;
  const connectTimeout = duration("connectTimeout", options.connectTimeout ?? 5_000);
  const headersTimeout = duration("headersTimeout", options.headersTimeout ?? 60_000);
  const bodyTimeout = duration("bodyTimeout", options.bodyTimeout ?? 300_000);
  const urls = origins.map(parseOrigin);
  return new ProxyService(await openOrigins(urls, { connectTimeout, headersTimeout, bodyTimeout, ca }), options);
}

export class ProxyService implements Service {
  readonly #origins: ProxyOrigins;
  readonly #preserveHost: boolean | undefined;
  readonly #trustForwarded: boolean;
  readonly #log: (line: string) => void;
  /** Told from every other proxy's, so that a request that comes back is seen to. */
  readonly #pseudonym = `nagare-${randomBytes(6).toString("hex")}`;

  constructor(origins: ProxyOrigins, options: ProxyOptions) {
    this.#origins = origins;
    this.#preserveHost = options.preserveHost;
    this.#trustForwarded = options.trustForwarded ?? false;
    this.#log = options.log ?? ((line) => process.stderr.write(`${line}\n`));
  }

  readonly handle: ExchangeHandler = (exchange) => {
    const refusal = refusalOf(exchange);
    if (refusal === undefined) this.#forward(exchange, new Set());
    else respondText(exchange, refusal.status, refusal.reason, refusal.fields);
  };

  close(): Promise<void> {
    return this.#origins.close();
  }

  #forward(exchange: ServerExchange, tried: Set<ProxyOrigin>): void {
    const origin = this.#origins.choose(tried, Date.now())!;
    tried.add(origin);
    const request = forwardRequestFields(exchange, {
      host: this.#hostFor(exchange, origin),
      pseudonym: this.#pseudonym,
      trustForwarded: this.#trustForwarded,
    });
    if (!request.ok) {
      respondText(exchange, request.status, request.reason);
      return;
    }
    const call = new ProxyCall(exchange, (failure) => this.#handleFailure(exchange, origin, tried, failure));
    call.send(origin, decrementMaxForwards(exchange.method, request.fields));
  }

  #hostFor({ authority }: ServerExchange, { url }: ProxyOrigin): string {
    const preserve = this.#preserveHost ?? url.protocol === "http:";
    return preserve && authority !== "" ? authority : url.host;
  }

  #handleFailure(exchange: ServerExchange, origin: ProxyOrigin, tried: Set<ProxyOrigin>, failure: CallFailure): void {
    const { error, unsent, fault } = failure;
    if (fault !== undefined) this.#log(describeFault(fault));
    const { status, reason } = describeFailure(error);
    if (status === 400) {
      if (exchange.status === undefined) respondText(exchange, 400, reason);
      else exchange.reset(error);
      return;
    }
    this.#log(`nagare: ${exchange.method} ${exchange.path}: ${origin.url.origin}: ${codeOf(error)} ${error.message}`);
    if (exchange.status !== undefined) {
      exchange.reset(error); // RFC 9110 §7.5: an incomplete response must be seen to be incomplete
      return;
    }
    if (unsent) this.#origins.markDown(origin, Date.now());
    const another = tried.size < this.#origins.all.length;
    if (unsent && another && IDEMPOTENT.has(exchange.method) && exchange.body.state === "ended") {
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

/** Requests that end here. */
function refusalOf(exchange: ServerExchange): Refusal | undefined {
  const { method, path, fields } = exchange;
  // TRACE would show a script the cookies and what we add (RFC 9110 §9.3.8).
  if (method === "TRACE") return { status: 405, reason: "TRACE is not served here", fields: [["allow", ALLOWED]] };
  const last = method === "OPTIONS" && fieldValue(fields, "max-forwards")?.trim() === "0"; // RFC 9110 §7.6.2
  if (path === "*" || last) return { status: 204, reason: "", fields: [["allow", ALLOWED]] };
  return undefined;
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

/** The status for a failure (RFC 9110 §15.6.3, §15.6.5), with a sentence that tells a client nothing of our network. */
function describeFailure(error: Error): { status: 400 | 502 | 504; reason: string } {
  switch (codeOf(error)) {
    case "UND_ERR_INVALID_ARG":
    case "UND_ERR_NOT_SUPPORTED":
      return { status: 400, reason: "the request cannot be passed on" };
    case "UND_ERR_REQ_CONTENT_LENGTH_MISMATCH":
      return { status: 400, reason: "the content is not as long as its content-length" };
    case "UND_ERR_CONNECT_TIMEOUT":
    case "ETIMEDOUT":
      return { status: 504, reason: "the server behind this proxy could not be reached in time" };
    case "UND_ERR_HEADERS_TIMEOUT":
    case "UND_ERR_BODY_TIMEOUT":
      return { status: 504, reason: "the server behind this proxy did not answer in time" };
    case "ECONNREFUSED":
      return { status: 502, reason: "the server behind this proxy refused the connection" };
    case "ENOTFOUND":
    case "EAI_AGAIN":
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return { status: 502, reason: "the server behind this proxy could not be reached" };
    default:
      return { status: 502, reason: "the server behind this proxy gave no usable answer" };
  }
}

const REASON: Readonly<Record<number, string>> = {
  400: "Bad Request",
  405: "Method Not Allowed",
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
