/** Two endpoints in the simulator, and what each was told. */

import type { Instant, Micros } from "../../base/time.ts";
import { host, type LinkOptions, link, millis, seconds, simulate } from "../../sim/index.ts";
import { PlainFlowEndpoint, type PlainFlowEvent } from "../plain/plain-endpoint.ts";
import type { FlowSession, FlowSessionOptions } from "../session/session.ts";

const CLIENT = { family: 4, host: "10.0.0.1", port: 4000 } as const;
const SERVER = { family: 4, host: "10.0.0.2", port: 4001 } as const;

export interface WorldOptions {
  readonly seed: number;
  readonly link?: LinkOptions;
  readonly session?: Omit<FlowSessionOptions, "isServer">;
  /** The client's turn. */
  readonly client?: (session: FlowSession, now: Instant, world: World) => void;
  readonly onClientEvent?: (event: PlainFlowEvent, now: Instant) => void;
  /** An event of the server's session, and the session. */
  readonly onServerEvent?: (event: PlainFlowEvent, now: Instant) => void;
  /** The server's turn, once a session has begun. */
  readonly server?: (session: FlowSession, now: Instant) => void;
  readonly until: () => boolean;
  readonly maxTime?: Micros;
}

/** What `client` may ask for. */
export interface World {
  /** Wakes the client up at this time at the latest. */
  wakeAt(at: Instant): void;
}

/** Runs until `until`, or throws. */
export function runWorld(options: WorldOptions) {
  const client = new Ticking({ listens: false, session: options.session ?? {} });
  const server = new PlainFlowEndpoint({ listens: true, session: options.session ?? {} });
  const session = client.connect(SERVER);
  let serverSession: FlowSession | undefined;
  const result = simulate({
    seed: options.seed,
    network: [
      host<PlainFlowEvent>({
        name: "client",
        address: CLIENT,
        machine: client,
        onEvent: (event, now) => options.onClientEvent?.(event, now),
        application: (now) => options.client?.(session, now, client),
      }),
      link(options.link ?? { delay: millis(10) }),
      host<PlainFlowEvent>({
        name: "server",
        address: SERVER,
        machine: server,
        onEvent: (event, now) => {
          serverSession = event.session;
          options.onServerEvent?.(event, now);
        },
        application: (now) => {
          if (serverSession !== undefined) options.server?.(serverSession, now);
        },
      }),
    ],
    until: options.until,
    maxVirtualTime: options.maxTime ?? seconds(60),
  });
  return { ...result, session, serverSession };
}

/** An endpoint whose application wants to be called at times of its own. */
class Ticking extends PlainFlowEndpoint implements World {
  #wakeAt: Instant | undefined;

  wakeAt(at: Instant): void {
    if (this.#wakeAt === undefined || at < this.#wakeAt) this.#wakeAt = at;
  }

  override nextTimeout(): Instant | undefined {
    const next = super.nextTimeout();
    if (next === undefined || (this.#wakeAt !== undefined && this.#wakeAt < next)) return this.#wakeAt;
    return next;
  }

  override handleTimeout(now: Instant): void {
    if (this.#wakeAt !== undefined && this.#wakeAt <= now) this.#wakeAt = undefined;
    super.handleTimeout(now);
  }
}
