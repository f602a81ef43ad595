/**
 * Packet protection by the OpenSSL inside the node binary, call by call and with a list of calls: the time to seal and to
 * open a packet, in batches of several sizes, measured in turn.
 */

import { type AeadName, IV_LENGTH, KEY_LENGTH, PacketBatch, type PacketKey } from "../src/crypto/engine.ts";
import { createOpensslEngine } from "../src/crypto/openssl/index.ts";
import { hasCallList } from "../src/host/engine/choice.ts";
import { loadKoffi } from "../src/host/engine/koffi.ts";
import type { Bench } from "./bench.ts";
import { median, rounded } from "./statistics.ts";

const ROUNDS = 200;
/** Half a millisecond: few rounds are interrupted by other processes, and the median is of the others. */
const PACKETS_PER_ROUND = 1_000;
const HEADER = 13;
const AEADS: readonly AeadName[] = ["aes-128-gcm", "chacha20-poly1305"];
/** A train of datagrams, what one event of a receiver brings, a single datagram, and an acknowledgement. */
const BATCHES = [
  { count: 45, size: 1350 },
  { count: 10, size: 1350 },
  { count: 1, size: 1350 },
  { count: 1, size: 45 },
] as const;

const OPERATIONS = ["seal", "open"] as const;
type Operation = (typeof OPERATIONS)[number];

export const packetProtection: Bench = async ({ rounds = ROUNDS, log }) => {
  const loaded = await loadKoffi();
  if (!("koffi" in loaded)) return { rows: [], ratios: {}, targets: [], remarks: [loaded.reason] };
  if (!hasCallList) return { rows: [], ratios: {}, targets: [], remarks: ["the call list needs Linux on x64"] };
  const engines = [false, true].map((callList) => createOpensslEngine(loaded.koffi, { callList }));
  const rows = AEADS.flatMap((aead) =>
    BATCHES.map(({ count, size }) => {
      const name = `${aead}, ${count} × ${size} bytes`;
      log(name);
      const batch = batchOf(count, size);
      const keys = engines.map((engine) => engine.createPacketKey(aead, filled(KEY_LENGTH[aead]), filled(IV_LENGTH)));
      const times = keys.map(() => ({ seal: [] as number[], open: [] as number[] }));
      for (let round = 0; round < rounds; round += 1) {
        for (const operation of OPERATIONS) {
          for (const [i, key] of keys.entries()) times[i]![operation].push(nanoseconds(key, operation, batch));
        }
      }
      const [single, list] = times.map(({ seal, open }) => ({ seal: median(seal), open: median(open) }));
      return { name, single: single!, list: list! };
    }),
  );
  return {
    rows: rows.map(({ name, single, list }) => ({
      name,
      figures: {
        "seal ns": Math.round(single.seal),
        "seal ns, list": Math.round(list.seal),
        "open ns": Math.round(single.open),
        "open ns, list": Math.round(list.open),
      },
    })),
    ratios: Object.fromEntries(
      OPERATIONS.map((operation) => [
        `${operation}: list / call by call`,
        rounded(rows[0]!.list[operation] / rows[0]!.single[operation]),
      ]),
    ),
    targets: [],
    remarks: [`packets are protected by a list: ${engines[1]!.detail}`],
  };
};

const filled = (length: number): Uint8Array => new Uint8Array(length).fill(7);

function batchOf(count: number, size: number): PacketBatch {
  const batch = new PacketBatch(new Uint8Array(count * size), count);
  for (let i = 0; i < count; i += 1) {
    batch.header[i] = i * size;
    batch.payload[i] = i * size + HEADER;
    batch.end[i] = (i + 1) * size;
    batch.packetNumber[i] = i;
  }
  batch.count = count;
  return batch;
}

/** Per packet. That what is opened again was opened before makes no difference to the time. */
function nanoseconds(key: PacketKey, operation: Operation, batch: PacketBatch): number {
  const turns = Math.ceil(PACKETS_PER_ROUND / batch.count);
  const start = process.hrtime.bigint();
  for (let turn = 0; turn < turns; turn += 1) key[operation](batch, 0, 0);
  return Number(process.hrtime.bigint() - start) / (turns * batch.count);
}
