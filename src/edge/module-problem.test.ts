import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { moduleProblem } from "./module-problem.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "nagare-module-"));
  writeFileSync(join(folder, "syntax.mjs"), "export const one = 1;\n\nexport default { fetch( { return 1 } };\n");
  writeFileSync(join(folder, "imports.mjs"), "import './syntax.mjs';\nexport default () => new Response();\n");
});
afterAll(() => rmSync(folder, { recursive: true }));

test.each(["syntax.mjs", "imports.mjs"])("a syntax error in %s is reported with its file and line", (name) => {
  const problem = moduleProblem(new SyntaxError("Unexpected number"), pathToFileURL(join(folder, name)).href);
  expect(problem).toBe(`${join(folder, "syntax.mjs")}:3: SyntaxError: Unexpected number`);
});

test("an exception is reported with the first stack frame in the user's code", () => {
  const error = new TypeError("no database\nat all");
  error.stack = [
    "TypeError: no database",
    "    at connect (file:///app/node_modules/db/index.js:9:1)",
    "    at file:///app/server.mjs:12:7",
    "    at file:///app/main.mjs:1:1",
  ].join("\n");
  expect(moduleProblem(error, "file:///app/main.mjs")).toBe("/app/server.mjs:12: TypeError: no database");
});

test("a location in the message is used too", () => {
  const error = new Error("ParseError: Unexpected token  \n /app/server.ts:4:18");
  expect(moduleProblem(error, "file:///app/server.ts")).toBe("/app/server.ts:4: ParseError: Unexpected token");
});
