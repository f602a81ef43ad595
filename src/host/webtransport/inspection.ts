/** What this process's WebTransport sessions do: the figures that browsers' tools do not show. */

import type { StreamDirection } from "../../quic/index.ts";
import type { WebTransportDatagramStats } from "./datagrams.ts";

/** Sessions that have ended and are still shown. */
const MAX_ENDED = 32;
/** Open streams of a session that are shown one by one. */
export const MAX_SHOWN_STREAMS = 50;

/** What carries a session, and at which end of it this process is. */
export interface SessionAbout {
  readonly role: "client" | "server";
  /** As the client gave it; a server knows the path and query. */
  readonly url: string;
  /** The origin of the page; null for clients other than browsers. */
  readonly origin: string | null;
  /** HTTP/3, the capsules of HTTP/2, or QMux in a WebSocket. */
  readonly carrier: "h3" | "h2" | "websocket";
  /** The draft that both sides agreed on: "draft-02", "qmux-02". */
  readonly version: string;
}

/** An open stream of a session. */
export interface StreamInspection {
  readonly id: number;
  readonly direction: StreamDirection;
  readonly openedBy: "this side" | "the peer";
  /** Bytes that the application wrote; undefined if this side does not send, or no longer does. */
  readonly bytesSent: number | undefined;
  /** Bytes that the application read; undefined if this side does not receive, or no longer does. */
  readonly bytesReceived: number | undefined;
}

/** A session at one moment. */
export interface WebTransportInspection extends SessionAbout {
  /** Counts the sessions of this process, from 1. */
  readonly id: number;
  /** The subprotocol; "" if none. */
  readonly protocol: string;
  readonly state: "open" | "draining" | "closed" | "cut off";
  /** Milliseconds since 1970. */
  readonly openedAt: number;
  readonly endedAt: number | undefined;
  /** Of an orderly end. */
  readonly closeCode: number | undefined;
  /** The reason of an orderly end, or why the session was cut off. */
  readonly reason: string | undefined;
  /** Milliseconds; undefined if the carrier does not measure it. */
  readonly smoothedRtt: number | undefined;
  readonly streams: {
    /** Opened by this side. */
    readonly outgoing: number;
    /** Opened by the peer. */
    readonly incoming: number;
    readonly open: number;
    /** Opened by the peer, and not taken by the application yet. */
    readonly waiting: number;
    /** Dropped because the peer had reset them before the application took them. */
    readonly dropped: number;
    /** Parts that the peer reset, and those that it stopped reading. */
    readonly reset: number;
    readonly stopped: number;
  };
  /** Content of streams. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly datagrams: WebTransportDatagramStats;
  /** At most 50. */
  readonly openStreams: readonly StreamInspection[];
}

interface Inspected {
  inspect(): WebTransportInspection;
}

/** The sessions of this process, and the last ones that ended. */
class Sessions {
  readonly #open = new Set<Inspected>();
  readonly #ended: WebTransportInspection[] = [];
  #count = 0;

  /** Returns the session's number. */
  begin(session: Inspected): number {
    this.#open.add(session);
    this.#count += 1;
    return this.#count;
  }

  end(session: Inspected): void {
    if (!this.#open.delete(session)) return;
    this.#ended.unshift(session.inspect());
    if (this.#ended.length > MAX_ENDED) this.#ended.pop();
  }

  inspect(): readonly WebTransportInspection[] {
    return [...Array.from(this.#open, (session) => session.inspect()), ...this.#ended];
  }
}

export const SESSIONS: Sessions = new Sessions();

/** The WebTransport sessions of this process, of servers and clients: those that are open, and then the last 32 that ended. */
export const inspectSessions = (): readonly WebTransportInspection[] => SESSIONS.inspect();
