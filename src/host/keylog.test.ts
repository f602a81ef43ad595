import { execFileSync } from "node:child_process";
import {
  chmodSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { KeyLogFile } from "./keylog.ts";

let folder: string;
const path = (name: string): string => join(folder, name);
const open = (name: string): KeyLogFile => new KeyLogFile(path(name), () => undefined);
const makePipe = (name: string) => execFileSync("sh", ["-c", 'mkfifo -m 600 "$0"', path(name)]);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "nagare-keylog-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const LINE = `CLIENT_RANDOM ${"0".repeat(64)} ${"a".repeat(96)}\n`;

test("appends complete lines to a file that only its owner can read", () => {
  writeFileSync(path("there"), "# before\n");
  for (const name of ["new", "there"]) {
    const first = open(name);
    const second = open(name);
    first.write(LINE);
    second.write(LINE);
    first.write(LINE);
    first.close();
    second.close();
    first.write(LINE);
  }
  expect(readFileSync(path("new"), "utf8")).toBe(LINE.repeat(3));
  expect(readFileSync(path("there"), "utf8")).toBe(`# before\n${LINE.repeat(3)}`);
  expect(statSync(path("new")).mode & 0o777).toBe(0o600);
});

test("refuses files that another user could have placed there", () => {
  symlinkSync(path("target"), path("link"));
  expect(() => open("link")).toThrow("is a symbolic link");
  expect(statSync(path("target"), { throwIfNoEntry: false })).toBeUndefined();
  writeFileSync(path("open"), "");
  chmodSync(path("open"), 0o622);
  expect(() => open("open")).toThrow("writable by all users");
  expect(() => open(".")).toThrow("neither a file nor a named pipe");
  expect(() => open("none/keys")).toThrow("its folder does not exist");
});

test("writes to a named pipe without waiting for a reader", () => {
  makePipe("pipe");
  expect(() => open("pipe")).toThrow("the pipe has no reader");
  const reader = openSync(path("pipe"), constants.O_RDONLY | constants.O_NONBLOCK);
  const log = open("pipe");
  log.write(LINE);
  const buffer = Buffer.alloc(1024);
  expect(buffer.toString("latin1", 0, readSync(reader, buffer))).toBe(LINE);
  log.close();
});

test("reports once that it is incomplete", () => {
  makePipe("left");
  const reader = openSync(path("left"), constants.O_RDONLY | constants.O_NONBLOCK);
  const failures: unknown[] = [];
  const log = new KeyLogFile(path("left"), (error) => failures.push((error as NodeJS.ErrnoException).code));
  // Nobody reads, so the pipe eventually fills up.
  for (let i = 0; i < 2000; i++) log.write(LINE);
  expect(failures).toEqual(["EAGAIN"]);
  expect(reader).toBeGreaterThan(0);
});
