// --doh-url: addresses and HTTPS records by DNS over HTTPS, instead of the system's lookup.
import { ClientError, createResolver, type OwnResolver, type Resolver } from "../../client/index.ts";
import { RECORD_TYPES } from "../../dns/index.ts";

export interface DohOptions {
  readonly url: URL;
  /** Authorities to trust, as PEM. */
  readonly ca: string | undefined;
  readonly acceptsAnyCertificate: boolean;
  /** -4 and -6: addresses of the other family do not exist. */
  readonly family: 4 | 6 | undefined;
}

export class DohLookup implements Resolver, AsyncDisposable {
  readonly #url: URL;
  readonly #unwanted: number | undefined;
  readonly #resolver: OwnResolver;

  constructor({ url, ca, acceptsAnyCertificate, family }: DohOptions) {
    this.#url = url;
    this.#unwanted = family && (family === 4 ? RECORD_TYPES.AAAA.number : RECORD_TYPES.A.number);
    this.#resolver = createResolver({
      servers: [`https://${url.host}${url.pathname}`],
      ca,
      rejectUnauthorized: !acceptsAnyCertificate,
    });
  }

  async resolve(...[name, type, signal]: Parameters<Resolver["resolve"]>): ReturnType<Resolver["resolve"]> {
    if (type === this.#unwanted) return { kind: "none", why: "no-data", from: "cache" };
    const answer = await this.#resolver.resolve(name, type, signal);
    if (answer.kind !== "failed") return answer;
    throw new ClientError("NAME_NOT_FOUND", `${this.#url.href} does not say where ${name.replace(/\.$/, "")} is`, {
      cause: new Error(answer.failures.join("; ")),
      hint: "check --doh-url",
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#resolver.close();
  }
}
