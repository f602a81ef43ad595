/** Validates a recording: its records (RFC 7464), its header, each event, and what connects the events. */

import { type Check, isObject } from "./checks.ts";
import * as qvis from "./qvis-schema.ts";
import * as rfc from "./schema.ts";

export type Dialect = "rfc" | "qvis";

const SCHEMAS: Readonly<Record<Dialect, { readonly fileHeader: Check; readonly event: Check }>> = { rfc, qvis };

/** A reader recognizes a file by these members, which must be among its first bytes. */
const FIRST: Readonly<Record<Dialect, { readonly bytes: number; readonly members: readonly string[] }>> = {
  rfc: { bytes: 256, members: ['"file_schema"', '"serialization_format"'] },
  qvis: { bytes: 1024, members: ['"qlog_version"', '"qlog_format":"JSON-SEQ"'] },
};

export interface QlogRecord {
  readonly time: number;
  readonly name: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly tuple?: string;
  readonly group_id?: string;
}

/** The records of a file, which must be complete. */
export function recordsOf(file: string): readonly unknown[] {
  const [before, ...records] = file.split("\u001e");
  if (before !== "") throw new Error("the file does not begin with a record separator");
  return records.map((text) => {
    if (!text.endsWith("\n")) throw new Error(`a record does not end with a line feed: ${text}`);
    return JSON.parse(text);
  });
}

export const eventsOf = (file: string): readonly QlogRecord[] => recordsOf(file).slice(1) as QlogRecord[];

/** What is wrong with it. */
export function problemsOf(file: string, dialect: Dialect): readonly string[] {
  const { bytes, members } = FIRST[dialect];
  const start = file.slice(0, bytes);
  const [header, ...events] = recordsOf(file);
  return [
    ...members
      .filter((member) => !start.includes(member))
      .map((member) => `${member} is not in the first ${bytes} bytes`),
    ...SCHEMAS[dialect].fileHeader(header, "header"),
    ...events.flatMap((event, i) => SCHEMAS[dialect].event(event, nameOf(event, i))),
    ...timeProblems(events as QlogRecord[]),
    ...groupProblems(header, events as QlogRecord[]),
    ...tupleProblems(events as QlogRecord[]),
    ...movedProblems(events as QlogRecord[]),
    ...timerProblems(events as QlogRecord[]),
    ...blockedProblems(events as QlogRecord[]),
  ];
}

/** The header names the connection, or each event does. */
function groupProblems(header: unknown, events: readonly QlogRecord[]): string[] {
  const isShared = !JSON.stringify(header).includes('"group_id"');
  return events.flatMap(({ name, group_id }, i) =>
    (group_id !== undefined) === isShared ? [] : [`${name} #${i} ${isShared ? "has no" : "repeats the"} group_id`],
  );
}

const nameOf = (event: unknown, index: number): string =>
  `${isObject(event) && typeof event.name === "string" ? event.name : "event"} #${index}`;

function timeProblems(events: readonly QlogRecord[]): string[] {
  return events.flatMap(({ time, name }, i) =>
    i > 0 && time < events[i - 1]!.time ? [`${name} #${i} is earlier than the event before it`] : [],
  );
}

/** Addresses are known before an event names them. */
function tupleProblems(events: readonly QlogRecord[]): string[] {
  const known = new Set<string>();
  return events.flatMap(({ name, data, tuple, group_id }, i) => {
    if (name === "quic:tuple_assigned") known.add(`${group_id} ${data.tuple_id}`);
    return tuple === undefined || known.has(`${group_id} ${tuple}`)
      ? []
      : [`${name} #${i} names the unknown tuple ${tuple}`];
  });
}

/** The application writes and reads each stream without gaps. */
function movedProblems(events: readonly QlogRecord[]): string[] {
  const moved = new Map<string, number>();
  return events.flatMap(({ name, data, group_id }, i) => {
    if (name !== "quic:stream_data_moved") return [];
    const key = `${group_id} ${data.stream_id} to ${data.to}`;
    const before = moved.get(key) ?? 0;
    moved.set(key, before + Number((data.raw as { payload_length: number }).payload_length));
    return data.offset === before ? [] : [`${name} #${i} is at ${data.offset} instead of ${before}`];
  });
}

/** There is one timer, which must be set before it expires or is cancelled. */
function timerProblems(events: readonly QlogRecord[]): string[] {
  const running = new Map<string | undefined, string>();
  return events.flatMap(({ name, data, group_id }, i) => {
    if (name !== "quic:timer_updated") return [];
    const timer = `${data.timer_type} of ${data.packet_number_space}`;
    const before = running.get(group_id);
    if (data.event_type === "set") {
      running.set(group_id, timer);
      return before === undefined || before === timer ? [] : [`${name} #${i} sets ${timer} while ${before} runs`];
    }
    running.delete(group_id);
    return before === timer ? [] : [`${name} #${i}: ${timer} is ${data.event_type}, but not set`];
  });
}

/** What is blocked or not was the opposite before, or was blocked for another reason. */
function blockedProblems(events: readonly QlogRecord[]): string[] {
  const states = new Map<string, string>();
  return events.flatMap(({ name, data, group_id }, i) => {
    if (!/^quic:\w+_data_blocked_updated$/.test(name)) return [];
    const key = `${group_id} ${name} ${data.stream_id}`;
    const before = states.get(key);
    const state = data.reason === undefined ? `${data.new}` : `${data.new} by ${data.reason}`;
    states.set(key, state);
    return before === state || (before === undefined && data.new === "unblocked")
      ? [`${name} #${i} is ${state} as before`]
      : [];
  });
}
