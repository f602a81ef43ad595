/**
 * Messages in wire format (RFC 1035 §4) with EDNS (RFC 6891). Any bytes either parse or throw a `ProtocolError`; a record
 * whose data is malformed is kept as such, and its reader decides.
 */

import { type ProtocolError, WireError } from "../base/errors.ts";
import { Reader } from "../wire/reader.ts";
import { Writer } from "../wire/writer.ts";
import { formatError } from "./errors.ts";
import { type NamePositions, ROOT, readName, writeName } from "./name.ts";
import { readData, writeData } from "./record-data.ts";
import { type AnyData, QUERY_TYPES, RECORD_CLASSES } from "./record-types.ts";

/** RFC 1035 §4.1.1, RFC 6891 §9, by number. */
export const RCODES = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  /** RFC 6672 §2.2. */
  YXDOMAIN: 6,
  BADVERS: 16,
} as const;

export const rcodeName = (rcode: number): string =>
  Object.entries(RCODES).find(([, each]) => each === rcode)?.[0] ?? `RCODE${rcode}`;

export interface Question {
  readonly name: string;
  readonly type: number;
  readonly class: number;
}

/** A record (RFC 1035 §3.2.1). */
export interface ResourceRecord {
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** Seconds. */
  readonly ttl: number;
  readonly data: AnyData;
}

export interface Edns {
  /** The largest datagram that the sender can receive. */
  readonly udpSize: number;
  readonly version: number;
  readonly dnssecOk: boolean;
  readonly options: readonly { readonly code: number; readonly data: Uint8Array }[];
}

export interface Message {
  readonly id: number;
  readonly isResponse: boolean;
  readonly opcode: number;
  readonly isAuthoritative: boolean;
  readonly isTruncated: boolean;
  readonly recursionDesired: boolean;
  readonly recursionAvailable: boolean;
  readonly authenticData: boolean;
  readonly checkingDisabled: boolean;
  /** With the upper bits of EDNS. */
  readonly rcode: number;
  readonly questions: readonly Question[];
  readonly answers: readonly ResourceRecord[];
  readonly authorities: readonly ResourceRecord[];
  /** Without the OPT record, which is `edns`. */
  readonly additionals: readonly ResourceRecord[];
  readonly edns: Edns | undefined;
}

/** Bytes before the first question. */
export const HEADER = 12;
const MAX_MESSAGE = 65_535;
/** The smallest question: the root and two numbers. */
const MIN_QUESTION = 5;
/** The smallest record: the root and ten bytes. */
const MIN_RECORD = 11;
/** RFC 1035 §4.2.1: the largest datagram without EDNS. */
export const PLAIN_UDP_SIZE = 512;

const QR = 0x8000;
const AA = 0x0400;
const TC = 0x0200;
const RD = 0x0100;
const RA = 0x0080;
const AD = 0x0020;
const CD = 0x0010;
const DNSSEC_OK = 0x8000;

export function parseMessage(bytes: Uint8Array): Message {
  const reader = new Reader(bytes);
  try {
    return readMessage(reader);
  } catch (error) {
    if (error instanceof WireError) throw malformed("DNS message", error);
    throw error;
  }
}

const malformed = (where: string, cause: WireError): ProtocolError => formatError(where, cause.message, { cause });

function readMessage(reader: Reader): Message {
  const id = reader.uint16();
  const flags = reader.uint16();
  const [questionCount, answerCount, authorityCount, additionalCount] = [
    reader.uint16(),
    reader.uint16(),
    reader.uint16(),
    reader.uint16(),
  ];
  // Counts that cannot be true are found before any work is done for them.
  const least = questionCount * MIN_QUESTION + (answerCount + authorityCount + additionalCount) * MIN_RECORD;
  if (least > reader.remaining) throw new WireError("the counts exceed the message", 4);
  const questions = repeat(questionCount, () => readQuestion(reader));
  const answers = repeat(answerCount, () => readRecord(reader));
  const authorities = repeat(authorityCount, () => readRecord(reader));
  const all = repeat(additionalCount, () => readRecord(reader));
  if (!reader.isAtEnd) throw new WireError("bytes follow the last record", reader.position);
  const options = all.filter(({ type }) => type === QUERY_TYPES.OPT);
  // RFC 6891 §6.1.1: one, with the root as its name.
  if (options.length > 1) throw new WireError("more than one OPT record", HEADER);
  const [opt] = options;
  const edns = opt === undefined ? undefined : readEdns(opt);
  return {
    id,
    isResponse: (flags & QR) !== 0,
    opcode: (flags >> 11) & 0xf,
    isAuthoritative: (flags & AA) !== 0,
    isTruncated: (flags & TC) !== 0,
    recursionDesired: (flags & RD) !== 0,
    recursionAvailable: (flags & RA) !== 0,
    authenticData: (flags & AD) !== 0,
    checkingDisabled: (flags & CD) !== 0,
    rcode: (flags & 0xf) | ((opt === undefined ? 0 : opt.ttl >>> 24) << 4),
    questions,
    answers,
    authorities,
    additionals: opt === undefined ? all : all.filter((record) => record !== opt),
    edns,
  };
}

function repeat<T>(count: number, read: () => T): T[] {
  const list: T[] = [];
  for (let i = 0; i < count; i += 1) list.push(read());
  return list;
}

const readQuestion = (reader: Reader): Question => ({
  name: readName(reader),
  type: reader.uint16(),
  class: reader.uint16(),
});

function readRecord(reader: Reader): ResourceRecord {
  const name = readName(reader);
  const type = reader.uint16();
  const recordClass = reader.uint16();
  const ttl = reader.uint32();
  const length = reader.uint16();
  // RFC 2181 §8: a time to live with the highest bit set counts as 0. The field of OPT holds something else.
  const seconds = type === QUERY_TYPES.OPT || ttl < 2 ** 31 ? ttl : 0;
  return { name, type, class: recordClass, ttl: seconds, data: readData(type, reader.sub(length)) };
}

function readEdns(opt: ResourceRecord): Edns {
  if (opt.name !== ROOT || opt.data.type !== "opaque") throw new WireError("a malformed OPT record", HEADER);
  const reader = new Reader(opt.data.bytes);
  const options: { code: number; data: Uint8Array }[] = [];
  while (!reader.isAtEnd) options.push({ code: reader.uint16(), data: reader.copy(reader.uint16()) });
  return {
    // RFC 6891 §6.2.3: values below 512 mean 512.
    udpSize: Math.max(opt.class, PLAIN_UDP_SIZE),
    version: (opt.ttl >>> 16) & 0xff,
    dnssecOk: (opt.ttl & DNSSEC_OK) !== 0,
    options,
  };
}

/**
 * A message with compressed names, of at most `maxSize` bytes: records that do not fit are left out, and the message is
 * marked as truncated (RFC 2181 §9).
 */
export function emitMessage(message: Message, maxSize = MAX_MESSAGE): Uint8Array {
  const writer = new Writer(new Uint8Array(MAX_MESSAGE));
  const positions: NamePositions = new Map();
  const { edns } = message;
  const optSize =
    edns === undefined ? 0 : MIN_RECORD + edns.options.reduce((sum, { data }) => sum + 4 + data.length, 0);
  writer.position = HEADER;
  writer.end = Math.min(maxSize, MAX_MESSAGE) - optSize;
  for (const question of message.questions) writeQuestion(writer, question, positions);
  let isTruncated = message.isTruncated;
  const writeAll = (records: readonly ResourceRecord[]): number => {
    let count = 0;
    while (count < records.length && tryRecord(writer, records[count]!, positions)) count += 1;
    return count;
  };
  const answers = writeAll(message.answers);
  const authorities = answers < message.answers.length ? 0 : writeAll(message.authorities);
  if (answers < message.answers.length || authorities < message.authorities.length) isTruncated = true;
  // RFC 2181 §9: a message whose additional section is incomplete is not truncated.
  const additionals = isTruncated ? 0 : writeAll(message.additionals);
  writer.end = MAX_MESSAGE;
  if (edns !== undefined) writeEdns(writer, edns, message.rcode);
  const length = writer.position;
  writer.position = 0;
  writer.uint16(message.id);
  writer.uint16(flagsOf(message, isTruncated));
  for (const count of [message.questions.length, answers, authorities, additionals + (edns === undefined ? 0 : 1)]) {
    writer.uint16(count);
  }
  return writer.bytes.slice(0, length);
}

function flagsOf(message: Message, isTruncated: boolean): number {
  return (
    (message.isResponse ? QR : 0) |
    ((message.opcode & 0xf) << 11) |
    (message.isAuthoritative ? AA : 0) |
    (isTruncated ? TC : 0) |
    (message.recursionDesired ? RD : 0) |
    (message.recursionAvailable ? RA : 0) |
    (message.authenticData ? AD : 0) |
    (message.checkingDisabled ? CD : 0) |
    (message.rcode & 0xf)
  );
}

function writeQuestion(writer: Writer, { name, type, class: questionClass }: Question, positions: NamePositions): void {
  writeName(writer, name, positions);
  writer.uint16(type);
  writer.uint16(questionClass);
}

/** Writes a record, or nothing if there is no room for it. */
function tryRecord(writer: Writer, record: ResourceRecord, positions: NamePositions): boolean {
  const start = writer.position;
  try {
    writeName(writer, record.name, positions);
    writer.uint16(record.type);
    writer.uint16(record.class);
    writer.uint32(record.ttl);
    const lengthAt = writer.position;
    writer.uint16(0);
    writeData(writer, record.data, positions);
    const end = writer.position;
    writer.position = lengthAt;
    writer.uint16(end - lengthAt - 2);
    writer.position = end;
    return true;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    writer.position = start;
    for (const [name, position] of positions) if (position >= start) positions.delete(name);
    return false;
  }
}

function writeEdns(writer: Writer, { udpSize, version, dnssecOk, options }: Edns, rcode: number): void {
  writer.uint8(0);
  writer.uint16(QUERY_TYPES.OPT);
  writer.uint16(udpSize);
  writer.uint32((((rcode >> 4) << 24) | (version << 16) | (dnssecOk ? DNSSEC_OK : 0)) >>> 0);
  writer.uint16(options.reduce((sum, { data }) => sum + 4 + data.length, 0));
  for (const { code, data } of options) {
    writer.uint16(code);
    writer.uint16(data.length);
    writer.write(data);
  }
}

/** RFC 6891 §6.2.5, and the DNS Flag Day 2020: large enough for most answers, and never fragmented. */
const OUR_UDP_SIZE = 1_232;

/** A query for recursive resolvers. */
export function queryMessage(id: number, { name, type }: Pick<Question, "name" | "type">): Message {
  return {
    id,
    isResponse: false,
    opcode: 0,
    isAuthoritative: false,
    isTruncated: false,
    recursionDesired: true,
    recursionAvailable: false,
    authenticData: false,
    checkingDisabled: false,
    rcode: RCODES.NOERROR,
    questions: [{ name, type, class: RECORD_CLASSES.IN }],
    answers: [],
    authorities: [],
    additionals: [],
    edns: { udpSize: OUR_UDP_SIZE, version: 0, dnssecOk: false, options: [] },
  };
}
