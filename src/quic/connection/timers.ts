/**
 * All deadlines of a connection: closing, idle and handshake timeouts, keep-alives, silence, liveness, path validation, and the
 * loss detection, acknowledgements and pacing of its paths.
 */

import { after, earliest, type Instant, type Micros } from "../../base/time.ts";
import type { PathSpace } from "../path/index.ts";
import type { CloseReason } from "../transport.ts";
import type { FrameRouter } from "./frame-router.ts";
import { Liveness } from "./liveness.ts";
import type { Migration } from "./migration.ts";
import type { ConnectionParts } from "./parts.ts";
import { Silence } from "./silence.ts";

export interface TimersHost extends ConnectionParts {
  readonly now: Instant;
  /** Ends the connection without telling the peer. */
  abandon(reason: CloseReason): void;
  onSilence(probeTimeouts: number): void;
}

export class ConnectionTimers {
  readonly #parts: TimersHost;
  readonly #router: FrameRouter;
  readonly #migration: Migration;
  readonly #createdAt: Instant;
  readonly #silence = new Silence();
  readonly #liveness: Liveness;

  constructor(parts: TimersHost, router: FrameRouter, migration: Migration) {
    this.#parts = parts;
    this.#liveness = new Liveness(parts.config.keepAlive);
    this.#router = router;
    this.#migration = migration;
    this.#createdAt = parts.now;
  }

  /** The PTO of the primary path without backoff (RFC 9002 §6.2.1), which the connection's timers are based on. */
  get probeTimeout(): Micros {
    return this.#parts.paths.primary.recovery.probeTimeout;
  }

  /** RFC 9000 §10.2: closing and draining last three times the PTO. */
  get closeWait(): Micros {
    return (3 * this.probeTimeout) as Micros;
  }

  next(now: Instant): Instant | undefined {
    const { closing, spaces, paths, trace } = this.#parts;
    if (trace !== undefined) for (const { recovery } of paths.all) recovery.traceTimer(closing.isOpen, now);
    if (!closing.isOpen) return closing.deadline;
    let next = earliest(this.#idleDeadline(), this.#keepAliveDeadline());
    next = earliest(earliest(next, this.#migration.deadline), this.#silence.deadline);
    // An acknowledgement blocked by anti-amplification waits for the peer, not for a timer.
    const canAck = paths.primary.canSend;
    for (const space of spaces) if (canAck) next = earliest(next, space.acks.deadline);
    for (const path of paths.all) {
      if (path.canSend) next = earliest(next, path.acks.deadline);
      next = earliest(next, path.recovery.nextTimeout());
      next = earliest(next, path.pacedUntil(now));
    }
    return earliest(next, this.#handshakeDeadline());
  }

  handle(now: Instant): void {
    const { closing, idle, paths } = this.#parts;
    if (!closing.isOpen) {
      closing.handleTimeout(now);
      return;
    }
    const end = this.#dueEnd(now);
    if (end !== undefined) {
      this.#parts.abandon(end);
      return;
    }
    if (isDue(this.#keepAliveDeadline(), now)) {
      this.#probe();
      this.#liveness.onPing();
      idle.onKeptAlive(now);
    }
    this.#migration.handleTimeout(now);
    for (const path of paths.all) this.#recover(path, now);
  }

  #dueEnd(now: Instant): CloseReason | undefined {
    if (isDue(this.#idleDeadline(), now)) return { type: "idle-timeout" };
    if (isDue(this.#handshakeDeadline(), now)) return { type: "handshake-timeout" };
    if (isDue(this.#silence.deadline, now)) return { type: "unanswered" };
    return undefined;
  }

  /** Call after each batch of received datagrams. */
  onReceived(): void {
    this.#liveness.onReceived(this.#parts.streams.bytesReceived);
    if (this.#silence.onReceived(this.#parts.stats.packetsReceived)) this.#parts.onSilence(0);
  }

  /** Sends a silent peer a last probe. Returns false if the peer is not silent. */
  expectAnswer(now: Instant): boolean {
    if (this.#silence.probeTimeouts === 0) return false;
    this.#probe();
    this.#silence.expectAnswer(this.probeTimeout, now);
    return true;
  }

  #probe(): void {
    const { primary } = this.#parts.paths;
    primary.pendingProbes = Math.max(1, primary.pendingProbes);
  }

  #recover(path: PathSpace, now: Instant): void {
    const { role, handshake, stats, early } = this.#parts;
    const timeout = path.recovery.nextTimeout();
    if (timeout === undefined || now < timeout) return;
    const { lost, probe } = path.recovery.onTimeout(now);
    this.#router.handleLost(lost);
    if (probe === undefined) return;
    this.#router.probe(path, probe);
    // A client that sent early data has requests that wait, and may send them elsewhere.
    if (role === "server" || (!handshake.isConfirmed && !early.wasOffered)) return;
    this.#silence.onProbeTimeout(stats.packetsReceived);
    const { probeTimeouts } = this.#silence;
    if (probeTimeouts > 0) this.#parts.onSilence(probeTimeouts);
  }

  /** A handshake has a timeout of its own, which may be longer. */
  #idleDeadline(): Instant | undefined {
    const { handshake, idle } = this.#parts;
    return handshake.isComplete ? idle.deadline(this.probeTimeout) : undefined;
  }

  #handshakeDeadline(): Instant | undefined {
    const { handshake, config } = this.#parts;
    return handshake.isComplete ? undefined : after(this.#createdAt, config.handshakeTimeout);
  }

  #keepAliveDeadline(): Instant | undefined {
    const { streams, idle, handshake } = this.#parts;
    if (!handshake.isComplete || !streams.hasRequests) return undefined;
    return this.#liveness.deadline(idle.keptAliveSince, this.probeTimeout);
  }
}

const isDue = (deadline: Instant | undefined, now: Instant): boolean => deadline !== undefined && now >= deadline;
