/**
 * Requests to an authority (RFC 8555 §6): the directory, nonces, signatures, and bounded retries. A nonce that was refused
 * is replaced at once; no answer, or a fault of the authority, is retried with growing pauses.
 */

import { type AcmeClock, jittered, systemAcmeClock } from "./clock.ts";
import { AcmeError } from "./errors.ts";
import { type AccountKey, signedBody } from "./jose.ts";
import { parseProblem } from "./problem.ts";
import { type Directory, parseDirectory } from "./resources.ts";
import { errorOf, type ProblemContext } from "./sentences.ts";
import { type AcmeResponse, AcmeTransport, retryAfter } from "./transport.ts";

const MAX_NONCES = 20;
/** Attempts with a new nonce (RFC 8555 §6.5). An authority that refuses all is at fault. */
const NONCE_ATTEMPTS = 8;
/** Pauses before the next attempt after no answer or a fault of the authority, in milliseconds. */
const PAUSES = [500, 2_000, 8_000];
/** Milliseconds. After a longer Retry-After the request fails, and the next order waits instead. */
const LONGEST_PAUSE = 20_000;

export interface AcmeClientOptions {
  /** The URL of the directory. */
  readonly directory: string;
  /** PEM: trusted for the authority, in addition to Node's roots. */
  readonly ca?: string | undefined;
  readonly clock?: AcmeClock;
}

/** Who signs: an account, or a key without one. */
export interface JwsSigner {
  readonly key: AccountKey;
  readonly kid?: string | undefined;
}

export interface AccountSigner extends JwsSigner {
  readonly kid: string;
}

export interface PostOptions extends Omit<ProblemContext, "authority" | "retryAt"> {
  readonly signal: AbortSignal;
  /** Undefined for a POST-as-GET. */
  readonly payload?: unknown;
  readonly accept?: string;
}

export class AcmeClient {
  /** The host of the directory, for messages. */
  readonly authority: string;
  readonly clock: AcmeClock;
  readonly #directoryUrl: string;
  readonly #transport: AcmeTransport;
  readonly #nonces: string[] = [];
  #directory: Directory | undefined;

  constructor({ directory, ca, clock = systemAcmeClock }: AcmeClientOptions) {
    this.#directoryUrl = directory;
    this.authority = new URL(directory).host;
    this.#transport = new AcmeTransport(ca);
    this.clock = clock;
  }

  close(): void {
    this.#transport.close();
  }

  /** Reads the directory once. */
  async directory(signal: AbortSignal): Promise<Directory> {
    this.#directory ??= parseDirectory(await this.getJson(this.#directoryUrl, signal));
    return this.#directory;
  }

  /** An unauthenticated GET, for the directory and for renewal information. */
  async getJson(url: string, signal: AbortSignal): Promise<unknown> {
    return this.jsonOf(await this.get(url, signal));
  }

  async get(url: string, signal: AbortSignal): Promise<AcmeResponse> {
    const response = await this.#retried(() => this.#transport.send({ method: "GET", url, signal }), signal);
    if (response.status !== 200) throw this.#errorOf(response, { step: "order", names: [] });
    return response;
  }

  /** A signed POST. Resolves to a response with a 2xx status; rejects with an `AcmeError`. */
  async post(url: string, signer: JwsSigner, options: PostOptions): Promise<AcmeResponse> {
    const { signal, payload, accept } = options;
    for (let attempt = 1; ; attempt += 1) {
      const response = await this.#retried(async () => {
        // RFC 8555 §6.5: a nonce is used once, so each attempt needs its own.
        const nonce = this.#nonces.pop() ?? (await this.#newNonce(signal));
        const body = signedBody(signer.key, { nonce, url, kid: signer.kid }, payload);
        const answer = await this.#transport.send({ method: "POST", url, body, accept, signal });
        this.#keepNonce(answer);
        return answer;
      }, signal);
      if (response.status >= 200 && response.status < 300) return response;
      const { type } = parseProblem(jsonOrNothing(response.body));
      // RFC 8555 §6.5: the response to a bad nonce carries a fresh one.
      if (type === "badNonce" && attempt < NONCE_ATTEMPTS) continue;
      throw this.#errorOf(response, options);
    }
  }

  /** The body as JSON. */
  jsonOf({ body }: AcmeResponse): unknown {
    const json = jsonOrNothing(body);
    if (json !== undefined) return json;
    throw new AcmeError("ACME_AUTHORITY_FAILED", `${this.authority} answers with something that is not ACME`);
  }

  retryAfter(response: AcmeResponse): Date | undefined {
    return retryAfter(response, this.clock.now());
  }

  async #newNonce(signal: AbortSignal): Promise<string> {
    const { newNonce } = await this.directory(signal);
    // RFC 8555 §7.2
    const response = await this.#transport.send({ method: "HEAD", url: newNonce, signal });
    this.#keepNonce(response);
    const nonce = this.#nonces.pop();
    if (nonce === undefined) throw new AcmeError("ACME_AUTHORITY_FAILED", `${this.authority} gives out no nonce`);
    return nonce;
  }

  #keepNonce({ headers }: AcmeResponse): void {
    const nonce = headers["replay-nonce"];
    // RFC 8555 §6.5.1: base64url; anything else is ignored.
    if (typeof nonce !== "string" || !/^[A-Za-z0-9_-]{1,512}$/.test(nonce)) return;
    this.#nonces.push(nonce);
    // The oldest are the first to expire.
    if (this.#nonces.length > MAX_NONCES) this.#nonces.shift();
  }

  /** Repeats what got no answer, or a 5xx, with pauses. */
  async #retried(send: () => Promise<AcmeResponse>, signal: AbortSignal): Promise<AcmeResponse> {
    for (const pause of PAUSES) {
      let wait: number = jittered(pause, this.clock);
      try {
        const response = await send();
        if (response.status < 500) return response;
        const until = this.retryAfter(response);
        if (until !== undefined) wait = Math.max(wait, until.getTime() - this.clock.now());
        if (wait > LONGEST_PAUSE) return response;
      } catch (error) {
        if (!(error instanceof AcmeError) || error.code !== "ACME_AUTHORITY_UNREACHABLE") throw error;
      }
      await this.clock.wait(wait, signal);
    }
    return send();
  }

  #errorOf(response: AcmeResponse, { step, names }: Pick<ProblemContext, "step" | "names">): AcmeError {
    const problem = parseProblem(jsonOrNothing(response.body));
    const retryAt = this.retryAfter(response);
    const isLimit = problem.type === "about:blank" && response.status === 429;
    return errorOf(
      { ...problem, ...(isLimit ? { type: "rateLimited" } : {}), status: response.status },
      { authority: this.authority, step, names, retryAt },
    );
  }
}

function jsonOrNothing(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
