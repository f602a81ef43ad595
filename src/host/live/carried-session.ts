/** Carries sessions of live media over WebTransport: HTTP/3, the capsules of HTTP/2, and QMux over a WebSocket, which all are one `Session` here. */

import type { Instant } from "../../base/time.ts";
import type { OrderedCarrier } from "../../media/carrier.ts";
import type { RoomyCarrier } from "../../media/relay/index.ts";
import type { StreamDirection, StreamId } from "../../quic/transport.ts";
import { isUnidirectional } from "../../quic/transport.ts";
import type { Session, SessionEvent } from "../../webtransport/index.ts";
import { describeFault, type Fault } from "../guard.ts";
import { MachineTimer } from "../machine-timer.ts";
import type {
  SessionHandler,
  SessionSurroundings,
  WebTransportSession,
} from "../webtransport/web-transport-session.ts";

/** What machines of all dialects need. */
export type LiveCarrier = RoomyCarrier & OrderedCarrier;

/** A machine that speaks a dialect of live media over a carrier, such as `MoqPeer` and `SegmentPeer`. */
export interface CarriedSession {
  start(now: Instant): void;
  handleStream(stream: StreamId, direction: StreamDirection): void;
  handleData(stream: StreamId, direction: StreamDirection, bytes: Uint8Array, fin: boolean, now: Instant): void;
  handleReset(stream: StreamId, code: number, now: Instant): void;
  handleStopped(stream: StreamId, code: number, now: Instant): void;
  handleWritable(stream: StreamId, now: Instant): void;
  /** The peer has all of a stream. */
  handleFinished?(stream: StreamId, now: Instant): void;
  handleStreamsAvailable(now: Instant): void;
  /** The peer would like the session to end soon. */
  handleDraining?(now: Instant): void;
  handleDatagram(bytes: Uint8Array, now: Instant): void;
  handleClosed(code: number, reason: string, now: Instant): void;
  nextTimeout(): Instant | undefined;
  handleTimeout(now: Instant): void;
}

/** How a session is carried. */
export interface CarryOptions {
  /** Makes the machine once the session is there. */
  readonly create: (carrier: LiveCarrier) => CarriedSession;
  /** After anything happened: deadlines of others may have moved. */
  readonly onActivity: () => void;
  /** There was no session, or it is over. */
  readonly onOver: (error: Error | undefined) => void;
}

/** Lets a machine take everything of a session; call it before the session begins. */
export function carry(target: WebTransportSession, options: CarryOptions): void {
  target.divert(new CarriedHandler(options));
}

/** The code of a session that nobody closed: 0 would be an end in order. */
const CUT_OFF = 1;

class CarriedHandler implements SessionHandler {
  readonly #options: CarryOptions;
  #carrier: SessionCarrier | undefined;
  #isOver = false;

  constructor(options: CarryOptions) {
    this.#options = options;
  }

  begin(session: Session, surroundings: SessionSurroundings): void {
    this.#carrier = new SessionCarrier(session, surroundings, this.#options);
    this.#carrier.start();
  }

  handle(event: SessionEvent): void {
    this.#carrier!.handle(event);
    if (event.type === "closed") this.#over(event.error);
  }

  fail(error: Error): void {
    this.#carrier?.end(CUT_OFF, error.message);
    this.#over(error);
  }

  #over(error: Error | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#options.onOver(error);
  }
}

class SessionCarrier implements LiveCarrier {
  readonly #session: Session;
  readonly #surroundings: SessionSurroundings;
  readonly #options: CarryOptions;
  readonly #machine: CarriedSession;
  readonly #timer: MachineTimer;
  /** Streams that take no more now. */
  readonly #full = new Set<StreamId>();
  #isStarted = false;
  #isOver = false;

  constructor(session: Session, surroundings: SessionSurroundings, options: CarryOptions) {
    this.#session = session;
    this.#surroundings = surroundings;
    this.#options = options;
    const onFault = (fault: Fault): void => {
      surroundings.onFault(fault);
      this.end(CUT_OFF, describeFault(fault));
    };
    this.#timer = new MachineTimer(
      onFault,
      (now) => this.#act(() => this.#machine.handleTimeout(now)),
      surroundings.clock,
    );
    this.#machine = options.create(this);
  }

  /** Begins as soon as the peer allows a stream. */
  start(): void {
    this.#act((now) => {
      try {
        this.#machine.start(now);
        this.#isStarted = true;
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
      }
    });
  }

  handle(event: SessionEvent): void {
    this.#act((now) => this.#handle(event, now));
  }

  /** The session is over. */
  end(code: number, reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#timer.set(undefined);
    this.#machine.handleClosed(code, reason, this.#surroundings.clock.now());
    this.#options.onActivity();
  }

  // ── The machine's commands ────────────────────────────────────────────────────────────────────────────────────────

  openStream(direction: StreamDirection): StreamId | undefined {
    return this.#session.openStream(direction);
  }

  write(stream: StreamId, bytes: Uint8Array, fin: boolean): boolean {
    if (this.#session.write(stream, bytes, fin)) return true;
    if (!fin) this.#full.add(stream);
    return false;
  }

  hasRoom(stream: StreamId): boolean {
    return !this.#full.has(stream);
  }

  setOrder(stream: StreamId, { sendOrder }: { readonly sendOrder: number }): void {
    this.#session.setOrder(stream, { group: undefined, sendOrder });
  }

  reset(stream: StreamId, code: number): void {
    this.#full.delete(stream);
    this.#session.reset(stream, code);
  }

  stopSending(stream: StreamId, code: number): void {
    this.#session.stopSending(stream, code);
  }

  sendDatagram(bytes: Uint8Array): void {
    this.#session.sendDatagram(bytes);
  }

  close(code: number, reason: string): void {
    this.#session.close({ closeCode: code, reason });
  }

  // ── The session's events ──────────────────────────────────────────────────────────────────────────────────────────

  #act(run: (now: Instant) => void): void {
    if (this.#isOver) return;
    run(this.#surroundings.clock.now());
    if (!this.#isOver) this.#timer.set(this.#machine.nextTimeout());
    this.#options.onActivity();
  }

  #handle(event: SessionEvent, now: Instant): void {
    const machine = this.#machine;
    switch (event.type) {
      case "stream":
        machine.handleStream(event.id, event.direction);
        break;
      case "readable":
        this.#read(event.id, now);
        break;
      case "writable":
        this.#full.delete(event.id);
        machine.handleWritable(event.id, now);
        break;
      case "reset":
        machine.handleReset(event.id, event.code ?? 0, now);
        break;
      case "stopped":
        this.#full.delete(event.id);
        machine.handleStopped(event.id, event.code ?? 0, now);
        break;
      case "streams-available":
        if (this.#isStarted) machine.handleStreamsAvailable(now);
        else if (event.direction === "uni") this.start();
        break;
      case "datagram":
        machine.handleDatagram(event.payload, now);
        break;
      case "closed":
        this.end(event.error === undefined ? event.info.closeCode : CUT_OFF, event.info.reason);
        break;
      case "finished":
        this.#full.delete(event.id);
        machine.handleFinished?.(event.id, now);
        break;
      case "draining":
        machine.handleDraining?.(now);
        break;
    }
  }

  #read(id: StreamId, now: Instant): void {
    const direction = isUnidirectional(id) ? "uni" : "bidi";
    for (;;) {
      const chunk = this.#session.read(id);
      if (chunk === undefined || this.#isOver) return;
      this.#machine.handleData(id, direction, chunk.bytes, chunk.fin, now);
      if (chunk.fin) return;
    }
  }
}
