/** The receiver reads exactly what the sender wrote, whatever the network does to the packets in between. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runs } from "../../../test/properties/runs.ts";
import { SeededRng } from "../../base/rng.ts";
import { isUnidirectional, type StreamId } from "../transport.ts";
import { at, drain, pattern, settle, streamPair, type TestPacket, type TestSide } from "./testing/stream-pair.ts";

const concat = (runs: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(runs));

describe("delivery", () => {
  it("carries a request and its response on one bidirectional stream", () => {
    const pair = streamPair();
    const { client, server } = pair;
    const id = client.set.openStream("bidi")!;
    expect(client.set.write(id, pattern(300), true)).toBe(true);
    settle(pair);
    expect(server.takeEvents()).toEqual([
      { type: "stream-opened", id },
      { type: "stream-readable", id },
    ]);
    expect(server.set.read(id)).toEqual({ bytes: pattern(300), fin: true });
    expect(server.set.write(id, pattern(20_000, 7), true)).toBe(true);
    settle(pair);
    expect(drain(client, id)).toEqual({ bytes: pattern(20_000, 7), fin: true });
    expect(client.takeEvents()).toEqual([
      { type: "stream-finished", id },
      { type: "stream-readable", id },
    ]);
    expect(server.takeEvents()).toEqual([{ type: "stream-finished", id }]);
    expect([client.set.activeStreams, server.set.activeStreams]).toEqual([0, 0]);
    expect([client.set.bytesBuffered, server.set.bytesBuffered]).toEqual([0, 0]);
  });

  it("delivers identical bytes through loss, reordering and duplication", () => {
    fc.assert(
      fc.property(
        fc.record({
          seed: fc.integer(),
          loss: fc.integer({ min: 0, max: 40 }),
          duplication: fc.integer({ min: 0, max: 30 }),
          packetSize: fc.integer({ min: 70, max: 1_400 }),
          streams: fc.integer({ min: 1, max: 6 }),
          writes: fc.array(fc.integer({ min: 0, max: 9_000 }), { minLength: 1, maxLength: 20 }),
          window: fc.integer({ min: 500, max: 30_000 }),
        }),
        (network) => {
          const sent = runLossyNetwork(network);
          for (const { written, read, fin } of sent) {
            expect(fin).toBe(true);
            expect(Buffer.compare(written, read)).toBe(0);
          }
        },
      ),
      { numRuns: runs(60) },
    );
  });
});

interface Network {
  readonly seed: number;
  readonly loss: number;
  readonly duplication: number;
  readonly packetSize: number;
  readonly streams: number;
  readonly writes: readonly number[];
  readonly window: number;
}

interface Transfer {
  readonly from: TestSide;
  readonly to: TestSide;
  readonly id: StreamId;
  readonly all: Uint8Array;
  readonly read: Uint8Array[];
  written: number;
  fin: boolean;
}

function runLossyNetwork(network: Network): { written: Uint8Array; read: Uint8Array; fin: boolean }[] {
  const rng = new SeededRng(network.seed);
  const chance = (percent: number): boolean => rng.uint32() % 100 < percent;
  const limits = {
    initialMaxStreamData: network.window,
    initialMaxData: network.window * 2,
    sendBufferPerStream: 6_000,
  };
  const pair = streamPair({ client: limits, server: limits });
  const transfers: Transfer[] = [];
  for (let i = 0; i < network.streams; i += 1) {
    const id = pair.client.set.openStream(i % 3 === 2 ? "uni" : "bidi")!;
    const all = pattern(
      network.writes.reduce((sum, size) => sum + size, 0),
      i,
    );
    transfers.push({ from: pair.client, to: pair.server, id, all, read: [], written: 0, fin: false });
    if (!isUnidirectional(id)) {
      transfers.push({ from: pair.server, to: pair.client, id, all, read: [], written: 0, fin: false });
    }
  }

  const wire: { from: TestSide; to: TestSide; packet: TestPacket }[] = [];
  const opened = new Set<StreamId>();
  let writeIndex = 0;
  for (let round = 0; round < 20_000 && transfers.some((transfer) => !transfer.fin); round += 1) {
    const now = at(round * 1_000);
    for (const event of pair.server.takeEvents()) if (event.type === "stream-opened") opened.add(event.id);
    for (const transfer of transfers) {
      const { from, to, id, all } = transfer;
      const fromKnows = from === pair.client || opened.has(id);
      if (fromKnows && transfer.written <= all.length && from.set.writableBytes(id) > 0) {
        const size = network.writes[writeIndex++ % network.writes.length]!;
        const end = Math.min(all.length, transfer.written + size);
        const fin = end === all.length;
        from.set.write(id, all.subarray(transfer.written, end), fin);
        transfer.written = fin ? end + 1 : end;
      }
      if (to === pair.client || opened.has(id)) {
        const chunk = transfer.fin ? undefined : to.set.read(id, 1 + (rng.uint32() % 5_000));
        if (chunk !== undefined) {
          transfer.read.push(chunk.bytes);
          transfer.fin = chunk.fin;
        }
      }
    }
    for (const [from, to] of [
      [pair.client, pair.server],
      [pair.server, pair.client],
    ] as const) {
      const packet = from.packet(network.packetSize, now);
      if (packet !== undefined) wire.push({ from, to, packet });
    }
    // Some packets in transit arrive, in any order; some twice; some are lost, or declared lost too early.
    for (let i = 0; wire.length > 0 && i < 3; i += 1) {
      const [{ from, to, packet }] = wire.splice(rng.uint32() % wire.length, 1) as [(typeof wire)[0]];
      if (chance(network.loss)) {
        from.lost(packet);
        continue;
      }
      to.receive(packet, now);
      if (chance(network.duplication)) to.receive(packet, now);
      if (chance(network.loss)) from.lost(packet);
      from.acked(packet);
    }
  }
  for (let i = 0; i < 100; i += 1) {
    for (const { from, packet } of wire.splice(0)) from.lost(packet);
    settle(pair);
  }
  expect([pair.client.set.bytesBuffered, pair.server.set.bytesBuffered]).toEqual([0, 0]);
  expect([pair.client.set.activeStreams, pair.server.set.activeStreams]).toEqual([0, 0]);
  return transfers.map(({ all, read, fin }) => ({ written: all, read: concat(read), fin }));
}
