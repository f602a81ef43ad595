import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { type BuiltProgram, buildProgram } from "../../../test/built-program.ts";

let program: BuiltProgram;
beforeAll(async () => {
  program = await buildProgram("src/cli/main.ts");
});
afterAll(() => program?.remove());

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nagare-failed-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test.each([
  ["exports nothing", "", /exports no handler.*a program that starts its own server runs with node/],
  [
    "exports the server",
    "export default server;",
    /this is a server of node:http.*import \{ createServer \} from "nagare/,
  ],
  ["throws", "throw new Error('no database');", /cannot load .*no database/],
])("a module that starts its own server and %s does not keep the failed command alive", async (_name, end, message) => {
  const module = join(folder, "app.mjs");
  writeFileSync(
    module,
    `import { createServer } from "node:http";\nconst server = createServer().listen(0, "127.0.0.1");\n${end}\n`,
  );
  const command = spawn(process.execPath, [program.path, "serve", module, "-p", "0"], {
    env: { ...process.env, XDG_CACHE_HOME: folder },
    stdio: ["ignore", "ignore", "pipe"],
  });
  try {
    const [[code], stderr] = await Promise.all([once(command, "close"), text(command.stderr)]);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  } finally {
    command.kill("SIGKILL");
  }
});
