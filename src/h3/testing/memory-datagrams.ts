/** Datagrams between two `MemoryTransport`s: nothing is lost, and they arrive at once, before what streams carry. */

import type { DatagramFlow, DatagramTransport, SendDatagramResult, TransportEvent } from "../../quic/transport.ts";

export class MemoryDatagrams implements DatagramTransport {
  readonly maxDatagramPayload = 1200;
  /** What arrived and was not read. */
  readonly arrived: Uint8Array[] = [];
  /** Everything sent. */
  readonly sent: Uint8Array[] = [];
  /** Flows that are open. */
  flows = 0;
  peer!: MemoryDatagrams;
  readonly #events: TransportEvent[];

  constructor(events: TransportEvent[]) {
    this.#events = events;
  }

  openDatagramFlow(): DatagramFlow {
    this.flows += 1;
    let isClosed = false;
    return {
      length: 0,
      send: (data): SendDatagramResult => {
        if (isClosed) return "closed";
        if (data.length > this.maxDatagramPayload) return "too-large";
        this.sent.push(data);
        this.peer.deliver(data);
        return "queued";
      },
      setPriority: () => {},
      close: () => {
        if (!isClosed) this.flows -= 1;
        isClosed = true;
      },
    };
  }

  readDatagram(): Uint8Array | undefined {
    return this.arrived.shift();
  }

  deliver(data: Uint8Array): void {
    this.arrived.push(data);
    this.#events.push({ type: "datagram-readable" });
  }
}

/** Both sides' datagrams, for a pair of transports. */
export function memoryDatagrams(
  client: { readonly events: TransportEvent[] },
  server: { readonly events: TransportEvent[] },
): { readonly client: MemoryDatagrams; readonly server: MemoryDatagrams } {
  const pair = { client: new MemoryDatagrams(client.events), server: new MemoryDatagrams(server.events) };
  pair.client.peer = pair.server;
  pair.server.peer = pair.client;
  return pair;
}
