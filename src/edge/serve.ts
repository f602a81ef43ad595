/**
 * `serve`: a function from Request to Response on HTTP/1.1, HTTP/2 and HTTP/3 at once, on one port. It takes the shapes
 * of `Deno.serve` and of `Bun.serve`.
 */

import { type Identity, type IdentitySource, loadIdentity } from "../host/certificates/identity.ts";
import { describeFault, detach, type Fault, guard } from "../host/guard.ts";
import type { HttpVersion } from "../host/http/exchange.ts";
import { createFetchHandler, type Handler } from "../host/http/fetch-handler.ts";
import type { BoundAddress, RetryPolicy } from "../host/http/listener.ts";
import type { AltSvcOptions } from "../host/listen/alt-svc.ts";
import { ServeError } from "../host/listen/errors.ts";
import { foreignApp } from "./foreign-app.ts";
import { asHandler } from "./module.ts";
import { type Server, startServer } from "./server.ts";
import { unknownOptions } from "./unknown-options.ts";

const DEFAULT_PORT = 4433;

export interface ServeOptions {
  /** 4433 by default; 0 lets the system choose. The same number for TCP and UDP. */
  readonly port?: number;
  /** An address or name of this machine. By default all addresses ("::"); with a development certificate, loopback. */
  readonly host?: string;
  /** The same, by the name it has elsewhere. */
  readonly hostname?: string;
  /** PEM: the server's certificate, then its chain. Without one, a development certificate is made and kept. */
  readonly cert?: string | Uint8Array;
  /** PEM, not encrypted. */
  readonly key?: string | Uint8Array;
  /** One certificate with its key, or one for each name; the first is for clients that name none of them. */
  readonly tls?: IdentitySource | readonly IdentitySource[];
  /** All by default. HTTP/2 and HTTP/1.1 come together. */
  readonly protocols?: readonly HttpVersion[];
  /** Closing by a signal, as Deno has it. */
  readonly signal?: AbortSignal;
  readonly onListen?: (address: BoundAddress) => void;
  /** Answers for a handler that threw; 500 by default. */
  readonly onError?: (error: unknown) => Response | Promise<Response>;
  /** Given each line of the key log (RFC 9850). Whoever reads them can read the traffic: for tests only. */
  readonly onKeyLog?: (line: string) => void;
  /** When a QUIC client has to prove its address before it is heard: "auto", under pressure, by default. */
  readonly retry?: RetryPolicy;
  /**
   * The secret for stateless resets (RFC 9000 §10.3.2): a server restarted with the same key ends the HTTP/3 connections of
   * its previous run at once. At least 32 secret bytes, or "kept" for a key in the user's cache directory.
   */
  readonly resetKey?: Uint8Array | "kept";
  /** How HTTP/3 is advertised (Alt-Svc): for how long, on which port, or that clients should forget it. */
  readonly altSvc?: AltSvcOptions;
  /** Milliseconds that a client may take nothing of what waits for it; then its connection ends. 60,000 by default. */
  readonly stallTimeout?: number;
  /**
   * Bytes that the connections of all servers of this process may hold for their clients; beyond it, those end that hold
   * most for longest. A quarter of the heap's limit by default, and 512 MiB at most. The last server that sets it decides.
   */
  readonly memoryLimit?: number;
  /** Files that may be open for responses, in the whole process. Half of what the system allows by default. */
  readonly maxOpenFiles?: number;
  /**
   * Hands the handler Node's own Request, for code that passes it to `fetch` or `new Request`. False by default: a light
   * one costs less.
   */
  readonly nativeRequest?: boolean;
  /** Where a line about a handler that threw, or about an internal fault, goes. Standard error by default. */
  readonly log?: (line: string) => void;
}

/** For `unknownOptions`: the compiler sees to it that the list is whole. */
export const SERVE_OPTIONS: Readonly<Record<keyof ServeOptions | "fetch", true>> = {
  altSvc: true,
  cert: true,
  fetch: true,
  host: true,
  hostname: true,
  key: true,
  log: true,
  nativeRequest: true,
  onError: true,
  onKeyLog: true,
  onListen: true,
  port: true,
  protocols: true,
  resetKey: true,
  retry: true,
  stallTimeout: true,
  memoryLimit: true,
  maxOpenFiles: true,
  signal: true,
  tls: true,
};

/** Bun's shape, and that of a module for `nagare serve`. */
export interface FetchObject {
  readonly fetch: Handler;
}

export function serve(handler: Handler): Promise<Server>;
export function serve(options: ServeOptions & FetchObject): Promise<Server>;
export function serve(options: ServeOptions, handler: Handler | FetchObject): Promise<Server>;
export async function serve(
  first: Handler | ServeOptions | (ServeOptions & FetchObject),
  second?: Handler | FetchObject,
): Promise<Server> {
  const foreign = foreignApp(second) ?? foreignApp(first);
  if (foreign !== undefined) throw new ServeError("OPTION_INVALID", foreign);
  const options: ServeOptions = typeof first === "function" ? {} : first;
  const handler = asHandler(second) ?? asHandler(first);
  if (handler === undefined) {
    throw new ServeError("OPTION_INVALID", "serve needs a handler: serve(options, (request) => new Response())");
  }
  const {
    onError,
    log,
    signal,
    protocols,
    onKeyLog,
    retry,
    altSvc,
    nativeRequest,
    stallTimeout,
    memoryLimit,
    maxOpenFiles,
  } = options;
  for (const line of unknownOptions(options, SERVE_OPTIONS)) (log ?? console.error)(line);
  const server = await startServer(
    {
      port: options.port ?? DEFAULT_PORT,
      host: options.host ?? options.hostname ?? (hasCertificate(options) ? "::" : "localhost"),
      identities: await identitiesOf(options),
      protocols,
      onKeyLog,
      retry,
      resetKey: await resetKeyOf(options),
      altSvc,
      stallTimeout,
      memoryLimit,
      maxOpenFiles,
      log,
    },
    createFetchHandler(handler, { onError, log, nativeRequest }),
  );
  const report = (fault: Fault) => (log ?? console.error)(describeFault(fault));
  const close = guard("server signal", report, () => detach("server close", report, server.close()));
  if (signal?.aborted) close();
  signal?.addEventListener("abort", close, { once: true });
  options.onListen?.(server.addresses[0]!);
  return server;
}

const hasCertificate = ({ cert, tls }: ServeOptions): boolean => cert !== undefined || tls !== undefined;

async function resetKeyOf({ resetKey }: ServeOptions): Promise<Uint8Array | undefined> {
  if (resetKey === undefined) return undefined;
  const { keptResetKey, RESET_KEY_LENGTH } = await import("../host/quic/reset-key.ts");
  if (resetKey === "kept") return (await keptResetKey()).key;
  if (resetKey instanceof Uint8Array && resetKey.length >= RESET_KEY_LENGTH) return resetKey;
  throw new ServeError("OPTION_INVALID", `resetKey takes ${RESET_KEY_LENGTH} bytes or more, or "kept"`);
}

/** The certificates asked for, or the one for development. */
export async function identitiesOf(
  options: Pick<ServeOptions, "cert" | "key" | "tls">,
): Promise<readonly [Identity, ...Identity[]]> {
  const { cert, key, tls } = options;
  if ((cert === undefined) !== (key === undefined)) {
    throw new ServeError(
      "OPTION_INVALID",
      `a ${cert === undefined ? "key without cert" : "cert without key"}: give both`,
    );
  }
  const sources: readonly IdentitySource[] =
    cert !== undefined && key !== undefined ? [{ cert, key }] : tls === undefined ? [] : [tls].flat();
  const [first, ...others] = sources.map((source) => loadIdentity(source));
  if (first !== undefined) return [first, ...others];
  const { developmentIdentity } = await import("../host/certificates/development.ts");
  return [await developmentIdentity()];
}
