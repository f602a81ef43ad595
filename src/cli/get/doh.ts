// --doh-url: addresses by DNS over HTTPS, instead of the system's lookup.
import { type Client, ClientError, createClient } from "../../client/index.ts";
import { parseName, RECORD_TYPES } from "../../dns/index.ts";
import { resolveHost } from "../../host/client/resolve.ts";
import { httpsCarrier } from "../../host/dns/https.ts";
import { DnsResolver } from "../../host/dns/resolver.ts";
import { ipVersion } from "../../wire/ip-address.ts";

export interface DohOptions {
  readonly url: URL;
  /** Authorities to trust, as PEM. */
  readonly ca: string | undefined;
  readonly acceptsAnyCertificate: boolean;
}

export class DohLookup implements AsyncDisposable {
  readonly #url: URL;
  readonly #client: Client;
  #resolver: Promise<DnsResolver> | undefined;

  constructor({ url, ca, acceptsAnyCertificate }: DohOptions) {
    this.#url = url;
    this.#client = createClient({ ca, rejectUnauthorized: !acceptsAnyCertificate });
  }

  /** Both families unless one is given. Rejects with a `ClientError`. */
  async addresses(host: string, family?: 4 | 6): Promise<readonly string[]> {
    if (ipVersion(host) !== undefined) return [host];
    this.#resolver ??= this.#open();
    const resolver = await this.#resolver;
    const name = parseName(host);
    const types = [RECORD_TYPES.AAAA, RECORD_TYPES.A].filter(
      ({ number }) => family === undefined || (number === RECORD_TYPES.A.number) === (family === 4),
    );
    const answers = await Promise.all(types.map(({ number }) => resolver.resolve(name, number)));
    const found = answers.flatMap((answer) => {
      if (answer.kind !== "records") return [];
      return answer.records.flatMap(({ data }) => (data.type === "A" || data.type === "AAAA" ? [data.address] : []));
    });
    const failure = answers.find((answer) => answer.kind === "failed");
    if (found.length > 0 || failure === undefined) return found;
    throw new ClientError("NAME_NOT_FOUND", `${this.#url.href} does not say where ${host} is`, {
      cause: new Error(failure.failures.join("; ")),
      hint: "check --doh-url",
    });
  }

  async #open(): Promise<DnsResolver> {
    const { hostname, port, pathname } = this.#url;
    const host = hostname.replace(/^\[(.*)\]$/, "$1");
    const number = port === "" ? 443 : Number(port);
    const [first] = await resolveHost(host, number, undefined);
    return new DnsResolver({
      servers: [
        {
          protocol: "https",
          address: first!.address,
          port: number,
          path: pathname,
          ...(ipVersion(host) === undefined ? { name: host } : {}),
        },
      ],
      timeout: 5_000,
      carry: httpsCarrier((url, init) => this.#client.fetch(url, init)),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.destroy();
  }
}
