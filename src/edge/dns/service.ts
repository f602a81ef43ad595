/** A name server for zone files, over UDP, TCP, TLS, QUIC and HTTPS. */

import type { Identity } from "../../host/certificates/index.ts";
import { NameServer, type QueryEvent } from "../../host/dns/server/name-server.ts";
import { createFetchHandler } from "../../host/http/fetch-handler.ts";
import { type Server, startServer } from "../server.ts";
import { dnsHandler } from "./handler.ts";
import { type ZoneFile, ZoneFiles, type ZoneFilesOptions } from "./zone-files.ts";

export interface DnsServiceOptions extends ZoneFilesOptions {
  readonly zones: readonly ZoneFile[];
  /** An address or a name of this machine. */
  readonly host: string;
  /** Of UDP and TCP; 0 lets the system choose. */
  readonly port: number;
  /** Of DNS over TLS and over QUIC; undefined for none. */
  readonly securePort?: number | undefined;
  /** Of DNS over HTTPS; undefined for none. */
  readonly httpsPort?: number | undefined;
  /** The certificate; needed for TLS, QUIC and HTTPS. */
  readonly identity?: Identity | undefined;
  readonly onQuery?: ((event: QueryEvent) => void) | undefined;
}

/** Where the server listens. */
export interface DnsServiceAddresses {
  readonly port: number;
  readonly securePort: number | undefined;
  /** Of DNS over HTTPS. */
  readonly url: string | undefined;
}

export class DnsService implements AsyncDisposable {
  readonly #files: ZoneFiles;
  #server: NameServer | undefined;
  #https: Server | undefined;

  private constructor(files: ZoneFiles) {
    this.#files = files;
  }

  /** Rejects with a `ServeError`. */
  static async start(options: DnsServiceOptions): Promise<DnsService> {
    const service = new DnsService(await ZoneFiles.load(options.zones, options));
    try {
      await service.#listen(options);
      return service;
    } catch (error) {
      await service[Symbol.asyncDispose]();
      throw error;
    }
  }

  get addresses(): DnsServiceAddresses {
    const { port, securePort } = this.#server!;
    const url = this.#https === undefined ? undefined : new URL("/dns-query", this.#https.url).href;
    return { port, securePort, url };
  }

  /** The zones with the number of their records. */
  get zones(): readonly { readonly origin: string; readonly size: number }[] {
    return this.#files.authority.zones;
  }

  /** Loads the zone files again; the previous zones stay if one cannot be used. */
  reload(): Promise<void> {
    return this.#files.reload();
  }

  async #listen(options: DnsServiceOptions): Promise<void> {
    const { host, port, securePort, httpsPort, identity, onQuery, onFault, log } = options;
    const server = await NameServer.start({
      authority: this.#files.authority,
      host,
      port,
      secure: securePort === undefined || identity === undefined ? undefined : { port: securePort, identity },
      onQuery,
      onFault,
    });
    this.#server = server;
    if (httpsPort === undefined || identity === undefined) return;
    const handler = dnsHandler((query, over, from) => server.respond(query, over, from));
    const service = createFetchHandler(handler, { log });
    this.#https = await startServer({ host, port: httpsPort, identities: [identity], log }, service);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#files.close();
    await this.#server?.[Symbol.asyncDispose]();
    await this.#https?.close({ timeout: 0 });
  }
}
