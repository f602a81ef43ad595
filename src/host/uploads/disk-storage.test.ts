/** What a folder of uploads survives. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type BuiltProgram, buildProgram } from "../../../test/built-program.ts";
import type { UploadRecord } from "../../http/resumable-upload/index.ts";
import { DiskUploadStorage } from "./disk-storage.ts";

const base = mkdtempSync(join(tmpdir(), "nagare-uploads-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));

let directory: string;
let storage: DiskUploadStorage;
beforeEach(({ task }) => {
  directory = join(base, task.id);
  mkdirSync(directory);
  storage = new DiskUploadStorage({ directory });
});

const record = (id: string, more: Partial<UploadRecord> = {}): UploadRecord => ({
  id,
  profile: 9,
  method: "POST",
  state: "open",
  metadata: {},
  createdAt: 0,
  ...more,
});

async function write(id: string, from: number, text: string): Promise<void> {
  const writer = await storage.open(id, from);
  await writer.write([Buffer.from(text)]);
  await writer.close();
}

test("content that was not checked does not count, and is dropped by the next writer", async () => {
  await storage.create(record("a"));
  await write("a", 0, "abcdef");
  await storage.save(record("a", { uncheckedFrom: 2 }));
  expect(await storage.load("a")).toMatchObject({ offset: 2 });
  await write("a", 2, "X");
  await storage.save(record("a"));
  expect(await storage.load("a")).toMatchObject({ offset: 3 });
});

test("a finished upload takes the client's name, but no other file's; again after a crash, it is the same file", async () => {
  writeFileSync(join(directory, "name.txt"), "older");
  const named = record("0123456789", { metadata: { name: "name.txt" } });
  await storage.create(named);
  await write(named.id, 0, "new");
  const finished = await storage.finish(named);
  expect(finished.file).toBe("name-01234567.txt");
  // The crash came before the record said so.
  const saved = (await storage.load(named.id))!.record;
  expect((await storage.finish(saved)).file).toBe("name-01234567.txt");
  expect(readdirSync(directory).sort()).toEqual([".uploads", "name-01234567.txt", "name.txt"]);
  await storage.save({ ...finished, state: "complete", length: 3 });
  await storage.dropContent(named.id);
  expect(await storage.load(named.id)).toMatchObject({ offset: 3, record: { state: "complete" } });
  await storage.remove(named.id);
  expect(readFileSync(join(directory, "name-01234567.txt"), "utf8")).toBe("new");
});

test("leftovers of a crash during creation are removed once they are old", async () => {
  await storage.create(record("a"));
  for (const name of ["orphan.bin", "a.json.1.tmp", "young.bin"]) {
    writeFileSync(join(directory, ".uploads", name), "");
    if (name !== "young.bin") utimesSync(join(directory, ".uploads", name), 0, 0);
  }
  const listed: string[] = [];
  for await (const { id } of storage.list()) listed.push(id);
  expect(listed).toEqual(["a"]);
  expect(readdirSync(join(directory, ".uploads")).sort()).toEqual(["a.bin", "a.json", "young.bin"]);
});

test("a lock passes on when its holder lets go, and at once when its process has ended", async () => {
  await storage.create(record("a"));
  const gone = spawn(process.execPath, ["-e", ""]);
  await once(gone, "exit");
  const path = join(directory, ".uploads", "a.lock");
  const { hostname } = await import("node:os");
  writeFileSync(path, `${hostname()} ${gone.pid} token`);
  const other = new DiskUploadStorage({ directory });
  let wanted: (() => void) | undefined;
  const asked = new Promise<void>((resolve) => {
    wanted = resolve;
  });
  const first = await storage.lock("a", () => wanted!());
  const second = other.lock("a", () => undefined);
  await asked;
  await first!.release();
  await (await second)!.release();
  expect(existsSync(path)).toBe(false);
});

let built: BuiltProgram;
beforeAll(async () => {
  built = await buildProgram("src/host/uploads/disk-storage.ts");
});
afterAll(() => built?.remove());

/** Appends in another process, which tells each durable offset. */
function writerProcess(from: number): ChildProcess {
  const script = `
    import { DiskUploadStorage } from ${JSON.stringify(built.path)};
    const storage = new DiskUploadStorage({ directory: ${JSON.stringify(directory)} });
    const writer = await storage.open("a", ${from});
    for (let at = ${from}; ; ) {
      const chunk = Buffer.alloc(1 + (at % 5000));
      for (let i = 0; i < chunk.length; i += 1) chunk[i] = (at + i) % 251;
      await writer.write([chunk]);
      at += chunk.length;
      process.stdout.write((await writer.flush()) + "\\n");
    }`;
  const file = join(directory, "writer.mjs");
  writeFileSync(file, script);
  return spawn(process.execPath, [file], { stdio: ["ignore", "pipe", "inherit"] });
}

test("kill -9 loses nothing that was acknowledged", async () => {
  await storage.create(record("a"));
  let offset = 0;
  for (let round = 0; round < 3; round += 1) {
    const child = writerProcess(offset);
    let told = offset;
    for await (const line of createInterface({ input: child.stdout! })) {
      told = Number(line);
      if (told > offset + 20_000 * (round + 1)) child.kill("SIGKILL");
    }
    const upload = (await storage.load("a"))!;
    expect(upload.offset).toBeGreaterThanOrEqual(told);
    offset = upload.offset;
  }
  const content = readFileSync(join(directory, ".uploads", "a.bin"));
  expect(content.findIndex((byte, index) => byte !== index % 251)).toBe(-1);
});
