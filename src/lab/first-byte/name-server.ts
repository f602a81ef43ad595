/** An authoritative name server whose answers may be late. */

import type { DatagramMachine, ReceivedBatch, SlotWriter, SocketAddress, Transmit } from "../../base/datagrams.ts";
import { after, type Instant, type Micros } from "../../base/time.ts";
import { Authority, typeName, Zone } from "../../dns/index.ts";
import { Outbox } from "./outbox.ts";

interface Late {
  readonly at: Instant;
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
  readonly bytes: Uint8Array;
}

export class NameServer implements DatagramMachine<never> {
  onReady: (() => void) | undefined;
  /** Questions so far. */
  asked = 0;
  readonly #authority: Authority;
  readonly #delays: Readonly<Record<string, Micros>>;
  readonly #outbox = new Outbox();
  readonly #late: Late[] = [];

  /** `delays` are by the name of the record type. */
  constructor(zone: string, origin: string, delays: Readonly<Record<string, Micros>>) {
    this.#authority = new Authority([Zone.parse(zone, origin)]);
    this.#delays = delays;
  }

  handleBatch(received: ReceivedBatch, now: Instant): void {
    for (let i = 0; i < received.count; i += 1) {
      const from = received.offset[i]!;
      const query = received.arena.slice(from, from + received.length[i]!);
      const response = this.#authority.respond(query, "datagram");
      const question = response?.query?.questions[0];
      if (response === undefined || question === undefined) continue;
      this.asked += 1;
      const [local, remote] = [received.local[i]!, received.remote[i]!];
      const delay = this.#delays[typeName(question.type)];
      if (delay === undefined) this.#outbox.push(local, remote, response.bytes);
      else this.#late.push({ at: after(now, delay), local, remote, bytes: response.bytes });
    }
  }

  handleTimeout(now: Instant): void {
    for (const each of this.#late.filter(({ at }) => at <= now)) {
      this.#late.splice(this.#late.indexOf(each), 1);
      this.#outbox.push(each.local, each.remote, each.bytes);
    }
  }

  nextTimeout(): Instant | undefined {
    return this.#late.length === 0 ? undefined : (Math.min(...this.#late.map(({ at }) => at)) as Instant);
  }

  pollTransmit(slots: SlotWriter): Transmit | undefined {
    return this.#outbox.poll(slots);
  }

  handleSent(): void {}

  pollEvent(): undefined {
    return undefined;
  }

  pollCommand(): undefined {
    return undefined;
  }
}
