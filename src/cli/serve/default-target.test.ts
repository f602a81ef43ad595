import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { run } from "../../../test/cli/run.ts";
import { defaultTarget } from "./default-target.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nagare-target-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("is the current folder if it has an index.html", () => {
  writeFileSync(join(folder, "index.html"), "");
  expect(defaultTarget(folder)).toBe(folder);
});

test("is not a folder without index.html", () => {
  expect(() => defaultTarget(folder)).toThrow("the current folder has no index.html");
});

test("is not the folder of a project", () => {
  writeFileSync(join(folder, "index.html"), "");
  mkdirSync(join(folder, "node_modules"));
  expect(() => defaultTarget(folder)).toThrow("the current folder has a node_modules");
  writeFileSync(join(folder, "package.json"), "{}");
  expect(() => defaultTarget(folder)).toThrow("the current folder has a package.json");
});

test("without one, the command fails and says how to serve the folder", async () => {
  const { exitCode, stderr } = await run(["serve", "-p", "0"]); // here, in the folder of this project
  expect(exitCode).toBe(2);
  expect(stderr).toBe(
    "nagare: the current folder has no index.html; name a folder or a module, or . to serve this folder\n",
  );
});
