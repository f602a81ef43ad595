/** A gateway's connections to one origin: undici's pool, loaded when there is something to connect to. */

import type { Dispatcher, Pool } from "undici";

export type OriginPool = Pool;
/** What can be asked of a pool while a response comes. */
export type OriginResponseController = Dispatcher.DispatchController;

export interface OriginPoolOptions {
  /** Milliseconds to reach an origin, the TLS handshake included. */
  readonly connectTimeout: number;
  /** Milliseconds until the head of its response. */
  readonly headersTimeout: number;
  /** Milliseconds between two chunks of its response. */
  readonly bodyTimeout: number;
  /** PEM of authorities to trust for https origins, instead of Node's. */
  readonly ca?: string | Uint8Array | undefined;
}

/** Connections to one origin; requests beyond that wait. */
const MAX_CONNECTIONS = 256;

export async function openOriginPool(url: URL, options: OriginPoolOptions): Promise<OriginPool> {
  const { Pool } = await import("undici");
  const { connectTimeout, headersTimeout, bodyTimeout, ca } = options;
  return new Pool(url.origin, {
    connections: MAX_CONNECTIONS,
    headersTimeout,
    bodyTimeout,
    connect: { timeout: connectTimeout, ...(ca === undefined ? {} : { ca: ca as string | Buffer }) },
  });
}
