/** Loads the page over HTTP/3: our own client and server, with other rules of what leaves next in the server. */

import { H3Connection, type H3Event } from "../../h3/index.ts";
import { emitPriority, withoutDefaults } from "../../http/priority/index.ts";
import { type Connection, isTransportEvent } from "../../quic/index.ts";
import type { StreamId } from "../../quic/transport.ts";
import { SeededRng } from "../../sim/index.ts";
import type { Run, Values } from "../experiment.ts";
import { loadPage } from "./network.ts";
import { PageLoad, RESOURCES } from "./page.ts";
import { createRule, type Rule, type RuleName } from "./rules.ts";

export interface Http3Load extends Run {
  readonly rule: RuleName;
  readonly loss: number;
  /** False if the browser never changes its mind. */
  readonly promotes: boolean;
}

const CHUNK = new Uint8Array(64 * 1024);

export function loadOverHttp3({ rule, promotes, ...run }: Http3Load): Values {
  const rng = new SeededRng(run.seed);
  const server = new PageServer(rule, rng);
  let h3: H3Connection | undefined;
  let load: PageLoad | undefined;
  const indexes = new Map<StreamId, number>();
  const ids = new Map<number, StreamId>();
  const begin = (client: H3Connection) => ({
    request(index: number, priority: Parameters<typeof withoutDefaults>[0]): void {
      const value = emitPriority(withoutDefaults(priority));
      const id = client.request(
        {
          method: "GET",
          scheme: "https",
          authority: "server.test",
          path: `/${index}`,
          fields: value === "" ? [] : [["priority", value]],
        },
        true,
      )!;
      indexes.set(id, index);
      ids.set(index, id);
    },
    reprioritize(index: number, priority: Parameters<typeof withoutDefaults>[0]): void {
      if (promotes) client.priorities.reprioritize(ids.get(index)!, priority);
    },
  });
  return loadPage({
    ...run,
    onClientEvent({ connection, event }, now) {
      if (event.type === "accepted" || !isTransportEvent(event)) return;
      h3 ??= new H3Connection(connection, { rng });
      h3.handleTransportEvent(event);
      if (event.type === "connected") load = new PageLoad(begin(h3), now);
      for (let each = h3.pollEvent(); each !== undefined; each = h3.pollEvent()) {
        if (each.type !== "data") continue;
        for (let chunk = h3.readData(each.id); chunk !== undefined; chunk = h3.readData(each.id)) {
          load!.handleContent(indexes.get(each.id)!, chunk.bytes.length, now);
        }
      }
    },
    onServerEvent({ connection, event }) {
      if (event.type !== "accepted" && isTransportEvent(event)) server.handle(connection, event);
    },
    onServerTurn: () => server.handleTurn(),
    serverTrace(event) {
      if (event.type === "quic:packet-sent") {
        for (const frame of event.frames) if (frame.type === "stream") server.sent.add(frame.id);
      }
    },
    times: () => load?.times,
  });
}

/** A server whose responses are ready at once. */
class PageServer {
  /** Streams of which a packet was sent since the last turn. */
  readonly sent = new Set<StreamId>();
  readonly #name: RuleName;
  readonly #rng: SeededRng;
  readonly #left = new Map<StreamId, number>();
  #h3: H3Connection | undefined;
  #rule: Rule | undefined;
  #setPriority: Connection["setPriority"] | undefined;

  constructor(name: RuleName, rng: SeededRng) {
    this.#name = name;
    this.#rng = rng;
  }

  handle(connection: Connection, event: Parameters<H3Connection["handleTransportEvent"]>[0]): void {
    this.#h3 ??= this.#begin(connection);
    this.#h3.handleTransportEvent(event);
    for (let each = this.#h3.pollEvent(); each !== undefined; each = this.#h3.pollEvent()) this.#handleH3(each);
  }

  /** Applies the rules to what was sent. */
  handleTurn(): void {
    for (const id of this.sent) {
      const place = this.#left.has(id) ? this.#rule?.handleSent?.(id) : undefined;
      if (place !== undefined) this.#setPriority?.(id, place);
    }
    this.sent.clear();
  }

  #begin(connection: Connection): H3Connection {
    const rule = createRule(this.#name, connection);
    const setPriority = connection.setPriority.bind(connection);
    this.#rule = rule;
    this.#setPriority = setPriority;
    connection.setPriority = (id, priority) => {
      // Requests are placed by the rules, our own control streams as always.
      if ("urgency" in priority && id % 4 === 0) setPriority(id, rule.place(id, priority));
      else setPriority(id, priority);
    };
    return new H3Connection(connection, { rng: this.#rng });
  }

  #handleH3(event: H3Event): void {
    if (event.type === "request") {
      const { size } = RESOURCES[Number(event.head.path!.slice(1))]!;
      this.#h3!.respond(event.id, 200, [["content-length", String(size)]], false);
      this.#left.set(event.id, size);
      this.#write(event.id, size);
    } else if (event.type === "writable") this.#write(event.id, this.#left.get(event.id) ?? 0);
  }

  #write(id: StreamId, size: number): void {
    let left = size;
    for (let hasRoom = true; hasRoom && left > 0; ) {
      const length = Math.min(left, CHUNK.length);
      left -= length;
      hasRoom = this.#h3!.writeData(id, CHUNK.subarray(0, length), left === 0);
    }
    this.#left.set(id, left);
  }
}
