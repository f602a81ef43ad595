/**
 * A UDP relay with bad links: clients send to the relay's port, and each gets its own socket towards the server. All
 * share one link per direction (`base/impairment`), which takes its time from the host's clock. Timers have a grain of a
 * millisecond, but rates are exact: everything that was due is sent at once.
 */

import type { RemoteInfo, Socket } from "node:dgram";
import { once } from "node:events";
import { isIP } from "node:net";
import type { Medium } from "../../base/impairment/index.ts";
import { after, earliest, type Instant } from "../../base/time.ts";
import { type Fault, guard } from "../guard.ts";
import { MachineTimer } from "../machine-timer.ts";
import { type LineCounts, type LineDirection, LinePair } from "./line-pair.ts";
import { checkRelayOptions, type RelaySettings, type UdpRelayOptions } from "./options.ts";
import { openSocket, RelaySession } from "./session.ts";

interface RelayedDatagram {
  readonly bytes: Buffer;
  readonly session: RelaySession;
}

/** Bytes of IP and UDP headers. */
const HEADERS = { 4: 28, 6: 48 } as const;

/** Sockets show neither fragments nor ECN: too large datagrams are dropped, and nothing can be marked. */
const datagrams = (headers: number): Medium<RelayedDatagram> => ({
  lengthOnWire: ({ bytes }, mtu) => (bytes.length + headers <= mtu ? bytes.length + headers : undefined),
  mark: () => undefined,
  corrupted: ({ bytes, session }, corrupt) => {
    const changed = Buffer.from(bytes);
    corrupt(changed);
    return { bytes: changed, session };
  },
});

export class UdpRelay implements AsyncDisposable {
  /** Datagrams of clients beyond the maximum, and of sessions that have ended. */
  droppedWithoutSession = 0;
  readonly #settings: RelaySettings;
  readonly #socket: Socket;
  readonly #sessions = new Map<string, RelaySession>();
  readonly #lines: LinePair<RelayedDatagram>;
  readonly #timer: MachineTimer;
  readonly #handleFault: (fault: Fault) => void;
  #nextSweep: Instant;
  #seen = 0;
  #isClosed = false;

  /** For `startUdpRelay`, which has bound the socket. */
  constructor(settings: RelaySettings, socket: Socket) {
    this.#settings = settings;
    this.#socket = socket;
    this.#handleFault = settings.onFault;
    this.#lines = new LinePair({
      ...settings,
      medium: datagrams(HEADERS[isIP(settings.server.host) as 4 | 6]),
      onArrival: (direction, datagram) => this.#forward(direction, datagram),
    });
    this.#nextSweep = after(settings.clock.now(), settings.sessionTimeout);
    this.#timer = new MachineTimer(this.#handleFault, (now) => this.#advance(now), settings.clock);
    socket.on(
      "message",
      guard("relay message", this.#handleFault, (datagram: Buffer, client: RemoteInfo) =>
        this.#receive(datagram, client),
      ),
    );
    socket.on(
      "error",
      guard("relay error", this.#handleFault, (error: Error) => this.#handleFault({ entry: "relay error", error })),
    );
    this.#schedule();
  }

  /** The port for clients to send to. */
  get port(): number {
    return this.#socket.address().port;
  }

  /** The number of datagrams received from clients and the server. */
  get seen(): number {
    return this.#seen;
  }

  get sessions(): number {
    return this.#sessions.size;
  }

  /** How often the present clients have got a new port. */
  get rebindings(): number {
    let sum = 0;
    for (const { sockets } of this.#sessions.values()) sum += Math.max(0, sockets - 1);
    return sum;
  }

  /** What each direction has done. */
  get up(): LineCounts {
    return this.#lines.up;
  }

  get down(): LineCounts {
    return this.#lines.down;
  }

  /** Changes the link of a direction from now on. */
  change(direction: LineDirection, options: Parameters<LinePair<RelayedDatagram>["change"]>[1]): void {
    this.#lines.change(direction, options);
  }

  /** Gives every client a new port now. */
  rebind(): void {
    for (const session of this.#sessions.values()) session.rebind();
  }

  /** Drops what is on the way. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#timer.set(undefined);
    for (const session of this.#sessions.values()) session.close();
    this.#sessions.clear();
    this.#socket.close();
    await once(this.#socket, "close");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #forward(direction: LineDirection, { session, bytes }: RelayedDatagram): void {
    if (session.isClosed) {
      this.droppedWithoutSession += 1;
      return;
    }
    const now = this.#settings.clock.now();
    this.#settings.observe?.("forwarded", direction, bytes, now);
    if (direction === "up") session.send(bytes, now);
    else this.#socket.send(bytes, session.client.port, session.client.address);
  }

  #receive(bytes: Buffer, client: RemoteInfo): void {
    const now = this.#settings.clock.now();
    this.#seen += 1;
    // Nothing can be sent to port 0, so a client there is a forgery.
    const session = client.port === 0 ? undefined : this.#sessionOf(client, now);
    if (session === undefined) {
      this.droppedWithoutSession += 1;
      return;
    }
    session.usedAt = now;
    this.#settings.observe?.("received", "up", bytes, now);
    this.#lines.offer("up", { bytes, session }, now);
    this.#advance(now);
  }

  #sessionOf(client: RemoteInfo, now: Instant): RelaySession | undefined {
    const key = `${client.address} ${client.port}`;
    const known = this.#sessions.get(key);
    if (known?.isClosed === false) return known;
    if (known === undefined && this.#sessions.size >= this.#settings.maxSessions) return undefined;
    const session = new RelaySession(client, this.#settings, now, (from, bytes) => {
      const at = this.#settings.clock.now();
      this.#seen += 1;
      this.#settings.observe?.("received", "down", bytes, at);
      this.#lines.offer("down", { bytes, session: from }, at);
      this.#advance(at);
    });
    this.#sessions.set(key, session);
    return session;
  }

  #advance(now: Instant): void {
    if (this.#isClosed) return;
    this.#lines.advance(now);
    if (this.#nextSweep <= now) this.#sweep(now);
    this.#schedule();
  }

  #schedule(): void {
    this.#timer.set(earliest(this.#nextSweep, this.#lines.next));
  }

  /** Forgets idle clients. */
  #sweep(now: Instant): void {
    const { sessionTimeout } = this.#settings;
    for (const [key, session] of this.#sessions) {
      if (!session.isClosed && now - session.usedAt < sessionTimeout) continue;
      session.close();
      this.#sessions.delete(key);
    }
    this.#nextSweep = after(now, sessionTimeout);
  }
}

/** Starts a relay. Throws a `RelayOptionError` if an option is invalid. */
export async function startUdpRelay(options: UdpRelayOptions): Promise<UdpRelay> {
  const settings = checkRelayOptions(options);
  const socket = openSocket(isIP(settings.host));
  // With literal addresses the socket may listen before `bind` returns.
  const listening = once(socket, "listening");
  socket.bind(settings.port, settings.host);
  try {
    await listening;
  } catch (error) {
    socket.close();
    throw error;
  }
  return new UdpRelay(settings, socket);
}
