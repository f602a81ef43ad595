// Packets for a program: bytes of a file, hexadecimal digits, or a capture (pcap or pcapng).
import { readFile } from "node:fs/promises";
import { readPcapng } from "../../link/pcapng.ts";
import { fromHex } from "../../wire/hex.ts";
import { CliError } from "../fail.ts";

const PCAP_HEADER = 24;
const RECORD_HEADER = 16;
/** Microseconds and nanoseconds, as the two byte orders of a pcap file show them. */
const MAGICS = new Set([0xa1b2c3d4, 0xa1b23c4d]);

/** `data` is a file, or digits. */
export async function readData(data: string): Promise<Uint8Array> {
  if (/^(?:[0-9a-f]{2}\s*)+$/i.test(data)) return fromHex(data);
  return await readFile(data);
}

export async function readCapture(path: string): Promise<readonly Uint8Array[]> {
  const bytes = await readFile(path);
  const packets = isPcap(bytes) ? readPcap(bytes) : readNewer(path, bytes);
  if (packets.length === 0) throw new CliError("CAPTURE", `${path} has no packets`);
  return packets;
}

function readNewer(path: string, bytes: Uint8Array): readonly Uint8Array[] {
  try {
    return readPcapng(bytes).packets.map((packet) => packet.bytes);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new CliError("CAPTURE", `${path} is no capture`, { hint: "give a pcap or pcapng file" });
  }
}

function isPcap(bytes: Uint8Array): boolean {
  if (bytes.length < PCAP_HEADER) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return MAGICS.has(view.getUint32(0)) || MAGICS.has(view.getUint32(0, true));
}

/** Stops at the first record that is cut off. */
function readPcap(bytes: Uint8Array): readonly Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const little = MAGICS.has(view.getUint32(0, true));
  const packets: Uint8Array[] = [];
  for (let at = PCAP_HEADER; at + RECORD_HEADER <= bytes.length; ) {
    const length = view.getUint32(at + 8, little);
    at += RECORD_HEADER;
    if (at + length > bytes.length) break;
    packets.push(bytes.subarray(at, at + length));
    at += length;
  }
  return packets;
}
