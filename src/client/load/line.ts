// One connection of a load generator: opened, and replaced when it is lost.

import type { Instant } from "../../base/time.ts";
import { Dialer } from "../../host/client/dialer.ts";
import { ClientError } from "../../host/client/errors.ts";
import type { Protocol, Session } from "../../host/client/session.ts";
import { detach, type Fault, guard } from "../../host/guard.ts";
import { Timer } from "../../host/timer.ts";
import type { ClientSettings } from "../options.ts";
import type { LoadExchange } from "./exchange.ts";

/** Milliseconds until another attempt after one that failed. */
const RETRY_DELAY = 250;

/** What the generator learns of a line. */
export interface LineOwner {
  handleOpened(line: Line, begun: Instant): void;
  /** The connection ended, or an attempt failed. */
  handleLost(line: Line, error: Error | undefined): void;
  handleRoom(line: Line): void;
  handleFault(fault: Fault): void;
}

export class Line {
  readonly index: number;
  /** Requests that wait for room on the connection. */
  readonly waiting: LoadExchange[] = [];
  readonly #owner: LineOwner;
  readonly #settings: ClientSettings;
  readonly #dialer: Dialer;
  readonly #protocol: Protocol;
  #retry: Timer | undefined;
  #session: Session | undefined;
  #abort: ((reason: Error) => void) | undefined;
  #isEnded = false;

  constructor(index: number, url: URL, protocol: Protocol, settings: ClientSettings, owner: LineOwner) {
    this.index = index;
    this.#owner = owner;
    this.#settings = settings;
    this.#protocol = protocol;
    const onRoom = guard("client load room", owner.handleFault, () => this.#owner.handleRoom(this));
    this.#dialer = new Dialer(url, settings, () => queueMicrotask(onRoom));
  }

  /** Undefined while there is no connection that takes requests. */
  get session(): Session | undefined {
    return this.#session?.usable === true ? this.#session : undefined;
  }

  open(): void {
    detach("client load dialled", this.#owner.handleFault, this.dial());
  }

  /** One attempt. Never rejects. */
  async dial(): Promise<void> {
    const begun = this.#settings.clock.now();
    const { port } = this.#dialer;
    const attempt = this.#protocol === "h3" ? this.#dialer.dialHttp3({ host: "", port }) : this.#dialer.dialTcp();
    this.#abort = attempt.abort;
    let session: Session;
    try {
      session = await attempt.session;
    } catch (error) {
      if (this.#isEnded) return;
      const onRetry = guard("client load retry", this.#owner.handleFault, () => this.open());
      this.#retry = new Timer(onRetry, RETRY_DELAY, this.#settings.clock);
      this.#owner.handleLost(this, error as Error);
      return;
    }
    if (this.#isEnded) {
      session.destroy(ended());
      return;
    }
    this.#session = session;
    const closed = session.closed.then(() => this.#handleClosed(session));
    detach("client load closed", this.#owner.handleFault, closed);
    this.#owner.handleOpened(this, begun);
  }

  /** Requests in progress fail. Resolves when the connection has ended. */
  async end(): Promise<void> {
    this.#isEnded = true;
    this.#retry?.clear();
    this.#abort?.(ended());
    this.#session?.destroy(ended());
    await this.#session?.closed;
  }

  #handleClosed(session: Session): void {
    if (this.#isEnded || this.#session !== session) return;
    this.#session = undefined;
    this.#owner.handleLost(this, undefined);
    if (!this.#isEnded) this.open();
  }
}

const ended = (): ClientError => new ClientError("CLIENT_CLOSED", "the run has ended");
