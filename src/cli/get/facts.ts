// --json: the facts about an exchange, as one object. Times are milliseconds since the request began.
import type { ExchangeFacts } from "../../client/index.ts";

export interface GetFacts {
  readonly url: string;
  readonly method: string;
  readonly status: number;
  readonly protocol: string;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Why an `http` URL was fetched over TLS. */
  readonly upgradedBy?: "hsts" | "https-records";
  readonly reused: boolean;
  readonly attempts: number;
  readonly redirects: readonly { readonly url: string; readonly status: number }[];
  readonly headers: readonly (readonly [string, string])[];
  readonly trailers: readonly (readonly [string, string])[];
  /** Bytes of content as received. */
  readonly contentBytes: number;
  /** Bytes of content after decoding. */
  readonly bodyBytes: number;
  readonly output: string | null;
  readonly timings: Readonly<Record<string, number>>;
  readonly connection: Readonly<Record<string, unknown>>;
  /** With Happy Eyeballs: what was asked and tried, and why. */
  readonly decisions?: readonly Readonly<Record<string, unknown>>[];
}

export function factsOf(
  response: Response,
  facts: ExchangeFacts,
  about: {
    readonly bodyBytes: number;
    readonly output: string | undefined;
    readonly redirects: readonly ExchangeFacts[];
  },
): GetFacts {
  const { timings, connection } = facts;
  const { start } = timings;
  const elapsed: Record<string, number> = {};
  const moments = { ...(facts.reused ? {} : connection), ...timings };
  for (const [name, moment] of Object.entries(moments)) {
    if (name !== "start") elapsed[name] = Math.round((moment - start) * 1000) / 1000;
  }
  const decisions = facts.decisions.map(({ at, event }) => ({
    at: Math.round((at - start) * 1000) / 1000,
    ...event,
    ...("until" in event ? { until: Math.round((event.until / 1000 - start) * 1000) / 1000 } : {}),
  }));
  const { details, ...figures } = facts.stats();
  return {
    url: facts.url,
    method: facts.method,
    status: facts.status,
    protocol: facts.protocol,
    remoteAddress: facts.remoteAddress,
    remotePort: facts.remotePort,
    ...(facts.upgradedBy === undefined ? {} : { upgradedBy: facts.upgradedBy }),
    reused: facts.reused,
    attempts: facts.attempts,
    redirects: about.redirects.map(({ url, status }) => ({ url, status })),
    headers: [...response.headers],
    trailers: facts.trailers,
    contentBytes: facts.contentBytes,
    bodyBytes: about.bodyBytes,
    output: about.output ?? null,
    timings: elapsed,
    connection: { ...figures, ...details },
    ...(decisions.length === 0 ? {} : { decisions }),
  };
}
