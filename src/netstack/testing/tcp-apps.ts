/** Applications on TCP, for tests: a server that echoes or sends, and a client that collects. */

import type { Instant } from "../../base/time.ts";
import type { TcpConnection, TcpConnectionOptions, TcpEvent } from "../../tcp/index.ts";
import type { Stack } from "../stack.ts";

export interface App {
  readonly connection: TcpConnection;
  readonly events: string[];
  readonly chunks: Uint8Array[];
  received: number;
  /** Bytes that were read, joined. */
  bytes(): Uint8Array;
}

export type Behaviour = (app: App, event: TcpEvent["type"], now: Instant) => void;

/** Dispatches the events of a stack to its applications. Call `pump` after every turn. */
export class Apps {
  readonly all: App[] = [];
  readonly #stack: Stack;
  readonly #byConnection = new Map<TcpConnection, { app: App; behaviour: Behaviour }>();
  readonly #servers = new Map<unknown, Behaviour>();

  constructor(stack: Stack) {
    this.#stack = stack;
  }

  serve(port: number, behaviour: Behaviour, connection: Partial<TcpConnectionOptions> = {}, backlog = 511) {
    const listener = this.#stack.tcp.listen({ version: 4, port, backlog, connection })!;
    this.#servers.set(listener, behaviour);
    return listener;
  }

  connect(
    to: Uint8Array,
    port: number,
    behaviour: Behaviour,
    now: Instant,
    options: Partial<TcpConnectionOptions> = {},
    localPort?: number,
  ): App {
    const connection = this.#stack.tcp.connect(to, port, now, { port: localPort }, options);
    if (typeof connection === "string") throw new Error(connection);
    return this.#add(connection, behaviour);
  }

  pump(now: Instant): void {
    for (let event = this.#stack.tcp.pollEvent(); event !== undefined; event = this.#stack.tcp.pollEvent()) {
      if (event.type === "accepted") {
        const { listener } = event;
        for (let next = listener.accept(); next !== undefined; next = listener.accept()) {
          const behaviour = this.#servers.get(listener)!;
          const app = this.#add(next, behaviour);
          app.events.push("accepted");
          behaviour(app, "accepted", now);
        }
        continue;
      }
      const found = this.#byConnection.get(event.connection);
      if (found === undefined) continue;
      found.app.events.push(event.type);
      found.behaviour(found.app, event.type, now);
      this.#stack.tcp.touch(event.connection);
    }
  }

  #add(connection: TcpConnection, behaviour: Behaviour): App {
    const chunks: Uint8Array[] = [];
    const app: App = {
      connection,
      events: [],
      chunks,
      received: 0,
      bytes() {
        const joined = new Uint8Array(this.received);
        let at = 0;
        for (const chunk of chunks) {
          joined.set(chunk, at);
          at += chunk.length;
        }
        return joined;
      },
    };
    this.all.push(app);
    this.#byConnection.set(connection, { app, behaviour });
    return app;
  }
}

export function readAll(app: App): void {
  for (let bytes = app.connection.read(); bytes !== undefined; bytes = app.connection.read()) {
    app.chunks.push(bytes);
    app.received += bytes.length;
  }
}

/** Reads everything, and closes when the peer has. */
export const sink: Behaviour = (app, event, now) => {
  if (event === "readable") readAll(app);
  if (event === "ended") {
    readAll(app);
    app.connection.end(now);
  }
};

/** Sends the bytes when the connection is there, then closes; reads meanwhile. */
export const source =
  (bytes: Uint8Array): Behaviour =>
  (app, event, now) => {
    if (event === "connected" || event === "accepted") {
      app.connection.write(bytes);
      app.connection.end(now);
    }
    if (event === "readable" || event === "ended") readAll(app);
  };
