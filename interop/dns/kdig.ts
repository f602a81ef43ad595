/** kdig asks our server, and prints the bytes of what it received. */

import { type ResourceRecord, typeName } from "../../src/dns/index.ts";
import { writeData } from "../../src/dns/record-data.ts";
import type { DnsService } from "../../src/edge/dns/index.ts";
import { Writer } from "../../src/wire/writer.ts";
import { runChild } from "../child.ts";

export const TRANSPORTS = ["udp", "tcp", "tls", "https", "quic"] as const;
export type Transport = (typeof TRANSPORTS)[number];

/** Questions per process. */
const BATCH = 50;

const FLAGS: Readonly<Record<Transport, readonly string[]>> = {
  udp: [],
  tcp: ["+tcp"],
  tls: ["+tls"],
  https: ["+https=/dns-query"],
  quic: ["+quic"],
};

export interface Differences {
  readonly asked: number;
  readonly differences: readonly string[];
}

/** Compares the data of each record, as kdig prints it in the generic form of RFC 3597, with ours. */
export async function compareWithKdig(
  kdig: readonly string[],
  service: DnsService,
  over: Transport,
  records: readonly ResourceRecord[],
): Promise<Differences> {
  const { port, securePort, url } = service.addresses;
  const at = over === "udp" || over === "tcp" ? port : over === "https" ? new URL(url!).port : securePort!;
  const differences: string[] = [];
  for (let from = 0; from < records.length; from += BATCH) {
    const batch = records.slice(from, from + BATCH);
    const flags = ["+generic", "+noall", "+answer", "+time=20", ...FLAGS[over]];
    const questions = batch.flatMap(({ name, type }) => [name, typeName(type), ...flags]);
    const { stdout } = await runChild([...kdig, "@127.0.0.1", "-p", `${at}`, ...questions]);
    const received = new Map<string, string>();
    for (const line of stdout.split("\n")) {
      const [, name, data] = /^(\S+)\s.*\\#\s+\d+\s*([0-9A-Fa-f ]*)$/.exec(line) ?? [];
      if (name !== undefined) received.set(name, data!.replaceAll(" ", "").toLowerCase());
    }
    for (const record of batch) {
      const expected = Buffer.from(wireData(record)).toString("hex");
      const got = received.get(record.name);
      if (got !== expected)
        differences.push(`${record.name} ${typeName(record.type)}: ${got ?? "nothing"}, not ${expected}`);
    }
  }
  return { asked: records.length, differences };
}

/** The data of a record without compression. */
function wireData({ data }: ResourceRecord): Uint8Array {
  const writer = new Writer(new Uint8Array(65_535));
  writeData(writer, data);
  return writer.bytes.subarray(0, writer.position);
}
