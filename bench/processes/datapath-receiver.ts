/** The receiver of the raw data path. Its parent sends it orders. */

import { chooseEngine } from "../../src/host/engine/engine.ts";
import { OVERHEAD, PacketReader } from "../datapath/packets.ts";
import { type Signal, writeSignal } from "../datapath/signals.ts";
import type { DatapathOrder, LoadDone } from "../messages.ts";

/** Packets between two signals, or fewer if they are large. */
const SIGNALS = 40;
const SIGNAL_BYTES = 100_000;
const MAX_LOSS = 0.01;
/** Milliseconds after which packets count as lost. */
const PATIENCE = 50;

const { udp, crypto } = await chooseEngine();

async function receive({ host, port, bytes, size }: DatapathOrder): Promise<LoadDone> {
  const remote = { family: 4, host, port } as const;
  const socket = await udp.connect(remote, 64 * 1024);
  const reader = new PacketReader(crypto);
  const count = Math.ceil(bytes / (size - OVERHEAD));
  const every = Math.max(1, Math.min(SIGNALS, Math.floor(SIGNAL_BYTES / size)));
  const send = (signal: Signal): void => {
    const length = writeSignal(socket.slots.arena, signal);
    socket.send({ local: undefined, remote, ecn: 0, segmentSize: length, count: 1, length });
  };
  const started = performance.now();
  let told = 0;
  let before = -1;
  await new Promise<void>((resolve, reject) => {
    const watch = setInterval(() => {
      if (reader.largest === before) send(reader.largest < 0 ? { type: "request", count, size } : { type: "lost" });
      before = reader.largest;
    }, PATIENCE);
    socket.onBatch = (batch) => {
      try {
        reader.read(batch);
      } catch (error) {
        clearInterval(watch);
        reject(error as Error);
        return;
      }
      const arrived = reader.largest + 1;
      if (arrived === count) {
        clearInterval(watch);
        resolve();
      } else if (arrived - told >= every) {
        told = arrived;
        send({ type: "arrived", arrived });
      }
    };
    send({ type: "request", count, size });
  });
  const milliseconds = performance.now() - started;
  await socket.close();
  if (reader.packets < (1 - MAX_LOSS) * count) throw new Error(`${count - reader.packets} of ${count} packets lost`);
  return { bytes: reader.bytes, milliseconds };
}

process.on("message", (order: DatapathOrder) => {
  receive(order)
    .catch((error: Error): LoadDone => ({ bytes: 0, milliseconds: 0, error: error.message }))
    .then((done) => process.send!(done));
});

process.send!("ready");
process.once("SIGTERM", () => process.exit(0));
process.once("disconnect", () => process.exit(0));
