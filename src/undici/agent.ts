// An undici Dispatcher that sends https:// requests over nagare's own connections. What those cannot do (http://)
// goes to another dispatcher.
import type { ClientOptions, ConnectionFacts } from "../client/index.ts";
import { ConnectionPool } from "../client/pool.ts";
import type { Session } from "../host/client/session.ts";
import { isForTunnel } from "../host/client/tunnel.ts";
import { Dispatcher, UndiciAgent, type undici, undiciErrors } from "../host/client/undici.ts";
import { detach, ignore } from "../host/guard.ts";
import { publishConnectError, publishConnected } from "./channels.ts";
import { DispatchedRequest, type Observer } from "./dispatch.ts";
import { isToken } from "./fields.ts";
import { type AnyHandler, bothInterfaces, checkHandler, faceOf } from "./handlers.ts";
import { type DispatchOptions, originOf } from "./options.ts";
import { requestFrom, tunnelOf } from "./request.ts";

/** Any dispatcher, of any version of undici. */
export interface AnyDispatcher {
  /** undici's `dispatch`. */
  dispatch(options: never, handler: never): boolean;
}

/** The options of an `Agent`: those of `createClient`, and the dispatcher for all else. */
export interface AgentOptions extends ClientOptions {
  /**
   * Gets the requests for http:// origins, and upgrades that a server does not take over HTTP/2 or HTTP/3. Default: an
   * undici Agent, closed with this one.
   */
  readonly fallback?: AnyDispatcher | undefined;
}

/** Called when the agent has closed. */
type Callback = () => void;

/** Requests waiting for a connection above which dispatch returns false. */
const MAX_WAITING = 64;

/** An undici Dispatcher over HTTP/1.1, HTTP/2 and HTTP/3, for `fetch`, `request` and `setGlobalDispatcher`. */
export class Agent extends Dispatcher {
  readonly #pool: ConnectionPool;
  readonly #fallback: AnyDispatcher;
  /** The fallback, if it was created here. */
  readonly #ownFallback: undici.Agent | undefined;
  readonly #active = new Set<DispatchedRequest>();
  readonly #waiting = new Set<DispatchedRequest>();
  readonly #sessions = new WeakSet<Session>();
  #needDrain = false;
  #closing: Promise<void> | undefined;
  #destroying: Promise<void> | undefined;
  #onIdle: (() => void) | undefined;

  constructor(options: AgentOptions = {}) {
    super();
    const { fallback, ...clientOptions } = options;
    this.#pool = new ConnectionPool(clientOptions);
    if (fallback === undefined) this.#ownFallback = new UndiciAgent(fallbackOptions(this.#pool));
    this.#fallback = fallback ?? this.#ownFallback!;
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  get destroyed(): boolean {
    return this.#destroying !== undefined;
  }

  /** fetch reads this of every dispatcher. */
  get isMockActive(): boolean {
    return false;
  }

  /** The open connections, without those of the fallback. */
  connections(): readonly ConnectionFacts[] {
    return this.#pool.connections();
  }

  override dispatch(options: undici.Dispatcher.DispatchOptions, handler: undici.Dispatcher.DispatchHandler): boolean {
    if (handler === null || typeof handler !== "object") {
      throw new undiciErrors.InvalidArgumentError("handler must be an object");
    }
    try {
      return this.#dispatch(options as DispatchOptions, handler as AnyHandler);
    } catch (error) {
      const face = handler as { onError?: unknown; onResponseError?: unknown };
      if (typeof face.onError !== "function" && typeof face.onResponseError !== "function") throw error;
      faceOf(handler as AnyHandler).error(undefined, error as Error);
      return false;
    }
  }

  /** Waits for all requests, also those still waiting for a connection, then closes the connections. */
  override close(): Promise<void>;
  override close(callback: Callback): void;
  override close(callback?: Callback): Promise<void> | void {
    this.#closing ??= this.#close();
    return settled(this.#closing, callback);
  }

  /** Fails all requests and closes the connections. */
  override destroy(): Promise<void>;
  override destroy(error: Error | null): Promise<void>;
  override destroy(callback: Callback): void;
  override destroy(error: Error | null, callback: Callback): void;
  override destroy(error?: Error | null | Callback, callback?: Callback): Promise<void> | void {
    const reason = typeof error === "function" ? undefined : error;
    this.#destroying ??= this.#destroy(reason ?? new undiciErrors.ClientDestroyedError());
    this.#closing ??= this.#destroying;
    return settled(this.#destroying, typeof error === "function" ? error : callback);
  }

  #dispatch(options: DispatchOptions, handler: AnyHandler): boolean {
    if (options === null || typeof options !== "object") {
      throw new undiciErrors.InvalidArgumentError("opts must be an object.");
    }
    if (this.destroyed) throw new undiciErrors.ClientDestroyedError();
    if (this.closed) throw new undiciErrors.ClientClosedError();
    const fallBack = (): boolean => this.#fallback.dispatch(options as never, bothInterfaces(handler) as never);
    // Upgrade may list several protocols, and versions; an extended CONNECT has one token.
    const isOurs = originOf(options.origin).protocol === "https:" && isToken(options.upgrade || "none");
    if (!isOurs) return fallBack();
    checkHandler(handler, isForTunnel(tunnelOf(options)));
    const request = requestFrom(options);
    const origin = this.#pool.origin(request.url, request.address);
    const observer: Observer = {
      onTaken: (url, session) => {
        this.#leaveQueue(dispatched, url);
        this.#watch(url, session);
      },
      onUnconnected: (url, error) => {
        publishConnectError(url, error);
        this.emit("connectionError", url, [this], error as undici.errors.UndiciError);
      },
      onUntunnelled: () => {
        if (!this.#pool.settings.protocols.includes("http/1.1")) return false;
        fallBack();
        return true;
      },
      onDone: () => {
        this.#active.delete(dispatched);
        this.#leaveQueue(dispatched, request.url);
        if (this.#active.size === 0) this.#onIdle?.();
      },
    };
    const dispatched = new DispatchedRequest(request, origin, this.#pool.settings, faceOf(handler), observer);
    this.#active.add(dispatched);
    this.#waiting.add(dispatched);
    dispatched.begin();
    if (this.#waiting.size >= MAX_WAITING) this.#needDrain = true;
    return !this.#needDrain;
  }

  #leaveQueue(dispatched: DispatchedRequest, url: URL): void {
    this.#waiting.delete(dispatched);
    if (!this.#needDrain || this.#waiting.size >= MAX_WAITING) return;
    this.#needDrain = false;
    this.emit("drain", url);
  }

  #watch(url: URL, session: Session): void {
    if (this.#sessions.has(session)) return;
    this.#sessions.add(session);
    publishConnected(url, session);
    this.emit("connect", url, [this]);
    const gone = session.closed.then(() => {
      this.emit("disconnect", url, [this], new undiciErrors.SocketError("the connection was closed"));
    });
    detach("client dispatch disconnect", () => {}, gone);
  }

  async #close(): Promise<void> {
    if (this.#active.size > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    await Promise.all([this.#pool.close(), this.#ownFallback?.close()]);
  }

  async #destroy(error: Error): Promise<void> {
    for (const request of [...this.#active]) request.abort(error);
    await Promise.all([this.#pool.destroy(error), this.#ownFallback?.destroy(error)]);
  }
}

function fallbackOptions({ settings }: ConnectionPool): undici.Agent.Options {
  const { ca, identity, rejectUnauthorized } = settings;
  const own = identity === undefined ? {} : { cert: identity.cert, key: identity.key };
  return { connect: { rejectUnauthorized, ...own, ...(ca === undefined ? {} : { ca: [...ca] }) } };
}

function settled(promise: Promise<void>, callback: Callback | undefined): Promise<void> | void {
  if (callback === undefined) return promise;
  // In its own turn: an exception in it is the caller's, not a rejection of ours.
  promise.finally(() => queueMicrotask(callback)).catch(ignore);
}
