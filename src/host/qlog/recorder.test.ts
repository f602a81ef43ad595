import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Instant } from "../../base/time.ts";
import { ConnectionId } from "../../quic/packet/index.ts";
import type { QuicTraceEvent } from "../../quic/trace.ts";
import { fromHex } from "../../wire/hex.ts";
import { type QlogOptions, qlogSettings } from "./options.ts";
import { QlogRecorder } from "./recorder.ts";

let directory: string;
const lines: string[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "nagare-qlog-"));
  lines.length = 0;
});

afterEach(() => {
  vi.restoreAllMocks();
  rmSync(directory, { recursive: true, force: true });
});

const folderWith = (options: Partial<QlogOptions> = {}): QlogRecorder =>
  new QlogRecorder(qlogSettings({ directory, log: (line) => lines.push(line), ...options }));

const id = (number: number): ConnectionId => ConnectionId.from(fromHex(number.toString(16).padStart(16, "0")));
const REMOTE = { family: 4, host: "192.0.2.1", port: 443 } as const;
const STARTED: QuicTraceEvent = {
  type: "quic:connection-started",
  role: "client",
  version: 1,
  local: undefined,
  remote: REMOTE,
  congestionControl: "cubic",
  timerGrain: 1_000 as never,
};
const dropped = (size: number): QuicTraceEvent => ({ type: "quic:packet-dropped", cause: "invalid", size });
/** An event of 100,000 bytes. */
const CLOSED: QuicTraceEvent = {
  type: "quic:connection-closed",
  reason: { type: "peer", layer: "application", code: 0, phrase: "x".repeat(100_000) },
};
const FREED: QuicTraceEvent = { type: "quic:connection-freed" };

/** Records a connection with some events. */
function record(folder: QlogRecorder, number: number, events: readonly QuicTraceEvent[] = []): void {
  const trace = folder.trace(id(number), "client")!;
  for (const [at, event] of [STARTED, ...events, FREED].entries()) trace(event, (at * 1_000) as Instant);
}

interface QlogRecord {
  readonly group_id?: string;
  readonly time: number;
  readonly name: string;
  readonly data: Readonly<Record<string, unknown>>;
}

function eventsIn(name: string): QlogRecord[] {
  const [before, , ...records] = readFileSync(join(directory, name), "utf8").split("\u001e");
  expect(before).toBe("");
  return records.map((text) => {
    expect(text.at(-1)).toBe("\n");
    return JSON.parse(text);
  });
}

/** The sum of what the warnings say. */
function missingIn(events: readonly QlogRecord[]): number {
  return events
    .filter(({ name }) => name === "loglevel:warning")
    .reduce((sum, { data }) => sum + Number(/^(\d+) events are missing here/.exec(data.message as string)?.[1]), 0);
}

/** On a disk that holds so many bytes. */
async function limitDisk(bytes: number): Promise<void> {
  const probe = await open(join(directory, "probe"), "w");
  const { writeFile } = Object.getPrototypeOf(probe) as FileHandle;
  await probe.close();
  rmSync(join(directory, "probe"));
  vi.spyOn(Object.getPrototypeOf(probe) as FileHandle, "writeFile").mockImplementation(async function (
    this: FileHandle,
    data,
    options,
  ) {
    bytes -= (data as string).length;
    if (bytes < 0) throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    await writeFile.call(this, data, options);
  });
}

describe("a recording", () => {
  test("is one file for each connection, named by its first destination id and the role", async () => {
    const folder = folderWith();
    record(folder, 0x83, [dropped(21)]);
    record(folder, 0x84);
    await folder.close();
    expect(readdirSync(directory).sort()).toEqual(["0000000000000083_client.sqlog", "0000000000000084_client.sqlog"]);
    expect(eventsIn("0000000000000083_client.sqlog").filter(({ name }) => name === "quic:packet_dropped")).toEqual([
      { time: 1, name: "quic:packet_dropped", data: { raw: { length: 21 }, trigger: "invalid" } },
    ]);
  });

  test("gets a number if its name is taken", async () => {
    for (let i = 0; i < 3; i += 1) {
      const folder = folderWith();
      record(folder, 1);
      await folder.close();
    }
    expect(readdirSync(directory).sort()).toEqual(
      ["-2", "-3", ""].map((suffix) => `0000000000000001_client${suffix}.sqlog`),
    );
  });

  test("can be read while the connection goes on, and is only readable by its owner", async () => {
    const folder = folderWith();
    const trace = folder.trace(id(1), "server")!;
    trace(STARTED, 0 as Instant);
    const file = join(directory, "0000000000000001_server.sqlog");
    await vi.waitUntil(() => existsSync(file) && readFileSync(file).length > 0, { timeout: 30_000 });
    expect(eventsIn("0000000000000001_server.sqlog")[0]!.name).toBe("quic:connection_started");
    const { mode } = statSync(file);
    if (process.platform !== "win32") expect(mode & 0o777).toBe(0o600);
    trace(FREED, 1 as Instant);
    await folder.close();
    expect(lines).toEqual([]);
  });

  test("has ascending times, even if events come with earlier ones", async () => {
    const folder = folderWith();
    const trace = folder.trace(id(1), "client")!;
    trace(STARTED, 5_000 as Instant);
    trace(dropped(1), 9_000 as Instant);
    trace(dropped(2), 7_000 as Instant);
    trace(FREED, 10_000 as Instant);
    await folder.close();
    const times = eventsIn("0000000000000001_client.sqlog").map(({ time }) => time);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(times.at(-1)).toBe(5);
  });

  test("stops at its size", async () => {
    const folder = folderWith({ maxFileSize: 8_192 });
    record(folder, 1, new Array<QuicTraceEvent>(1_000).fill(dropped(1)));
    await folder.close();
    const file = readFileSync(join(directory, "0000000000000001_client.sqlog"));
    expect(file.length).toBeLessThanOrEqual(8_192);
    expect(file.length).toBeGreaterThan(7_000);
    expect(eventsIn("0000000000000001_client.sqlog").at(-1)).toMatchObject({
      name: "loglevel:warning",
      data: { message: "the recording stops here: it has reached its limit of 8192 bytes" },
    });
  });

  test("lacks events that came faster than the disk took them, and says how many", async () => {
    const folder = folderWith();
    const trace = folder.trace(id(1), "client")!;
    trace(STARTED, 0 as Instant);
    let sent = 0;
    const send = (event: QuicTraceEvent): void => {
      trace(event, 0 as Instant);
      sent += 1;
    };
    for (let i = 0; i < 250; i += 1) send(CLOSED);
    const file = join(directory, "0000000000000001_client.sqlog");
    await vi.waitUntil(
      () => {
        send(CLOSED);
        return existsSync(file) && readFileSync(file, "latin1").includes("events are missing here");
      },
      { timeout: 30_000, interval: 100 },
    );
    trace(FREED, 1_000 as Instant);
    await folder.close();
    const events = eventsIn("0000000000000001_client.sqlog");
    const kept = events.filter(({ name }) => name === "quic:connection_closed").length;
    expect(kept).toBeGreaterThan(150);
    expect(kept + missingIn(events)).toBe(sent);
    expect(events.at(-1)).toMatchObject({ data: { new: "closed" } });
  });

  test("says so at its end too", async () => {
    const folder = folderWith();
    const trace = folder.trace(id(1), "client")!;
    trace(STARTED, 0 as Instant);
    for (let i = 0; i < 250; i += 1) trace(CLOSED, 0 as Instant);
    trace(FREED, 1_000 as Instant);
    await folder.close();
    const events = eventsIn("0000000000000001_client.sqlog");
    expect(events.at(-1)!.name).toBe("loglevel:warning");
    const kept = events.filter(({ name }) => name === "quic:connection_closed").length;
    // With the event of the end itself.
    expect(missingIn(events)).toBe(250 - kept + 1);
  });
});

describe("a folder", () => {
  test("is created", async () => {
    const folder = folderWith({ directory: join(directory, "a", "b") });
    record(folder, 1);
    await folder.close();
    expect(readdirSync(join(directory, "a", "b"))).toHaveLength(1);
  });

  test("stays below its size: the oldest recordings are deleted, and no other file", async () => {
    for (let i = 0; i < 20; i += 1) {
      const name = join(directory, `${i.toString(16).padStart(16, "0")}_client.sqlog`);
      writeFileSync(name, "x".repeat(10_000));
      utimesSync(name, 1_000 + i, 1_000 + i);
    }
    writeFileSync(join(directory, "notes.sqlog"), "x".repeat(10_000));
    const folder = folderWith({ maxFolderSize: 64_000 });
    record(folder, 0xff, [dropped(1)]);
    await folder.close();
    const left = readdirSync(directory).sort();
    expect(left).toEqual([
      ...[15, 16, 17, 18, 19, 255].map((i) => `${i.toString(16).padStart(16, "0")}_client.sqlog`),
      "notes.sqlog",
    ]);
  });

  test("records at most 256 connections at the same time, and says so once", async () => {
    const folder = folderWith();
    const traces = Array.from({ length: 300 }, (_, i) => folder.trace(id(i), "server"));
    expect(traces.filter((trace) => trace !== undefined)).toHaveLength(256);
    expect(lines).toEqual(["nagare: qlog: only 256 connections are recorded at the same time"]);
    for (const trace of traces) trace?.(FREED, 0 as Instant);
    await folder.close();
  });
});

describe("one file", () => {
  const inFile = (options: Partial<QlogOptions> = {}): QlogRecorder =>
    folderWith({ directory: undefined, file: join(directory, "a", "all.sqlog"), ...options });
  const events = () => eventsIn(join("a", "all.sqlog"));

  test("has all connections, whose events name them, with ascending times", async () => {
    const recorder = inFile();
    const traces = [0x83, 0x84].map((number) => recorder.trace(id(number), "client")!);
    for (const [at, event] of [STARTED, dropped(21), FREED].entries()) {
      for (const trace of traces) trace(event, (5_000 + at * 1_000) as Instant);
    }
    record(recorder, 0x85);
    await recorder.close();
    const groups = ["83", "84", "85"].map((number) => `00000000000000${number}`);
    const received = events();
    expect([...new Set(received.map(({ group_id }) => group_id))]).toEqual(groups);
    const drops = received.filter(({ name }) => name === "quic:packet_dropped");
    expect(drops.map(({ time, group_id }) => [time, group_id])).toEqual([
      [1, groups[0]],
      [1, groups[1]],
    ]);
    const times = received.map(({ time }) => time);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    for (const group of groups) {
      const last = received.filter(({ group_id }) => group_id === group).at(-1);
      expect(last).toMatchObject({ data: { new: "closed" } });
    }
    expect(readdirSync(join(directory, "a"))).toEqual(["all.sqlog"]);
    expect(lines).toEqual([]);
  });

  test("does not name a connection in its header", async () => {
    const recorder = inFile();
    record(recorder, 1);
    await recorder.close();
    const header = readFileSync(join(directory, "a", "all.sqlog"), "utf8").split("\u001e")[1]!;
    expect(JSON.parse(header).trace.vantage_point).toEqual({ type: "client" });
    expect(header).not.toContain("group_id");
  });

  test("replaces an existing file", async () => {
    for (const number of [1, 2]) {
      const recorder = inFile();
      record(recorder, number);
      await recorder.close();
    }
    expect(new Set(events().map(({ group_id }) => group_id))).toEqual(new Set(["0000000000000002"]));
  });

  test("stops at its size, for all connections", async () => {
    const recorder = inFile({ maxFileSize: 8_192 });
    record(recorder, 1, new Array<QuicTraceEvent>(1_000).fill(dropped(1)));
    record(recorder, 2);
    await recorder.close();
    expect(statSync(join(directory, "a", "all.sqlog")).size).toBeLessThanOrEqual(8_192);
    expect(events().at(-1)).toMatchObject({ name: "loglevel:warning" });
  });

  test.skipIf(process.platform === "win32")("is not written through a symbolic link", async () => {
    const other = join(directory, "other");
    writeFileSync(other, "kept");
    mkdirSync(join(directory, "a"));
    symlinkSync(other, join(directory, "a", "all.sqlog"));
    const recorder = inFile();
    record(recorder, 1);
    await recorder.close();
    expect(readFileSync(other, "utf8")).toBe("kept");
    expect(lines).toHaveLength(1);
  });
});

describe("a failure is reported once, and ends recording", () => {
  test("a full disk", async () => {
    await limitDisk(3_000);
    const folder = folderWith();
    for (let i = 0; i < 10; i += 1) record(folder, i);
    await folder.close();
    expect(lines).toEqual([`nagare: qlog recording has ended: cannot write to ${directory}: the disk is full`]);
    expect(folder.trace(id(99), "client")).toBeUndefined();
  });

  test("a folder that is a file", async () => {
    const file = join(directory, "file");
    writeFileSync(file, "");
    const folder = folderWith({ directory: file });
    record(folder, 1);
    record(folder, 2);
    await folder.close();
    expect(lines).toEqual([`nagare: qlog recording has ended: cannot write to ${file}: it is not a folder`]);
  });

  test.skipIf(process.getuid?.() === 0 || process.platform === "win32")("a folder without permission", async () => {
    const locked = join(directory, "locked");
    mkdirSync(locked);
    chmodSync(locked, 0o500);
    const folder = folderWith({ directory: locked });
    record(folder, 1);
    await folder.close();
    expect(lines).toEqual([`nagare: qlog recording has ended: cannot write to ${locked}: no permission`]);
  });

  test("an event that cannot be described", async () => {
    const folder = folderWith();
    const trace = folder.trace(id(1), "client")!;
    trace(STARTED, 0 as Instant);
    trace({ type: "quic:connection-closed", reason: undefined as never }, 1 as Instant);
    trace(dropped(1), 2 as Instant);
    await folder.close();
    expect(lines[0]).toMatch(/^nagare: internal fault \(qlog event\): TypeError/);
    expect(lines.slice(1)).toEqual(["nagare: qlog recording has ended: an internal fault"]);
  });
});

test.each([
  ["", "qlog takes a folder"],
  [{}, "qlog takes a folder"],
  [null, "qlog takes a folder"],
  [{ file: "" }, "qlog takes a folder"],
  [{ directory: "x", file: "y" }, "a directory or a file, not both"],
  [{ file: "x", maxFolderSize: 1e6 }, "qlog.maxFolderSize is for a directory"],
  [{ directory: "x", dialect: "old" }, 'unknown dialect of qlog "old"'],
  [{ directory: "x", maxFileSize: 1 }, "qlog.maxFileSize takes a number of bytes"],
  [{ directory: "x", maxFolderSize: "1G" }, "qlog.maxFolderSize takes a number of bytes"],
])("the options %j are refused", (options, message) => {
  expect(() => qlogSettings(options as never)).toThrow(message);
});
