/**
 * The proxy as a machine without I/O: clients on one side, backends on the other, and the plan that connects them.
 *
 * Calling order: the host creates sessions and feeds them, and reports what happens to backends' sockets. After each such
 * call it takes the changed connections and sessions with takeChangedConnection() and takeChangedSession(), until there
 * are none, and calls handleTimeout() at nextTimeout().
 */

import type { Instant, Micros } from "../../base/time.ts";
import { HeapTimer, TimerHeap } from "../../base/timer-heap.ts";
import { Backend } from "../backend/backend.ts";
import type { BackendConnection, ConnectionObserver, FailureReason } from "../backend/connection.ts";
import { type BackendOptions, backendKey } from "../backend/options.ts";
import type { MultigetErrors } from "../config/config.ts";
import type { HandlerLog } from "../config/environment.ts";
import { COMMANDS } from "../protocol/command.ts";
import { ERRORS } from "../protocol/errors.ts";
import { DEFAULT_MAX_VALUE } from "../protocol/limits.ts";
import { latin1, type Request } from "../protocol/request.ts";
import type { Alarm, Alarms, Route } from "../route/route.ts";
import type { RequestRouter } from "../route/router.ts";
import { ClientSession, type SessionHost } from "./session.ts";
import { ProxyStats, statLines } from "./stats.ts";
import { Watchers } from "./watchers.ts";

/** What a configuration becomes: routers by listener tag, "" for all listeners without their own. */
export interface Plan {
  readonly routers: ReadonlyMap<string, RequestRouter>;
  readonly backends: readonly Backend[];
  /** Requests that may be active at a time; 0 for no limit. */
  readonly activeRequestLimit: number;
  readonly multigetErrors: MultigetErrors;
}

/** An event for `watch proxyevents` and the log. */
export interface BackendEvent {
  readonly type: "proxy_backend";
  readonly error: FailureReason | "markedbad" | "markedbadflap" | "recovered";
  readonly backend: BackendOptions;
  readonly depth: number;
  readonly retryAfter: Micros;
  /** What the backend had sent and was not understood. */
  readonly unread: string;
}

/** Facts of the process that `stats` reports. */
export interface ProcessFacts {
  readonly pid: number;
  /** Seconds. */
  uptime(): number;
  /** Seconds since 1970. */
  time(): number;
  readonly version: string;
}

export interface ProxyOptions {
  readonly maxValue?: number;
  readonly facts: ProcessFacts;
  readonly onEvent?: (event: BackendEvent) => void;
}

/** memcached's version whose protocol this is; clients compare it. */
const PROTOCOL_VERSION = "1.6.38";
const VERSION = latin1(`VERSION ${PROTOCOL_VERSION}\r\n`);

export class MemcacheProxy implements SessionHost, ConnectionObserver, Alarms {
  readonly maxValue: number;
  readonly stats = new ProxyStats();
  readonly #facts: ProcessFacts;
  readonly #onEvent: ((event: BackendEvent) => void) | undefined;
  #plan: Plan = { routers: new Map(), backends: [], activeRequestLimit: 0, multigetErrors: "line" };
  readonly #backends = new Map<string, Backend>();
  readonly #timers = new TimerHeap<Alarm>();
  readonly #connectionTimers = new Map<BackendConnection, HeapTimer<Alarm>>();
  readonly #changedConnections = new Set<BackendConnection>();
  readonly #changedSessions = new Set<ClientSession>();
  readonly #watchers: Watchers;

  constructor({ maxValue = DEFAULT_MAX_VALUE, facts, onEvent }: ProxyOptions) {
    this.maxValue = maxValue;
    this.#facts = facts;
    this.#onEvent = onEvent;
    this.#watchers = new Watchers(() => facts.time());
  }

  /** A configuration is read again: `start`, and then `done` or `failed`. */
  reloading(status: "start" | "done" | "failed"): void {
    if (status === "failed") this.stats.failedReloads += 1;
    this.#watchers.emit("proxyevents", "proxy_conf", `status=${status}`);
  }

  /** Where handlers write. */
  get handlerLog(): HandlerLog {
    return this.#watchers.log;
  }

  get multigetErrors(): MultigetErrors {
    return this.#plan.multigetErrors;
  }

  get plan(): Plan {
    return this.#plan;
  }

  /** The backend with these options: the one in use, if there is one, so that its connections live on. */
  backendFor(options: BackendOptions): Backend {
    return this.#backends.get(backendKey(options)) ?? new Backend(options, this.maxValue, this);
  }

  /** Puts a plan in force. Requests that are on their way finish as they began. */
  configure(plan: Plan, now: Instant): void {
    const kept = new Set(plan.backends.map(({ options }) => backendKey(options)));
    for (const [key, backend] of this.#backends) {
      if (kept.has(key)) continue;
      this.#backends.delete(key);
      backend.close(now);
    }
    for (const backend of plan.backends) {
      this.#backends.set(backendKey(backend.options), backend);
      backend.open(now);
    }
    this.#plan = plan;
    this.stats.reloads += 1;
  }

  openSession(tag: string): ClientSession {
    this.stats.connections += 1;
    this.stats.totalConnections += 1;
    return new ClientSession(this, tag);
  }

  closeSession(session: ClientSession): void {
    session.close();
    this.#watchers.delete(session);
    this.#changedSessions.delete(session);
    this.stats.connections -= 1;
  }

  takeChangedConnection(): BackendConnection | undefined {
    return takeFirst(this.#changedConnections);
  }

  takeChangedSession(): ClientSession | undefined {
    return takeFirst(this.#changedSessions);
  }

  nextTimeout(): Instant | undefined {
    return this.#timers.next;
  }

  handleTimeout(now: Instant): void {
    for (let alarm = this.#timers.popExpired(now); alarm !== undefined; alarm = this.#timers.popExpired(now)) {
      alarm.handleAlarm(now);
    }
  }

  /** Ends all connections to backends. */
  close(now: Instant): void {
    for (const backend of this.#backends.values()) backend.close(now);
    this.#backends.clear();
  }

  // What routes use

  set(alarm: Alarm, at: Instant): () => void {
    const timer = new HeapTimer(alarm);
    this.#timers.set(timer, at);
    return () => this.#timers.set(timer, undefined);
  }

  // What sessions use

  routeOf(request: Request, tag: string): Route | undefined {
    const { routers } = this.#plan;
    return (routers.get(tag) ?? routers.get(""))?.routeOf(request);
  }

  beginRequest(request: Request): boolean {
    const { stats } = this;
    stats.commands[request.command]! += 1;
    stats.requests += 1;
    const { activeRequestLimit } = this.#plan;
    if (activeRequestLimit > 0 && stats.activeRequests >= activeRequestLimit) return false;
    stats.activeRequests += 1;
    return true;
  }

  endRequest(): void {
    this.stats.activeRequests -= 1;
  }

  countError(): void {
    this.stats.requestErrors += 1;
  }

  sessionChanged(session: ClientSession): void {
    this.#changedSessions.add(session);
  }

  answerLocally(request: Request, session: ClientSession): Uint8Array | undefined {
    switch (request.command) {
      case COMMANDS.version:
        return VERSION;
      case COMMANDS.stats:
        return this.#answerStats(request.tokens()[1]);
      case COMMANDS.watch:
        return this.#watchers.add(session, request.tokens().slice(1));
      default:
        return undefined; // quit
    }
  }

  // What backends report

  connectionChanged(connection: BackendConnection): void {
    this.#changedConnections.add(connection);
  }

  backendFailed(backend: BackendOptions, error: FailureReason, depth: number, unread: string): void {
    this.stats.backendFailures += 1;
    this.#emit({ type: "proxy_backend", error, backend, depth, retryAfter: 0 as Micros, unread });
  }

  backendMarkedBad(backend: BackendOptions, error: "markedbad" | "markedbadflap", retryAfter: Micros): void {
    this.stats.backendsMarkedBad += 1;
    this.#emit({ type: "proxy_backend", error, backend, depth: 0, retryAfter, unread: "" });
  }

  backendRecovered(backend: BackendOptions): void {
    this.#emit({ type: "proxy_backend", error: "recovered", backend, depth: 0, retryAfter: 0 as Micros, unread: "" });
  }

  requestsOverDepth(count: number): void {
    this.stats.requestsOverDepth += count;
  }

  /** Moves a connection's timer to its deadline. The host calls this for every changed connection. */
  updateTimer(connection: BackendConnection): void {
    let timer = this.#connectionTimers.get(connection);
    if (timer === undefined) {
      const alarm: Alarm = { handleAlarm: (now) => connection.handleTimeout(now) };
      timer = new HeapTimer(alarm);
      this.#connectionTimers.set(connection, timer);
    }
    this.#timers.set(timer, connection.nextTimeout());
    if (connection.state === "idle" && connection.nextTimeout() === undefined)
      this.#connectionTimers.delete(connection);
  }

  #emit(event: BackendEvent): void {
    this.#onEvent?.(event);
    if (this.#watchers.size === 0) return;
    const { backend, error, depth, retryAfter, unread } = event;
    const place = `name=${backend.host} port=${backend.port} label=${backend.label}`;
    const detail =
      retryAfter > 0
        ? `retry=${Math.floor(retryAfter / 1_000_000)}`
        : `depth=${depth} rbuf=${encodeURIComponent(unread)}`;
    this.#watchers.emit("proxyevents", event.type, `error=${error} ${place} ${detail}`);
  }

  #answerStats(topic: string | undefined): Uint8Array {
    const { stats } = this;
    switch (topic) {
      case undefined:
        return statLines(this.#generalStats());
      case "proxy":
        return statLines([
          ...Array.from(stats.user(), ([name, count]) => [`user_${name}`, count] as const),
          ["active_req_limit", this.#plan.activeRequestLimit],
          ["buffer_memory_limit", 0],
          ["buffer_memory_used", 0],
          ["vm_gc_runs", 0],
          ["vm_memory_kb", 0],
          ...stats.byCommand().map(([name, count]) => [`cmd_${name}`, count] as const),
        ]);
      case "proxyfuncs":
        return statLines([["funcs_mcp_router", this.#plan.routers.size]]);
      case "proxybe":
        return statLines(this.badBackends().map(({ options }) => [`bad_${options.label}`, 1] as const));
      case "reset":
        return latin1("RESET\r\n");
      case "settings":
        return statLines([
          ["binding_protocol", "proxy"],
          ["item_size_max", this.maxValue],
          ["proxy_enabled", "yes"],
        ]);
      default:
        return ERRORS.unknown;
    }
  }

  badBackends(): Backend[] {
    return this.#plan.backends.filter((backend) => backend.isBad);
  }

  #generalStats(): (readonly [string, string | number])[] {
    const { stats } = this;
    const facts = this.#facts;
    return [
      ["pid", facts.pid],
      ["uptime", Math.floor(facts.uptime())],
      ["time", Math.floor(facts.time())],
      ["version", PROTOCOL_VERSION],
      ["nagare_version", facts.version],
      ["pointer_size", 64],
      ["curr_connections", stats.connections],
      ["total_connections", stats.totalConnections],
      ["proxy_conn_requests", stats.requests],
      ["proxy_conn_errors", stats.requestErrors],
      ["proxy_conn_oom", 0],
      ["proxy_req_active", stats.activeRequests],
      ["bytes_read", stats.bytesRead],
      ["bytes_written", stats.bytesWritten],
      ["threads", 1],
      ["proxy_config_reloads", stats.reloads],
      ["proxy_config_reload_fails", stats.failedReloads],
      ["proxy_config_cron_runs", 0],
      ["proxy_config_cron_fails", 0],
      ["proxy_backend_total", this.#plan.backends.length],
      ["proxy_backend_marked_bad", stats.backendsMarkedBad],
      ["proxy_backend_failed", stats.backendFailures],
      ["proxy_request_failed_depth", stats.requestsOverDepth],
    ];
  }
}

function takeFirst<T>(set: Set<T>): T | undefined {
  for (const item of set) {
    set.delete(item);
    return item;
  }
  return undefined;
}
