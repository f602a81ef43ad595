/** One proxied request: chooses an origin, and another one if that is allowed and the first one failed (RFC 9110 §9.2.2). */

import type { ClientRequestHead } from "../../../host/client/session.ts";
import type { SpoolOptions } from "../../../host/files/spool.ts";
import { type Fault, guard } from "../../../host/guard.ts";
import type { ServerExchange } from "../../../host/http/exchange.ts";
import { respondText } from "../../../host/http/respond-text.ts";
import { systemRng } from "../../../host/random.ts";
import { noLimit, Timer } from "../../../host/timer.ts";
import { emitProxyHeader, type FieldLine, handbackProblem, REPLAY_FIELD } from "../../../http/index.ts";
import { completePriority, emitPriority, priorityOf, withoutDefaults } from "../../../http/priority/index.ts";
import { printable } from "../../../wire/printable.ts";
import type { TrustedProxies } from "../../trusted-proxies.ts";
import { forwardRequestFields } from "../fields/request-fields.ts";
import { hasParentSegment } from "../origins/address.ts";
import type { Origin } from "../origins/origin.ts";
import type { Origins } from "../origins/origins.ts";
import { describeFailure } from "../responses.ts";
import { TunnelRelay } from "../tunnel/relay.ts";
import { Attempt, type AttemptFailure, type AttemptReplay, type AttemptTimeouts } from "./attempt.ts";
import { type Handback, ReplayableBody } from "./replayable-body.ts";
import { type OutgoingContent, RequestBody } from "./request-body.ts";
import type { RetryBudget } from "./retry-budget.ts";

/** Partial POST Replay. */
export interface ReplaySettings extends SpoolOptions {
  /** The status of a response that hands a request back. */
  readonly status: number;
  /** Replays of one request. */
  readonly maxReplays: number;
  /** Milliseconds between two chunks that come back. */
  readonly timeout: number;
}

export interface CallSettings extends AttemptTimeouts {
  /** Milliseconds for everything. */
  readonly timeout: number;
  /** Further attempts for a request. */
  readonly retries: number;
  /** Retries for each request on average. */
  readonly retryBudget: number;
  /** Bytes of content that are kept for further attempts. */
  readonly replayLimit: number;
  /** Undefined if origins are not trusted to hand requests back. */
  readonly replay: ReplaySettings | undefined;
  /** Milliseconds that a tunnel may be silent. */
  readonly tunnelTimeout: number;
  readonly hostHeader: string | undefined;
  readonly trustedProxies: TrustedProxies;
  readonly log: (line: string) => void;
  readonly onFault: (fault: Fault) => void;
}

/** What the calls of one proxy share. */
export interface CallContext {
  readonly settings: CallSettings;
  readonly origins: Origins;
  readonly budget: RetryBudget;
  /** The proxy's name in Via. */
  readonly pseudonym: string;
  /** What requests are hashed by. */
  readonly keyOf: (exchange: ServerExchange) => string;
  /** Milliseconds. */
  readonly now: () => number;
}

/**
 * RFC 9110 §9.2.2, without TRACE, which is refused; and the safe methods of other specifications (RFC 4918, RFC 3253,
 * RFC 5323, QUERY).
 */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PROPFIND", "REPORT", "SEARCH", "QUERY"]);

/** Attempts on one origin whose idle connections turn out to be closed. */
const MAX_STALE = 3;
/** Milliseconds before origins are tried again; doubles up to a limit. */
const PAUSE = 25;
const MAX_PAUSE = 200;

export class ProxyCall {
  readonly #exchange: ServerExchange;
  readonly #context: CallContext;
  readonly #key: string;
  readonly #body: OutgoingContent | undefined;
  /** The protocol of the tunnel that the client asks for. */
  readonly #tunnel: string | undefined;
  /** Origins not to be tried again. */
  readonly #tried = new Set<Origin>();
  #origin: Origin | undefined;
  #attempt: Attempt | undefined;
  /** Attempts whose origins hand their requests back. */
  readonly #returning = new Set<Attempt>();
  #replays = 0;
  #retries = 0;
  #stale = 0;
  #pauses = 0;
  #isTunnel = false;
  #deadline: Timer | undefined;
  #pause: Timer | undefined;

  /** `tunnel` is the protocol of the tunnel to open, if the client asks for one. */
  constructor(exchange: ServerExchange, context: CallContext, tunnel: string | undefined) {
    this.#exchange = exchange;
    this.#context = context;
    this.#key = context.keyOf(exchange);
    this.#tunnel = tunnel;
    if (tunnel === undefined && exchange.body.state !== "ended") this.#body = bodyFor(exchange, context.settings);
    exchange.onAbort = (reason) => this.#cancel(reason);
    exchange.onDrain = () => this.#attempt?.resume();
    // RFC 9218 §7: an intermediary may say it to the origin. Until it has answered, no more than the client's is known.
    exchange.onPriority = (priority) => this.#attempt?.reprioritize(priority);
  }

  begin(): void {
    const { budget, settings } = this.#context;
    budget.deposit();
    if (settings.timeout !== Number.POSITIVE_INFINITY && settings.timeout !== 0) {
      const late = guard("proxy deadline", this.#handleFault, () => this.#handleDeadline());
      this.#deadline = new Timer(late, noLimit(settings.timeout));
    }
    this.#tryNext();
  }

  #tryNext(): void {
    const { origins, now } = this.#context;
    const origin = origins.choose(this.#tried, this.#key, now())!;
    this.#stale = 0;
    this.#try(origin);
  }

  #try(origin: Origin): void {
    const { settings, now } = this.#context;
    const exchange = this.#exchange;
    const head = this.#headFor(origin);
    if (head === undefined) {
      this.#settle();
      return;
    }
    this.#origin = origin;
    exchange.upstream = origin.name;
    origin.active += 1;
    origin.requests += 1;
    origin.health.begin(now());
    // The length of a request that may be handed back is not announced: it ends when all of it is back.
    const replay = this.#body instanceof ReplayableBody ? this.#replayOf(this.#body, head, origin) : undefined;
    const content = this.#body && { body: this.#body, length: replay === undefined ? head.length : undefined };
    this.#attempt = new Attempt({
      replay,
      exchange,
      pool: this.#tunnel === undefined ? origin.pool : origin.tunnelPool,
      preface: prefaceFor(exchange, origin, settings.trustedProxies),
      head,
      content,
      relay: this.#relay(),
      timeouts: settings,
      onFault: settings.onFault,
      onResponse: (status) => {
        origin.health.succeed();
        origin.responses[Math.floor(status / 100)]! += 1;
      },
      onTunnel: () => {
        origin.tunnels += 1;
        this.#isTunnel = true;
        this.#deadline?.clear();
      },
      onDone: () => this.#settle(),
      onFailure: (failure) => this.#handleFailure(origin, failure),
    });
    this.#attempt.begin();
  }

  #replayOf(body: ReplayableBody, head: ClientRequestHead, origin: Origin): AttemptReplay {
    const { status, timeout, maxReplays } = this.#context.settings.replay!;
    return {
      status,
      timeout,
      onHandback: (fields) => handbackProblem(head, fields, maxReplays) ?? this.#takeBack(body, origin),
      onReturned: () => undefined,
      onLost: (error) => this.#loseHandback(origin, error),
    };
  }

  /** draft-frindell-httpbis-partial-post-replay-00 §3.2: the request goes to another origin while it still comes back. */
  #takeBack(body: ReplayableBody, origin: Origin): Handback {
    const { origins, settings, now } = this.#context;
    const handback = body.handBack();
    this.#returning.add(this.#attempt!);
    this.#attempt = undefined;
    this.#leaveOrigin();
    // It shuts down, so other requests need not try it.
    origin.health.fail(now(), true);
    settings.log(
      printable(`nagare: ${this.#exchange.method} ${this.#exchange.path}: ${origin.name} handed the request back`),
    );
    this.#replays += 1;
    this.#retries = 0;
    this.#tried.add(origin);
    if (this.#tried.size >= origins.all.length) {
      this.#tried.clear();
      if (origins.all.length > 1) this.#tried.add(origin);
    }
    this.#tryLater(0);
    return handback;
  }

  #loseHandback(origin: Origin, error: Error): void {
    this.#context.settings.log(
      printable(`nagare: ${this.#exchange.method} ${this.#exchange.path}: ${origin.name}: ${error.message}`),
    );
    origin.failures += 1;
    this.#attempt?.cancel(error);
    this.#answer({ kind: "invalid", error, isReused: false });
  }

  #relay(): TunnelRelay | undefined {
    const { tunnelTimeout, onFault } = this.#context.settings;
    if (this.#tunnel === undefined) return undefined;
    return new TunnelRelay({ exchange: this.#exchange, protocol: this.#tunnel, idleTimeout: tunnelTimeout, onFault });
  }

  /** Returns undefined if the request was answered, since it cannot be passed on. */
  #headFor(origin: Origin): (ClientRequestHead & { readonly length: number | undefined }) | undefined {
    const { pseudonym, settings } = this.#context;
    const exchange = this.#exchange;
    if (origin.base !== "" && hasParentSegment(exchange.path)) {
      respondText(exchange, 400, "the path leads upwards");
      return undefined;
    }
    const authority = hostFor(exchange, origin, settings.hostHeader);
    const path = settings.trustedProxies.pathOf(exchange);
    const request = forwardRequestFields(exchange, {
      pseudonym,
      path,
      keepsTe: origin.settings.address.protocol !== "http/1.1",
    });
    if (!request.ok) {
      respondText(exchange, request.status, request.reason);
      return undefined;
    }
    return {
      method: this.#tunnel === undefined ? exchange.method : "GET",
      protocol: this.#tunnel,
      isHalfOpen: true,
      scheme: origin.url.protocol === "https:" ? "https" : "http",
      authority,
      path: origin.base + exchange.path,
      fields: this.#withReplays(
        decrementMaxForwards(exchange.method, withPriority(exchange, request.fields)),
        path.isTrusted,
      ),
      length: request.length,
    };
  }

  /** A line for each replay, so that the next proxy and the origin see loops. */
  #withReplays(fields: readonly FieldLine[], isTrusted: boolean): readonly FieldLine[] {
    if (this.#context.settings.replay === undefined) return fields;
    const given = isTrusted ? fields : fields.filter(([name]) => name !== REPLAY_FIELD);
    const lines = Array.from({ length: this.#replays }, (): FieldLine => [REPLAY_FIELD, "1"]);
    return [...given, ...lines];
  }

  #handleFailure(origin: Origin, failure: AttemptFailure): void {
    const { settings, now } = this.#context;
    const exchange = this.#exchange;
    const { kind, error, isReused } = failure;
    this.#leaveOrigin();
    const mayRepeat = exchange.status === undefined && this.#mayRepeat(kind);
    // RFC 9112 §9.5: an origin may close an idle connection at any time.
    if (isReused && mayRepeat && (kind === "lost" || kind === "unprocessed") && this.#stale < MAX_STALE) {
      this.#stale += 1;
      this.#try(origin);
      return;
    }
    if (kind === "client") {
      this.#answer(failure);
      return;
    }
    const problem = `${origin.name}: ${codeOf(error)} ${error.message}`;
    settings.log(printable(`nagare: ${exchange.method} ${exchange.path}: ${problem}`));
    if (kind !== "busy" && kind !== "unprocessed" && kind !== "fault") {
      origin.failures += 1;
      origin.lastFailure = printable(`${codeOf(error)} ${error.message}`);
      origin.health.fail(now(), kind === "unreachable");
    }
    this.#tried.add(origin);
    if (!mayRepeat || !this.#retry(origin, kind)) this.#answer(failure);
  }

  /** RFC 9110 §9.2.2: a gateway may repeat a request that was not processed, or that is idempotent. */
  #mayRepeat(kind: AttemptFailure["kind"]): boolean {
    if (this.#body?.isRepeatable === false || this.#exchange.aborted !== undefined) return false;
    if (kind === "busy" || kind === "unreachable" || kind === "unprocessed") return true;
    // Nothing is sent through a tunnel before it is open.
    const isIdempotent = this.#tunnel !== undefined || IDEMPOTENT.has(this.#exchange.method);
    return (kind === "lost" || kind === "late") && isIdempotent;
  }

  #tryLater(milliseconds: number): void {
    this.#pause = new Timer(
      guard("proxy retry", this.#handleFault, () => this.#tryNext()),
      milliseconds,
    );
  }

  /** Returns false if there is nothing to try. */
  #retry(origin: Origin, kind: AttemptFailure["kind"]): boolean {
    const { origins, budget, settings, now } = this.#context;
    const untried = this.#tried.size < origins.all.length;
    // Another round is worth a try, since an origin may be back, unless time is what was lost.
    if ((!untried && kind === "late") || this.#retries >= settings.retries || !budget.withdraw(now())) return false;
    this.#retries += 1;
    if (untried) {
      this.#tryNext();
      return true;
    }
    this.#tried.clear();
    if (origins.all.length > 1) this.#tried.add(origin);
    const pause = Math.min(MAX_PAUSE, PAUSE * 2 ** this.#pauses) * (1 + systemRng.uint32() / 2 ** 32);
    this.#pauses += 1;
    this.#tryLater(pause);
    return true;
  }

  #answer({ error, kind }: AttemptFailure): void {
    this.#settle();
    const exchange = this.#exchange;
    // RFC 9110 §7.5: the client must notice that the response is incomplete.
    if (exchange.status !== undefined) {
      exchange.reset(error);
      return;
    }
    const { status, reason } = describeFailure(kind, error);
    respondText(exchange, status, reason, status === 503 ? [["retry-after", "1"]] : []);
  }

  #handleDeadline(): void {
    const error = new Error("the request took too long");
    const origin = this.#origin;
    this.#attempt?.cancel(error);
    if (origin !== undefined) origin.failures += 1;
    this.#answer({ kind: "late", error, isReused: false });
  }

  readonly #handleFault = (fault: Fault): void => {
    this.#context.settings.onFault(fault);
    this.#attempt?.cancel(fault.error);
    this.#answer({ kind: "fault", error: fault.error, isReused: false });
  };

  #cancel(reason: Error): void {
    this.#attempt?.cancel(reason);
    this.#settle();
  }

  #leaveOrigin(): void {
    const origin = this.#origin;
    if (origin === undefined) return;
    this.#origin = undefined;
    origin.active -= 1;
    if (this.#isTunnel) origin.tunnels -= 1;
    origin.health.release();
  }

  #settle(): void {
    this.#leaveOrigin();
    for (const attempt of this.#returning) attempt.cancel(new Error("the request has ended"));
    this.#returning.clear();
    this.#body?.release();
    this.#attempt = undefined;
    this.#deadline?.clear();
    this.#pause?.clear();
  }
}

function bodyFor(exchange: ServerExchange, { replay, replayLimit }: CallSettings): OutgoingContent {
  return replay === undefined
    ? new RequestBody(exchange, replayLimit)
    : new ReplayableBody(exchange, replayLimit, replay);
}

/** The Host of the request to the origin. */
function hostFor({ authority }: ServerExchange, { url }: Origin, hostHeader: string | undefined): string {
  const wanted = hostHeader ?? (url.protocol === "http:" ? "client" : "origin");
  if (wanted === "origin" || (wanted === "client" && authority === "")) return url.host;
  return wanted === "client" ? authority : wanted;
}

/** RFC 9218 §7: a PRIORITY_UPDATE that came before the request replaces what its field says. */
function withPriority(exchange: ServerExchange, fields: readonly FieldLine[]): readonly FieldLine[] {
  const { priority, method } = exchange;
  if (priority === undefined || method === "CONNECT") return fields;
  const said = completePriority(priorityOf(fields));
  if (said.urgency === priority.urgency && said.incremental === priority.incremental) return fields;
  const value = emitPriority(withoutDefaults(priority));
  const others = fields.filter(([name]) => name !== "priority");
  return value === "" ? others : [...others, ["priority", value]];
}

/** The header of the PROXY protocol that tells the origin who the client is. */
function prefaceFor(
  exchange: ServerExchange,
  { settings: { proxyProtocol } }: Origin,
  proxies: TrustedProxies,
): Uint8Array | undefined {
  if (proxyProtocol === undefined) return undefined;
  return emitProxyHeader(proxyProtocol, { source: proxies.clientOf(exchange), destination: exchange.localAddress });
}

/** RFC 9110 §7.6.2: only OPTIONS and TRACE count their hops. */
function decrementMaxForwards(method: string, fields: readonly FieldLine[]): readonly FieldLine[] {
  if (method !== "OPTIONS") return fields;
  return fields.map((line) =>
    line[0] === "max-forwards" && /^\d{1,9}$/.test(line[1]) ? [line[0], String(Number(line[1]) - 1)] : line,
  );
}

const codeOf = (error: Error): string => (error as NodeJS.ErrnoException).code ?? error.name;
