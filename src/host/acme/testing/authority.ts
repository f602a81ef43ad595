/**
 * A small authority for tests, strict about what RFC 8555 asks of clients: each nonce once, signatures and their headers, the
 * states of orders, requests for certificates. It validates by asking the server under test, and fails on demand.
 */

import { createHash, createPublicKey, type JsonWebKey, type KeyObject, randomBytes, verify } from "node:crypto";
import { once } from "node:events";
import { request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { connect } from "node:tls";
import { contextTag, DerReader, Tag } from "../../../crypto/index.ts";
import { makeCertificate } from "../../certificates/testing/make-certificate.ts";

type Json = Record<string, unknown>;

/** What the authority answers instead of doing its work. */
export interface Failure {
  readonly type: string;
  readonly status?: number;
  readonly detail?: string;
  readonly retryAfter?: string;
}

interface AccountState {
  readonly key: KeyObject;
  readonly jwk: JsonWebKey;
  status: "valid" | "deactivated";
  contact: readonly string[];
}

interface AuthorizationState {
  readonly name: string;
  readonly isWildcard: boolean;
  status: string;
  readonly token: string;
  error?: Json;
  failedType?: string;
}

interface OrderState {
  readonly account: string;
  readonly names: readonly string[];
  readonly authorizations: readonly string[];
  status: string;
  certificate?: string;
  error?: Json;
  readonly replaces: unknown;
}

const DAY = 86_400_000;

export class TestAuthority {
  readonly root = makeCertificate({ subject: "Test ACME Root", ca: true });
  readonly issuer = makeCertificate({ subject: "Test ACME Issuer", ca: 0, issuer: this.root });
  readonly otherIssuer = makeCertificate({ subject: "Other ACME Issuer", ca: 0, issuer: this.root, key: this.issuer });
  /** PEM: what a client trusts to reach the authority. */
  readonly ca = this.root.cert;
  /** Ports of the server under test. */
  httpPort = 0;
  tlsPort = 0;
  readonly txt = new Map<string, string[]>();
  /** Each request as `step`: "newOrder", "finalize" and so on. */
  readonly requests: string[] = [];
  /** By step; each answer is used once, or always if it is no list. */
  readonly failures = new Map<string, Failure | Failure[]>();
  /** Refuses so many nonces. */
  badNonces = 0;
  /** Answers `processing` so many times before an order is valid. */
  processing = 1;
  offered: readonly string[] = ["http-01", "tls-alpn-01", "dns-01"];
  externalKey: { readonly kid: string; readonly hmacKey: string } | undefined;
  /** Milliseconds since 1970. */
  now: () => number = Date.now;
  /** Milliseconds. */
  lifetime = 90 * DAY;
  window: { readonly start: Date; readonly end: Date } | undefined;
  readonly accounts = new Map<string, AccountState>();
  readonly orders = new Map<string, OrderState>();
  readonly authorizations = new Map<string, AuthorizationState>();
  readonly certificates = new Map<string, { readonly pem: string; readonly other: string; readonly serial: string }>();
  readonly revoked: string[] = [];
  /** Validation waits for it. */
  ready: Promise<unknown> = Promise.resolve();
  readonly #nonces = new Set<string>();
  #server: Server | undefined;
  #port = 0;

  get directory(): string {
    return `https://localhost:${this.#port}/dir`;
  }

  async listen(): Promise<void> {
    const tls = makeCertificate({ names: ["localhost"], issuer: this.root });
    this.#server = createServer({ cert: tls.certChain, key: tls.key }, (request, response) => {
      this.#handle(request, response).catch((error: unknown) => {
        const problem = error as Partial<Failure>;
        this.#problem(response, { type: problem.type ?? "malformed", detail: String(error), ...problem });
      });
    });
    this.#server.listen(this.#port, "localhost");
    await once(this.#server, "listening");
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#server?.closeAllConnections();
    this.#server?.close();
    if (this.#server !== undefined) await once(this.#server, "close");
    this.#server = undefined;
  }

  count(step: string): number {
    return this.requests.filter((each) => each === step).length;
  }

  #url(path: string): string {
    return `https://localhost:${this.#port}${path}`;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, step = "", id = ""] = request.url!.split("/");
    this.requests.push(step);
    const failure = this.#failureFor(step);
    if (step !== "dir" && step !== "renewalInfo") response.setHeader("replay-nonce", this.#newNonce());
    if (request.headers["user-agent"] === undefined) throw refuse("malformed", "no user agent");
    if (failure !== undefined) {
      this.#problem(response, failure);
      return;
    }
    if (step === "dir") return send(response, 200, this.#directory());
    if (step === "nonce") return void response.writeHead(request.method === "HEAD" ? 200 : 204).end();
    if (step === "renewalInfo") return this.#renewalInfo(response);
    if (request.method !== "POST") throw refuse("malformed", "not a POST", 405);
    const { payload, account, key } = await this.#verify(request, step);
    if (step === "newAccount") return this.#newAccount(response, payload!, key);
    const owner = account!;
    if (step === "account") return this.#updateAccount(response, id, payload);
    if (step === "keyChange") return this.#changeKey(response, owner, payload!);
    if (step === "newOrder") return this.#newOrder(response, owner, payload!);
    if (step === "order") return send(response, 200, this.#orderJson(id, "poll"));
    if (step === "authz") return send(response, 200, this.#authorizationJson(id));
    if (step === "chall") return this.#challenge(response, id, owner, payload);
    if (step === "finalize") return this.#finalize(response, id, payload!);
    if (step === "cert") return this.#certificate(response, id);
    if (step === "revoke") {
      this.revoked.push(String(payload!.certificate));
      return void response.writeHead(200).end();
    }
    throw refuse("malformed", `nothing at ${request.url}`, 404);
  }

  #directory(): Json {
    return {
      newNonce: this.#url("/nonce"),
      newAccount: this.#url("/newAccount"),
      newOrder: this.#url("/newOrder"),
      revokeCert: this.#url("/revoke"),
      keyChange: this.#url("/keyChange"),
      ...(this.window === undefined ? {} : { renewalInfo: this.#url("/renewalInfo") }),
      meta: {
        termsOfService: "https://terms.example/v1",
        externalAccountRequired: this.externalKey !== undefined,
        profiles: { classic: "the usual" },
      },
    };
  }

  /** RFC 8555 §6.2 to §6.5 */
  async #verify(request: IncomingMessage, step: string) {
    if (request.headers["content-type"] !== "application/jose+json") throw refuse("malformed", "content type", 415);
    const jws = JSON.parse(await text(request)) as { protected: string; payload: string; signature: string };
    const header = decode(jws.protected) as { alg: string; nonce: string; url: string; kid?: string; jwk?: JsonWebKey };
    if (this.badNonces > 0 || !this.#nonces.delete(header.nonce)) {
      this.badNonces -= 1;
      throw refuse("badNonce", "unknown nonce");
    }
    if (header.url !== this.#url(request.url!)) throw refuse("unauthorized", "the url differs", 401);
    if ((header.kid === undefined) === (header.jwk === undefined)) throw refuse("malformed", "kid and jwk");
    if ((header.jwk !== undefined) !== (step === "newAccount")) throw refuse("malformed", "jwk at the wrong place");
    const account = header.kid === undefined ? undefined : this.accounts.get(header.kid);
    if (header.kid !== undefined && account === undefined) throw refuse("accountDoesNotExist", "who is it?");
    if (account?.status === "deactivated")
      throw refuse("unauthorized", "Account is not valid, has status deactivated", 401);
    const key = account?.key ?? createPublicKey({ key: header.jwk!, format: "jwk" });
    checkSignature(jws, header.alg, key);
    const payload = jws.payload === "" ? undefined : (decode(jws.payload) as Json);
    return { payload, account: header.kid, key };
  }

  #newAccount(response: ServerResponse, payload: Json, key: KeyObject): void {
    const jwk = key.export({ format: "jwk" });
    const known = [...this.accounts].find(([, account]) => account.jwk.x === jwk.x);
    if (known !== undefined) {
      response.setHeader("location", known[0]);
      send(response, 200, { status: known[1].status });
      return;
    }
    if (payload.termsOfServiceAgreed !== true) throw refuse("userActionRequired", "the terms");
    const binding = payload.externalAccountBinding as { protected: string; payload: string } | undefined;
    if (this.externalKey !== undefined) {
      if (binding === undefined) throw refuse("externalAccountRequired", "none");
      const { kid, alg } = decode(binding.protected) as Json;
      const { x } = decode(binding.payload) as Json;
      if (kid !== this.externalKey.kid || alg !== "HS256" || x !== jwk.x) throw refuse("unauthorized", "binding");
    }
    const url = this.#url(`/account/${this.accounts.size + 1}`);
    const contact = (payload.contact as string[] | undefined) ?? [];
    this.accounts.set(url, { key, jwk, status: "valid", contact });
    response.setHeader("location", url);
    send(response, 201, { status: "valid" });
  }

  #updateAccount(response: ServerResponse, id: string, payload: Json | undefined): void {
    const account = this.accounts.get(this.#url(`/account/${id}`))!;
    if (payload?.status === "deactivated") account.status = "deactivated";
    if (payload?.contact !== undefined) account.contact = payload.contact as string[];
    send(response, 200, { status: account.status });
  }

  #changeKey(response: ServerResponse, url: string, inner: Json): void {
    const { alg, jwk } = decode(String(inner.protected)) as { alg: string; jwk: JsonWebKey };
    const key = createPublicKey({ key: jwk, format: "jwk" });
    checkSignature(inner as never, alg, key);
    const { account, oldKey } = decode(String(inner.payload)) as { account: string; oldKey: JsonWebKey };
    const state = this.accounts.get(url)!;
    if (account !== url || oldKey.x !== state.jwk.x) throw refuse("malformed", "the old key differs");
    this.accounts.set(url, { ...state, key, jwk });
    send(response, 200, {});
  }

  #newOrder(response: ServerResponse, account: string, payload: Json): void {
    const names = (payload.identifiers as { value: string }[]).map(({ value }) => value);
    const id = String(this.orders.size + 1);
    const authorizations = names.map((name) => {
      const key = String(this.authorizations.size + 1);
      const isWildcard = name.startsWith("*.");
      const token = randomBytes(12).toString("base64url");
      this.authorizations.set(key, { name: name.replace("*.", ""), isWildcard, status: "pending", token });
      return key;
    });
    const { replaces } = payload;
    this.orders.set(id, { account, names, authorizations, status: "pending", replaces });
    response.setHeader("location", this.#url(`/order/${id}`));
    send(response, 201, this.#orderJson(id));
  }

  #orderJson(id: string, how?: "poll"): Json {
    const order = this.orders.get(id)!;
    const states = order.authorizations.map((each) => this.authorizations.get(each)!.status);
    if (order.status === "pending" && states.includes("invalid")) order.status = "invalid";
    if (order.status === "pending" && states.every((state) => state === "valid")) order.status = "ready";
    if (how === "poll" && order.status === "processing" && (this.processing -= 1) <= 0) order.status = "valid";
    return {
      status: order.status,
      identifiers: order.names.map((value) => ({ type: "dns", value })),
      authorizations: order.authorizations.map((each) => this.#url(`/authz/${each}`)),
      finalize: this.#url(`/finalize/${id}`),
      ...(order.status === "valid" ? { certificate: this.#url(`/cert/${order.certificate}`) } : {}),
    };
  }

  #authorizationJson(id: string): Json {
    const { name, isWildcard, status, token, error, failedType } = this.authorizations.get(id)!;
    const kinds = isWildcard ? ["dns-01"] : this.offered;
    return {
      identifier: { type: "dns", value: name },
      status,
      ...(isWildcard ? { wildcard: true } : {}),
      challenges: kinds.map((type) => ({
        type,
        url: this.#url(`/chall/${id}/${type}`),
        token,
        status: status === "pending" ? "pending" : failedType === type ? "invalid" : status,
        ...(failedType === type ? { error } : {}),
      })),
    };
  }

  async #challenge(response: ServerResponse, id: string, account: string, payload: Json | undefined): Promise<void> {
    if (payload === undefined || Object.keys(payload).length > 0) throw refuse("malformed", "not {}");
    const type = String(response.req.url).split("/")[3]!;
    const authorization = this.authorizations.get(id)!;
    if (authorization.status !== "pending") throw refuse("malformed", "already decided");
    const { kty, crv, x, y } = this.accounts.get(account)!.jwk as Record<string, string>;
    const jwk = kty === "EC" ? { crv, kty, x, y } : { crv, kty, x };
    const expected = `${authorization.token}.${sha256(JSON.stringify(jwk)).toString("base64url")}`;
    const failure = this.#failureFor(type);
    const problem = failure === undefined ? await this.#validate(type, authorization, expected) : json(failure);
    if (problem !== undefined) Object.assign(authorization, { error: problem, failedType: type });
    authorization.status = problem === undefined ? "valid" : "invalid";
    send(response, 200, { type, status: "processing", url: this.#url(response.req.url!), token: authorization.token });
  }

  /** Asks the server under test, or the TXT records. */
  async #validate(type: string, { name, token }: AuthorizationState, expected: string): Promise<Json | undefined> {
    await this.ready;
    try {
      if (type === "dns-01") {
        const records = this.txt.get(`_acme-challenge.${name}`) ?? [];
        return records.includes(sha256(expected).toString("base64url"))
          ? undefined
          : json({ type: "dns", detail: `no TXT record at _acme-challenge.${name}` });
      }
      const isRight =
        type === "http-01"
          ? (await this.#askHttp(name, token)) === expected
          : (await this.#askTls(name)).includes(sha256(expected));
      return isRight ? undefined : json({ type: "unauthorized", detail: "a wrong answer" });
    } catch (error) {
      return json({ type: "connection", detail: (error as Error).message });
    }
  }

  async #askHttp(name: string, token: string): Promise<string> {
    const path = `/.well-known/acme-challenge/${token}`;
    const request = httpRequest({ port: this.httpPort, host: "127.0.0.1", path, headers: { host: name } }).end();
    const [response] = (await once(request, "response")) as [IncomingMessage];
    return text(response);
  }

  async #askTls(servername: string): Promise<Buffer> {
    const to = { port: this.tlsPort, host: "127.0.0.1", servername, rejectUnauthorized: false };
    const socket = connect({ ...to, ALPNProtocols: ["acme-tls/1"] });
    await once(socket, "secureConnect");
    const { raw, subjectaltname } = socket.getPeerCertificate();
    const isRight = socket.alpnProtocol === "acme-tls/1" && subjectaltname === `DNS:${servername}`;
    socket.destroy();
    return isRight ? raw : Buffer.alloc(0);
  }

  #finalize(response: ServerResponse, id: string, { csr }: Json): void {
    const order = this.orders.get(id)!;
    this.#orderJson(id);
    if (order.status !== "ready") throw refuse("orderNotReady", `it is ${order.status}`, 403);
    const { key, names } = readRequest(Buffer.from(String(csr), "base64url"));
    if ([...names].sort().join() !== [...order.names].sort().join()) throw refuse("badCSR", `names ${names}`);
    const validity = { notBefore: new Date(this.now()), notAfter: new Date(this.now() + this.lifetime) };
    const pair = { publicKey: key, privateKey: this.issuer.privateKey };
    const issued = makeCertificate({ names, issuer: this.issuer, key: pair, ...validity });
    const other = makeCertificate({ names, issuer: this.otherIssuer, key: pair, ...validity });
    order.certificate = String(this.certificates.size + 1);
    this.certificates.set(order.certificate, { pem: issued.certChain, other: other.certChain, serial: "" });
    order.status = "processing";
    send(response, 200, this.#orderJson(id));
  }

  #certificate(response: ServerResponse, id: string): void {
    const isOther = id.endsWith("-other");
    const found = this.certificates.get(id.replace("-other", ""))!;
    response.setHeader("content-type", "application/pem-certificate-chain");
    response.setHeader("link", [
      `<${this.#url("/dir")}>;rel="index"`,
      `<${this.#url(`/cert/${id}-other`)}>;rel="alternate"`,
    ]);
    response.end(isOther ? found.other : found.pem);
  }

  #renewalInfo(response: ServerResponse): void {
    response.setHeader("retry-after", "21600");
    send(response, 200, { suggestedWindow: this.window });
  }

  #failureFor(step: string): Failure | undefined {
    const failure = this.failures.get(step);
    return Array.isArray(failure) ? failure.shift() : (failure as Failure | undefined);
  }

  #newNonce(): string {
    const nonce = randomBytes(12).toString("base64url");
    this.#nonces.add(nonce);
    return nonce;
  }

  #problem(response: ServerResponse, failure: Failure): void {
    if (failure.retryAfter !== undefined) response.setHeader("retry-after", failure.retryAfter);
    response.setHeader("content-type", "application/problem+json");
    send(response, failure.status ?? 400, json(failure));
  }
}

const refuse = (type: string, detail: string, status = 400): Error =>
  Object.assign(new Error(detail), { type, detail, status });

const json = ({ type, detail, status }: Failure): Json => ({
  type: `urn:ietf:params:acme:error:${type}`,
  detail,
  status: status ?? 400,
});

function send(response: ServerResponse, status: number, body: unknown): void {
  if (!response.hasHeader("content-type")) response.setHeader("content-type", "application/json");
  response.writeHead(status).end(JSON.stringify(body));
}

const decode = (part: string): unknown => JSON.parse(Buffer.from(part, "base64url").toString());

const sha256 = (value: string): Buffer => createHash("sha256").update(value).digest();

function checkSignature(
  jws: { protected: string; payload: string; signature: string },
  alg: string,
  key: KeyObject,
): void {
  const input = Buffer.from(`${jws.protected}.${jws.payload}`);
  const signature = Buffer.from(jws.signature, "base64url");
  const isValid =
    alg === "EdDSA"
      ? verify(null, input, key, signature)
      : alg === "ES256" && verify("sha256", input, { key, dsaEncoding: "ieee-p1363" }, signature);
  if (!isValid) throw refuse("malformed", "the signature is wrong");
}

/** Reads and checks a PKCS #10 request. */
function readRequest(der: Buffer): { readonly key: KeyObject; readonly names: string[] } {
  const outer = new DerReader(der).enter(Tag.sequence)!;
  const whole = outer.takeWhole(Tag.sequence)!;
  outer.take(Tag.sequence);
  const signature = outer.bitString()!;
  const info = new DerReader(whole).enter(Tag.sequence)!;
  info.take(Tag.integer);
  info.take(Tag.sequence);
  const key = createPublicKey({ key: Buffer.from(info.takeWhole(Tag.sequence)!), format: "der", type: "spki" });
  if (!verify("sha256", whole, key, signature)) throw refuse("badCSR", "the signature is wrong");
  const attribute = info.enter(contextTag(0, true))!.enter(Tag.sequence)!;
  attribute.take(Tag.oid);
  const extension = attribute.enter(Tag.set)!.enter(Tag.sequence)!.enter(Tag.sequence)!;
  extension.take(Tag.oid);
  const alternatives = extension.enter(Tag.octetString)!.enter(Tag.sequence)!;
  const names: string[] = [];
  while (!alternatives.isDone) names.push(Buffer.from(alternatives.take(contextTag(2, false))!).toString());
  return { key, names };
}
