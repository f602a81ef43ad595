/**
 * The sender of the raw data path (`datapath/packets.ts`): a receiver asks for packets, and then says how many have arrived;
 * that many more follow.
 */

import { once } from "node:events";
import type { SocketAddress } from "../../src/base/datagrams.ts";
import { chooseEngine } from "../../src/host/engine/engine.ts";
import { PacketWriter } from "../datapath/packets.ts";
import { readSignal } from "../datapath/signals.ts";
import type { DatapathServerOrder, ServerReady } from "../messages.ts";

/** Datagrams in flight take this many bytes: less than a receive buffer of the usual size. */
const WINDOW = 400_000;
/** As many datagrams as the driver of a connection sends at once. */
const MAX_TRAIN = 45;

const [{ host }] = (await once(process, "message")) as [DatapathServerOrder];
const { udp, crypto } = await chooseEngine();
const socket = await udp.bind(0, host);
const writer = new PacketWriter(crypto);
const content = new Uint8Array(1 << 20).fill(0x61);

interface Flow {
  readonly remote: SocketAddress;
  readonly size: number;
  readonly count: number;
  readonly window: number;
  next: number;
  arrived: number;
}

let flow: Flow | undefined;

function fill(): void {
  while (flow !== undefined && !socket.isBlocked) {
    const { remote, size, window, next, arrived } = flow;
    const { arena } = socket.slots;
    const count = Math.min(MAX_TRAIN, Math.floor(arena.length / size), flow.count - next, arrived + window - next);
    if (count <= 0) return;
    writer.write(arena, next, count, size, content);
    socket.send({ local: undefined, remote, ecn: 0, segmentSize: size, count, length: count * size });
    flow.next += count;
  }
}

socket.onWritable = fill;
socket.onBatch = (batch) => {
  for (let i = 0; i < batch.count; i++) {
    const signal = readSignal(batch.arena, batch.offset[i]!);
    if (signal.type === "request") {
      const { size, count } = signal;
      const window = Math.max(8, Math.floor(WINDOW / size));
      flow = { remote: batch.remote[i]!, size, count, window, next: 0, arrived: 0 };
    } else if (flow !== undefined) {
      flow.arrived = signal.type === "lost" ? flow.next : Math.max(flow.arrived, signal.arrived);
    }
  }
  fill();
};

process.send!({ port: socket.address.port } satisfies ServerReady);
process.once("SIGTERM", () => process.exit(0));
process.once("disconnect", () => process.exit(0));
