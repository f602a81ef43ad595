/**
 * One order, from its names to the certificate (RFC 8555 §7.4): authorizations, challenges, the request, the download. The
 * order and the certificate's key are kept, so that after a restart the same order goes on.
 */

import { createPrivateKey } from "node:crypto";
import type { ChallengeKind } from "./answers.ts";
import { isToken, keyAuthorizationOf } from "./answers.ts";
import { preferredChain } from "./chain.ts";
import type { AccountSigner, AcmeClient } from "./client.ts";
import { jittered } from "./clock.ts";
import { type CertificateKeyType, certificateRequest, generateCertificateKey } from "./csr.ts";
import { AcmeError } from "./errors.ts";
import { base64url, pemOfKey } from "./jose.ts";
import { identifierOf } from "./names.ts";
import type { Problem } from "./problem.ts";
import { type Authorization, type Challenge, type Order, parseAuthorization, parseOrder } from "./resources.ts";
import { errorOf } from "./sentences.ts";
import type { AcmeResponse } from "./transport.ts";

/** What is kept of an order. */
export interface StoredOrder {
  readonly url: string;
  /** PEM: the key of the certificate to come. */
  readonly key: string;
}

/** Presents the answer to a challenge, and takes it away. */
export interface ChallengeSolver {
  present(kind: ChallengeKind, name: string, token: string, keyAuthorization: string): Promise<void>;
  remove(kind: ChallengeKind, name: string, token: string, keyAuthorization: string): Promise<void>;
}

export interface OrderOptions {
  readonly names: readonly string[];
  /** In order of preference. */
  readonly kinds: readonly ChallengeKind[];
  readonly solver: ChallengeSolver;
  readonly signal: AbortSignal;
  readonly keyType?: CertificateKeyType | undefined;
  readonly profile?: string | undefined;
  /** The certificate that the new one replaces, as renewal information names it (RFC 9773 §5). */
  readonly replaces?: string | undefined;
  /** The common name of an authority whose chain is preferred. */
  readonly chain?: string | undefined;
  /** The order of an earlier run. */
  readonly stored?: StoredOrder | undefined;
  /** Keeps the order; undefined when it has ended. */
  save(order: StoredOrder | undefined): Promise<void>;
}

export interface IssuedCertificate {
  /** PEM: the certificate, then its chain. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
}

/** Polls of one resource until it has to have an end, and the pauses between them in milliseconds. */
const MAX_POLLS = 60;
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 5_000;
/** Steps of an order. Each changes its status, so more mean that the authority goes in circles. */
const MAX_STEPS = 8;

/** Rejects with an `AcmeError`. */
export async function obtainCertificate(
  client: AcmeClient,
  signer: AccountSigner,
  options: OrderOptions,
): Promise<IssuedCertificate> {
  const run = new OrderRun(client, signer, options);
  return run.toCertificate();
}

class OrderRun {
  readonly #client: AcmeClient;
  readonly #signer: AccountSigner;
  readonly #options: OrderOptions;

  constructor(client: AcmeClient, signer: AccountSigner, options: OrderOptions) {
    this.#client = client;
    this.#signer = signer;
    this.#options = options;
  }

  async toCertificate(): Promise<IssuedCertificate> {
    const { save } = this.#options;
    const { key, url, order: first } = await this.#begin();
    let order = first;
    try {
      for (let step = 0; step < MAX_STEPS; step += 1) {
        // RFC 8555 §7.1.6
        if (order.status === "pending") {
          await this.#authorize(order);
          order = await this.#pollOrder(url, (now) => now.status !== "pending");
        } else if (order.status === "ready") {
          order = await this.#finalize(order, key);
        } else if (order.status === "processing") {
          order = await this.#pollOrder(url, (now) => now.status !== "processing");
        } else if (order.status === "valid") {
          const cert = await this.#download(order);
          await save(undefined);
          return { cert, key };
        } else {
          throw await this.#refusal(order);
        }
      }
      throw new AcmeError("ACME_AUTHORITY_FAILED", `${this.#client.authority} does not finish the order`);
    } catch (error) {
      // An order that was refused is over; one that was interrupted goes on later.
      if (error instanceof AcmeError && error.code !== "ACME_AUTHORITY_UNREACHABLE") await save(undefined);
      throw error;
    }
  }

  /** Goes on with the kept order, or places a new one. */
  async #begin(): Promise<{ readonly key: string; readonly url: string; readonly order: Order }> {
    const { stored, names, keyType, save } = this.#options;
    if (stored !== undefined) {
      const order = await this.#fetchOrder(stored.url).catch((error) => {
        if (error instanceof AcmeError && error.code === "ACME_AUTHORITY_UNREACHABLE") throw error;
        return undefined; // it has expired
      });
      if (order !== undefined && order.status !== "invalid") return { key: stored.key, url: stored.url, order };
    }
    const response = await this.#place();
    const { location } = response.headers;
    if (location === undefined) {
      throw new AcmeError(
        "ACME_AUTHORITY_FAILED",
        `${this.#client.authority} takes an order without telling its address`,
      );
    }
    const key = pemOfKey(generateCertificateKey(keyType));
    await save({ url: location, key });
    const order = parseOrder(this.#client.jsonOf(response), location);
    if (order.authorizations.length > 2 * names.length + 2) {
      throw new AcmeError("ACME_AUTHORITY_FAILED", `${this.#client.authority} asks for more authorizations than names`);
    }
    return { key, url: location, order };
  }

  async #place(): Promise<AcmeResponse> {
    const { names, profile, replaces, signal } = this.#options;
    const directory = await this.#client.directory(signal);
    if (profile !== undefined && !directory.profiles.includes(profile)) {
      const known = directory.profiles.length === 0 ? "it has none" : `it has ${directory.profiles.join(", ")}`;
      throw new AcmeError("ACME_OPTION_INVALID", `${this.#client.authority} has no profile ${profile}: ${known}`);
    }
    const payload = { identifiers: names.map(identifierOf), ...(profile === undefined ? {} : { profile }) };
    const place = (body: object) => this.#post(directory.newOrder, body);
    if (replaces === undefined || directory.renewalInfo === undefined) return place(payload);
    try {
      return await place({ ...payload, replaces });
    } catch (error) {
      // RFC 9773 §5: it has been replaced already, or is not known any more. A plain order is as good.
      const { problem, code } = error as AcmeError;
      const isAboutReplacing =
        problem !== undefined && (problem.status === 409 || ["alreadyReplaced", "malformed"].includes(problem.type));
      if (code === "ACME_RATE_LIMITED" || !isAboutReplacing) throw error;
      return place(payload);
    }
  }

  /** Fulfils all pending authorizations at the same time. */
  async #authorize(order: Order): Promise<void> {
    const outcomes = await Promise.allSettled(order.authorizations.map((url) => this.#fulfil(url)));
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  }

  async #fulfil(url: string): Promise<void> {
    const { solver } = this.#options;
    const authorization = await this.#fetchAuthorization(url);
    if (authorization.status === "valid") return;
    if (authorization.status !== "pending") throw this.#authorizationError(authorization);
    const { kind, challenge } = this.#choose(authorization);
    const { name } = authorization;
    if (!isToken(challenge.token)) {
      throw new AcmeError("ACME_AUTHORITY_FAILED", `${this.#client.authority} sends a challenge with an invalid token`);
    }
    const keyAuthorization = keyAuthorizationOf(challenge.token, this.#signer.key.thumbprint);
    try {
      await solver.present(kind, name, challenge.token, keyAuthorization);
      if (challenge.status === "pending") await this.#post(challenge.url, {}, "validation", [name]);
      const done = await this.#poll(
        () => this.#post(url, undefined, "order", [name]),
        (json) => parseAuthorization(json, url),
        ({ status }) => status !== "pending",
      );
      if (done.status !== "valid") throw this.#authorizationError(done);
    } finally {
      const clean = solver.remove(kind, name, challenge.token, keyAuthorization);
      // What failed before is the better message.
      await clean.catch(() => undefined);
    }
  }

  #choose({ challenges, name, isWildcard }: Authorization): { kind: ChallengeKind; challenge: Challenge } {
    const { kinds } = this.#options;
    for (const kind of kinds) {
      const challenge = challenges.find(({ type }) => type === kind);
      if (challenge !== undefined) return { kind, challenge };
    }
    const offered = challenges.map(({ type }) => type).join(", ");
    const remedy = isWildcard ? "a wildcard needs dns-01, so set dnsHook" : `enabled are ${kinds.join(", ")}`;
    const subject = isWildcard ? `*.${name}` : name;
    const message = `${this.#client.authority} offers ${offered} for ${subject}, but ${remedy}`;
    throw new AcmeError("ACME_CHALLENGE_UNAVAILABLE", message, { names: [subject] });
  }

  async #finalize(order: Order, key: string): Promise<Order> {
    const csr = base64url(certificateRequest(this.#options.names, createPrivateKey(key)));
    try {
      return parseOrder(this.#client.jsonOf(await this.#post(order.finalize, { csr })), order.url);
    } catch (error) {
      // The answer to an earlier attempt was lost: the order is past this step.
      if ((error as AcmeError).problem?.type !== "orderNotReady") throw error;
      return this.#fetchOrder(order.url);
    }
  }

  /** The chain, in PEM (RFC 8555 §7.4.2). */
  async #download(order: Order): Promise<string> {
    if (order.certificate === undefined) {
      throw new AcmeError("ACME_AUTHORITY_FAILED", `${this.#client.authority} issued a certificate without an address`);
    }
    const { chain, names, signal } = this.#options;
    const download = (url: string): Promise<AcmeResponse> =>
      this.#client.post(url, this.#signer, {
        signal,
        step: "certificate",
        names,
        accept: "application/pem-certificate-chain",
      });
    return preferredChain(await download(order.certificate), download, chain);
  }

  /** The most telling reason for which an order failed. */
  async #refusal(order: Order): Promise<AcmeError> {
    for (const url of order.authorizations) {
      const authorization = await this.#fetchAuthorization(url);
      if (authorization.status === "invalid") return this.#authorizationError(authorization);
    }
    return this.#problemError(order.error, "order", this.#options.names);
  }

  #authorizationError({ challenges, name, status }: Authorization): AcmeError {
    const failed = challenges.find(({ error }) => error !== undefined);
    if (failed !== undefined) return this.#problemError(failed.error, "validation", [name]);
    const message = `${this.#client.authority} did not validate ${name}: the authorization is ${status}`;
    return new AcmeError("ACME_VALIDATION_FAILED", message, { names: [name] });
  }

  #problemError(problem: Problem | undefined, step: "order" | "validation", names: readonly string[]): AcmeError {
    const { authority } = this.#client;
    if (problem === undefined) {
      return new AcmeError("ACME_REFUSED", `${authority} refuses ${names.join(", ")} without a reason`, { names });
    }
    return errorOf(problem, { authority, step, names });
  }

  async #fetchOrder(url: string): Promise<Order> {
    return parseOrder(this.#client.jsonOf(await this.#post(url, undefined)), url);
  }

  async #fetchAuthorization(url: string): Promise<Authorization> {
    return parseAuthorization(this.#client.jsonOf(await this.#post(url, undefined)), url);
  }

  #pollOrder(url: string, isDone: (order: Order) => boolean): Promise<Order> {
    return this.#poll(
      () => this.#post(url, undefined),
      (json) => parseOrder(json, url),
      isDone,
    );
  }

  /** Polls with growing pauses, or those that the authority asks for (RFC 8555 §7.5.1). */
  async #poll<T>(
    fetch: () => Promise<AcmeResponse>,
    parse: (json: unknown) => T,
    isDone: (value: T) => boolean,
  ): Promise<T> {
    const { clock } = this.#client;
    let pause = FIRST_PAUSE;
    // What was just asked for may be done in a moment, and the first answer may ask for a long pause.
    await clock.wait(jittered(pause, clock), this.#options.signal);
    for (let poll = 0; poll < MAX_POLLS; poll += 1) {
      const response = await fetch();
      const value = parse(this.#client.jsonOf(response));
      if (isDone(value)) return value;
      const wanted = this.#client.retryAfter(response)?.getTime() ?? 0;
      const asked = Math.min(wanted - clock.now(), 60_000);
      await clock.wait(Math.max(jittered(pause, clock), asked), this.#options.signal);
      pause = Math.min(pause * 1.5, LONGEST_PAUSE);
    }
    const message = `${this.#client.authority} has not validated ${this.#options.names.join(", ")} in time`;
    throw new AcmeError("ACME_AUTHORITY_FAILED", message, { names: this.#options.names });
  }

  #post(
    url: string,
    payload: unknown,
    step: "order" | "validation" = "order",
    names: readonly string[] = this.#options.names,
  ): Promise<AcmeResponse> {
    return this.#client.post(url, this.#signer, { signal: this.#options.signal, step, names, payload });
  }
}
