/** Node's options for HTTP/1.1. A server of node:http, which never listens, checks them and fills in the defaults. */
import { type IncomingMessage, Server } from "node:http";
import type { Http1Limits } from "../http/listener.ts";

/** Node's class, even if a program later replaces `http.Server` with ours. */
const NodeServer = Server;

/** Those of Node's `http.ServerOptions` that this server obeys. Each version of Node knows some of them. */
export interface Http1Options extends Http1Limits {
  /** Joins duplicate field lines that Node would otherwise drop. */
  readonly joinDuplicateHeaders?: boolean;
  /** Makes `res.write` and `res.end` throw if a response to HEAD, or a 204 or 304, has content. */
  readonly rejectNonStandardBodyWrites?: boolean;
  /** The buffered bytes of a request or response above which it waits for its reader. */
  readonly highWaterMark?: number;
  /** Decides which requests with Upgrade are upgraded. Since Node 24. */
  readonly shouldUpgradeCallback?: (request: IncomingMessage) => boolean;
  /** Response fields that are sent once: their values are joined with "; ". */
  readonly uniqueHeaders?: readonly string[];
}

/** What can be changed while the server runs. */
export const HTTP1_PROPERTIES = [
  "keepAliveTimeout",
  "keepAliveTimeoutBuffer",
  "headersTimeout",
  "requestTimeout",
  "maxRequestsPerSocket",
  "maxHeadersCount",
  "requireHostHeader",
] as const;

/** The properties of Node's server that hold HTTP/1.1's limits. */
export type Http1Properties = {
  -readonly [Name in (typeof HTTP1_PROPERTIES)[number]]: Required<Http1Limits>[Name];
};

/** Options that are fixed once the server exists. The listener has its own defaults for them. */
const FIXED = ["connectionsCheckingInterval", "insecureHTTPParser", "maxHeaderSize"] as const;

export class Http1Settings {
  readonly #options: Http1Options;
  readonly #server: Http1Properties;
  /** In lower case. */
  readonly uniqueHeaders: ReadonlySet<string>;

  /** Throws Node's error for an option that Node refuses. */
  constructor(options: Http1Options) {
    this.#options = options;
    this.#server = new NodeServer(options as object) as never;
    this.uniqueHeaders = new Set(options.uniqueHeaders?.map((name) => name.toLowerCase()));
  }

  get joinDuplicateHeaders(): boolean | undefined {
    return this.#options.joinDuplicateHeaders;
  }

  get<Name extends keyof Http1Properties>(name: Name): Http1Properties[Name] {
    return this.#server[name];
  }

  set<Name extends keyof Http1Properties>(name: Name, value: Http1Properties[Name]): void {
    this.#server[name] = value;
  }

  get highWaterMark(): number | undefined {
    return this.#options.highWaterMark;
  }

  /** The callback without exceptions. */
  shouldUpgrade(log: (line: string) => void): (request: IncomingMessage) => boolean {
    const { shouldUpgradeCallback } = this.#options;
    return (request) => {
      try {
        return shouldUpgradeCallback?.(request) ?? true;
      } catch (error) {
        log(`nagare: shouldUpgradeCallback threw: ${error}`);
        return false;
      }
    };
  }

  /** For the listener. */
  get limits(): Http1Limits {
    const limits: Record<string, unknown> = {};
    for (const name of HTTP1_PROPERTIES) limits[name] = this.#server[name] ?? undefined;
    for (const name of FIXED) if (this.#options[name] !== undefined) limits[name] = this.#options[name];
    return limits;
  }

  /** The second argument of ServerResponse's constructor. */
  get responseOptions(): object {
    const { rejectNonStandardBodyWrites, highWaterMark } = this.#options;
    return { rejectNonStandardBodyWrites, highWaterMark };
  }
}
