// `nagare dissect`: the packets of a capture, one line or one JSON object each.
import { readFile, stat } from "node:fs/promises";
import { LinkType } from "../../link/index.ts";
import { type Capture, type CapturedPacket, readPcapng } from "../../link/pcapng.ts";
import { CliError, EXIT, usageError } from "../fail.ts";
import { type Io, write } from "../io.ts";
import { describeFrame } from "../tap/describe-frame.ts";
import { type Fields, fieldsOf } from "./fields.ts";
import { type Filter, parseFilter } from "./filter.ts";

export interface DissectFlags {
  readonly filter?: string;
  readonly json?: true;
}

/** A capture is read whole. */
const LARGEST = 1_000_000_000;

export async function runDissect(path: string, flags: DissectFlags, io: Io): Promise<void> {
  const filter = readFilter(flags.filter);
  const { packets, isTruncated } = await readCapture(path);
  const start = packets[0]?.time ?? 0;
  let lines = "";
  for (const [i, packet] of packets.entries()) {
    const fields = fieldsOf(packet.bytes, packet.linkType);
    if (!filter(fields)) continue;
    lines += flags.json ? jsonLine(i + 1, packet, fields) : textLine(i + 1, packet, start);
    if (lines.length < 65_536) continue;
    await write(io.stdout, lines);
    lines = "";
  }
  await write(io.stdout, lines);
  if (isTruncated) {
    throw new CliError(
      "CAPTURE_TRUNCATED",
      `${path} ends within a block, or is malformed after packet ${packets.length}`,
    );
  }
}

function readFilter(text: string | undefined): Filter {
  if (text === undefined) return () => true;
  try {
    return parseFilter(text);
  } catch (error) {
    throw usageError(`--filter: ${(error as Error).message}`, "for example: tcp.dstport == 80 && ip.src == 10.77.0.1");
  }
}

async function readCapture(path: string): Promise<Capture> {
  const fail = (why: string): never => {
    throw new CliError("CAPTURE_UNREADABLE", `${path} ${why}`, { exitCode: EXIT.failed });
  };
  const size = await stat(path).then(
    (found) => found.size,
    (error: NodeJS.ErrnoException) =>
      fail(error.code === "ENOENT" ? "does not exist" : `cannot be read: ${error.message}`),
  );
  if (size > LARGEST) fail("is larger than 1 GB; cut it, for example with editcap");
  const bytes = await readFile(path).catch((error: Error) => fail(`cannot be read: ${error.message}`));
  try {
    return readPcapng(bytes);
  } catch {
    return fail("is not a pcapng file; convert it, for example with: tshark -r FILE -w FILE.pcapng");
  }
}

const jsonLine = (number: number, { time, originalLength }: CapturedPacket, fields: Fields): string =>
  `${JSON.stringify({ number, time: time / 1e6, originalLength, ...fields })}\n`;

function textLine(number: number, { time, bytes, linkType }: CapturedPacket, start: number): string {
  const text = linkType === LinkType.rawIp ? describeFrame(withHeader(bytes)) : describeFrame(bytes);
  return `${String(number).padStart(5)} ${((time - start) / 1e6).toFixed(6).padStart(11)}  ${text}\n`;
}

/** An Ethernet header of zeros before a bare IP packet. */
function withHeader(packet: Uint8Array): Uint8Array {
  const frame = new Uint8Array(14 + packet.length);
  frame.set(packet[0]! >> 4 === 4 ? [0x08, 0x00] : [0x86, 0xdd], 12);
  frame.set(packet, 14);
  return frame;
}
