/** A client and a server connected in memory, with a record of their events. */

import { SeededRng } from "../../base/rng.ts";
import { H3Connection } from "../connection.ts";
import type { H3Event } from "../events.ts";
import type { H3Options } from "../options.ts";
import { memoryDatagrams } from "./memory-datagrams.ts";
import { type MemoryOptions, type MemoryTransport, memoryPair } from "./memory-transport.ts";

export interface PairOptions extends MemoryOptions {
  readonly client?: Partial<H3Options>;
  readonly server?: Partial<H3Options>;
  /** True for HTTP Datagrams. */
  readonly datagrams?: boolean;
}

export class H3Side {
  readonly transport: MemoryTransport;
  readonly connection: H3Connection;
  /** All events, oldest first. */
  readonly events: H3Event[] = [];
  /** Called immediately for each event. */
  onEvent: (event: H3Event) => void = () => {};

  constructor(transport: MemoryTransport, options: Partial<H3Options>) {
    this.transport = transport;
    this.connection = new H3Connection(transport, { rng: new SeededRng(1), ...options });
  }

  /** Passes on the transport's events. Returns false if nothing happened. */
  turn(): boolean {
    const delivered = this.transport.deliverOne();
    const events = this.transport.events.splice(0);
    for (const event of events) this.connection.handleTransportEvent(event);
    return this.drain() || delivered || events.length > 0;
  }

  drain(): boolean {
    let any = false;
    for (let event = this.connection.pollEvent(); event !== undefined; event = this.connection.pollEvent()) {
      any = true;
      this.events.push(event);
      this.onEvent(event);
    }
    return any;
  }

  /** The events of one type. */
  of<T extends H3Event["type"]>(type: T): Extract<H3Event, { type: T }>[] {
    return this.events.filter((event): event is Extract<H3Event, { type: T }> => event.type === type);
  }
}

export class H3Pair {
  readonly client: H3Side;
  readonly server: H3Side;

  constructor(options: PairOptions = {}) {
    const { client, server } = memoryPair(options);
    const datagrams = options.datagrams === true ? memoryDatagrams(client, server) : undefined;
    this.client = new H3Side(client, { datagrams: datagrams?.client, ...options.client });
    this.server = new H3Side(server, { datagrams: datagrams?.server, ...options.server });
  }

  /** Runs until both sides are idle. */
  run(): this {
    for (let quiet = 0; quiet < 2; ) {
      const moved = [this.client.turn(), this.server.turn()].includes(true);
      quiet = moved ? 0 : quiet + 1;
    }
    return this;
  }
}

/** All content that can be read now, concatenated. */
export function readAll(side: H3Side, id: number, max = 1_000_000): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let chunk = side.connection.readData(id, max); chunk !== undefined; chunk = side.connection.readData(id, max)) {
    parts.push(chunk.bytes);
  }
  side.drain();
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}
