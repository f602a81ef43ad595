/** Drives a WebTransport session in the capsules of an HTTP/2 stream. */

import { CapsuleConnection, type StreamTypes } from "../../webtransport/h2/index.ts";
import type { Session } from "../../webtransport/index.ts";
import type { MuxLimits } from "../../webtransport/mux/index.ts";
import type { HostClock } from "../clock.ts";
import type { Fault } from "../guard.ts";
import type { Tunnel } from "../http/tunnel.ts";
import { FlushSoon } from "./flush-soon.ts";
import { endWithServer } from "./server-stops.ts";

export interface CapsuleDriverOptions {
  readonly role: "client" | "server";
  /** What the peer allows at the begin. */
  readonly peer: MuxLimits;
  readonly streamTypes?: StreamTypes;
  readonly clock: HostClock;
  readonly onFault: (fault: Fault) => void;
}

export class CapsuleDriver {
  readonly #tunnel: Tunnel;
  readonly #clock: HostClock;
  readonly #connection: CapsuleConnection;
  readonly #flushSoon: FlushSoon;
  #hasRoom = true;
  #isOver = false;

  constructor(tunnel: Tunnel, { clock, onFault, ...options }: CapsuleDriverOptions) {
    this.#tunnel = tunnel;
    this.#clock = clock;
    this.#flushSoon = new FlushSoon(() => this.#flush(), onFault);
    this.#connection = new CapsuleConnection({ ...options, onPending: () => this.#flushSoon.schedule() });
    endWithServer(this.session, tunnel);
    tunnel.onDrain = () => {
      this.#hasRoom = true;
      this.#flush();
    };
    tunnel.onAbort = (reason) => this.#abort(reason);
    tunnel.body.onReadable = () => this.#read();
    if (tunnel.aborted === undefined) this.#read();
    else this.#abort(tunnel.aborted);
  }

  get session(): Session {
    return this.#connection.session;
  }

  #read(): void {
    const { body } = this.#tunnel;
    for (let chunk = body.read(); chunk !== undefined; chunk = body.read()) this.#connection.handle(chunk);
    if (body.state === "ended") this.#connection.handleEnd();
  }

  #flush(): void {
    if (this.#isOver) return;
    const now = this.#clock.now();
    while (this.#hasRoom || this.#connection.hasEnded) {
      const bytes = this.#connection.poll(now);
      if (bytes === undefined) break;
      this.#hasRoom = this.#tunnel.write(bytes);
    }
    const { failure, hasEnded } = this.#connection;
    if (failure === undefined && !hasEnded) return;
    this.#isOver = true;
    if (failure !== undefined) this.#tunnel.reset(failure);
    else this.#tunnel.end();
  }

  #abort(reason: Error): void {
    this.#isOver = true;
    this.#connection.handleAbort(reason);
  }
}
