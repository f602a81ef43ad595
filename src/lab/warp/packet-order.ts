/** Reads the sender's packets: did one carry a stream while another one of a higher order had something to send, new or lost? */

import { RangeSet } from "../../base/range-set.ts";
import type { QuicTraceEvent } from "../../quic/index.ts";
import { PacketNumberSpace, spaceOf } from "../../quic/packet/number-space.ts";
import type { StreamId } from "../../quic/transport.ts";
import type { Written } from "./carrier.ts";

const APPLICATION = PacketNumberSpace.application;

interface Part {
  readonly stream: StreamId;
  readonly start: number;
  readonly end: number;
}

interface Sent {
  /** Bytes that were sent at least once. */
  end: number;
  /** Those that were lost and not sent again. */
  readonly lost: RangeSet;
}

export class PacketOrder {
  /** Stream frames that went before something higher. */
  violations = 0;
  frames = 0;
  /** Frames with bytes that were sent before. */
  repeated = 0;
  readonly #written: () => ReadonlyMap<StreamId, Written>;
  readonly #packets = new Map<number, readonly Part[]>();
  readonly #sent = new Map<StreamId, Sent>();

  constructor(written: () => ReadonlyMap<StreamId, Written>) {
    this.#written = written;
  }

  handle(event: QuicTraceEvent): void {
    if (event.type === "quic:packet-sent" && spaceOf(event.level) === APPLICATION) {
      const parts = event.frames.flatMap((frame) =>
        frame.type === "stream" && this.#written().has(frame.id)
          ? [{ stream: frame.id, start: frame.offset, end: frame.offset + frame.data.length }]
          : [],
      );
      for (const part of parts) this.#check(part);
      this.#packets.set(event.packetNumber, parts);
    }
    if (event.type === "quic:packet-lost" && event.space === APPLICATION) {
      for (const { stream, start, end } of this.#packets.get(event.packetNumber) ?? [])
        if (end > start) this.#of(stream).lost.add(start, end);
    }
    if (event.type === "quic:packets-acked" && event.space === APPLICATION) {
      for (const number of event.packetNumbers) {
        for (const { stream, start, end } of this.#packets.get(number) ?? []) this.#of(stream).lost.remove(start, end);
        this.#packets.delete(number);
      }
    }
  }

  #check({ stream, start, end }: Part): void {
    const own = this.#written().get(stream)!;
    const sent = this.#of(stream);
    this.frames += 1;
    if (start < sent.end) this.repeated += 1;
    sent.end = Math.max(sent.end, end);
    sent.lost.remove(start, end);
    for (const [other, written] of this.#written()) {
      if (written.order <= own.order || written.isOver) continue;
      const { end: otherEnd, lost } = this.#of(other);
      if (otherEnd < written.bytes || !lost.isEmpty) {
        this.violations += 1;
        return;
      }
    }
  }

  #of(stream: StreamId): Sent {
    let sent = this.#sent.get(stream);
    if (sent === undefined) {
      sent = { end: 0, lost: new RangeSet() };
      this.#sent.set(stream, sent);
    }
    return sent;
  }
}
