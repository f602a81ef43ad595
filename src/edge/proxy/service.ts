/** A reverse proxy (a gateway, RFC 9110 §3.7), directly on Exchanges. */
import { randomBytes } from "node:crypto";
import { systemClock } from "../../host/clock.ts";
import type { ExchangeHandler, ServerExchange } from "../../host/http/exchange.ts";
import { respondText } from "../../host/http/respond-text.ts";
import { combinedFieldValue, fieldValue } from "../../http/index.ts";
import type { Service } from "../server.ts";
import { type CallContext, ProxyCall } from "./call/call.ts";
import { RetryBudget } from "./call/retry-budget.ts";
import { type OriginOptions, type ProxyOptions, type ProxySettings, proxySettings } from "./options.ts";
import { HealthChecks } from "./origins/checks.ts";
import { Origin, type OriginStatus } from "./origins/origin.ts";
import { Origins } from "./origins/origins.ts";
import { type Balance, cookieValue, policyOf } from "./origins/policies.ts";
import { refusalOf, wantedTunnel } from "./responses.ts";

/** A snapshot, as plain data. */
export interface ProxyStatus {
  readonly origins: readonly OriginStatus[];
  /** Further attempts on other origins, and those that the retry budget denied. */
  readonly retries: { readonly made: number; readonly denied: number };
}

/** Throws a ServeError if an origin or an option is invalid. */
export async function createProxy(
  origins: readonly (string | OriginOptions)[],
  options: ProxyOptions = {},
): Promise<ProxyService> {
  return new ProxyService(proxySettings(origins, options));
}

const now = (): number => systemClock.now() / 1_000;

export class ProxyService implements Service {
  readonly #origins: Origins;
  readonly #checks: readonly HealthChecks[];
  readonly #budget: RetryBudget;
  readonly #context: CallContext;

  constructor(settings: ProxySettings) {
    const { balance, check, call, log, onFault } = settings;
    this.#origins = new Origins(
      settings.origins.map((origin) => new Origin(origin)),
      policyOf(balance),
    );
    this.#checks =
      check === undefined ? [] : this.#origins.all.map((origin) => new HealthChecks(origin, check, log, onFault));
    this.#budget = new RetryBudget(call.retryBudget, now());
    this.#context = {
      settings: call,
      origins: this.#origins,
      budget: this.#budget,
      // Differs from that of every other proxy, so that loops are detected.
      pseudonym: `nagare-${randomBytes(6).toString("hex")}`,
      keyOf: keyFor(balance),
      now,
    };
  }

  readonly acceptsTunnels = true;

  readonly handle: ExchangeHandler = (exchange) => {
    exchange.clientAddress ??= this.#context.settings.trustedProxies.clientOf(exchange).address;
    const refusal = refusalOf(exchange);
    if (refusal === undefined) new ProxyCall(exchange, this.#context, wantedTunnel(exchange)).begin();
    else if (refusal.status === 204) exchange.respond(204, refusal.fields ?? [], { endStream: true });
    else respondText(exchange, refusal.status, refusal.reason, refusal.fields);
  };

  /** The health and the figures of each origin. */
  status(): ProxyStatus {
    const at = now();
    const { made, denied } = this.#budget;
    return { origins: this.#origins.all.map((origin) => origin.status(at)), retries: { made, denied } };
  }

  async close(): Promise<void> {
    await Promise.all([this.#origins.close(), ...this.#checks.map((checks) => checks.close())]);
  }
}

/** What requests are hashed by. A request without the field or cookie is hashed by its client's address. */
function keyFor(balance: Balance): (exchange: ServerExchange) => string {
  const [kind, name = ""] = balance.split(/:(.*)/s);
  if (kind === "round-robin" || kind === "least-connections") return () => "";
  const addressOf = ({ clientAddress, remoteAddress }: ServerExchange): string =>
    clientAddress ?? remoteAddress.address;
  if (kind === "header") return (exchange) => combinedFieldValue(exchange.fields, name) ?? addressOf(exchange);
  if (kind === "cookie") {
    return (exchange) => cookieValue(fieldValue(exchange.fields, "cookie") ?? "", name) ?? addressOf(exchange);
  }
  return addressOf;
}
