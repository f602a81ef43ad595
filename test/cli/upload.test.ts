// `nagare upload`, against our own service.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createUploads, type Server, serve, type UploadService } from "../../src/edge/index.ts";
import { localhostIdentity } from "../../src/host/http/testing/identities.ts";
import { run } from "./run.ts";

const folder = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "nagare-cli-upload-"));
const [a, b] = [join(folder, "a.txt"), join(folder, "b.txt")];
let uploads: UploadService;
let server: Server;
let url: string;
const env = { XDG_DATA_HOME: join(folder, "data") };

beforeAll(async () => {
  writeFileSync(a, "hello ".repeat(10_000));
  writeFileSync(b, "b");
  uploads = createUploads({
    directory: join(folder, "received"),
    authorize: ({ headers }) => headers.get("x-token") === "t",
  });
  server = await serve({ port: 0, host: "127.0.0.1", tls: localhostIdentity }, (request, context) =>
    uploads.fetch(request, context),
  );
  url = `https://127.0.0.1:${server.port}/files/`;
});

afterAll(async () => {
  await server.close({ timeout: 0 });
  await uploads.close();
  rmSync(folder, { recursive: true, force: true });
});

const TOKEN = ["-k", "-H", "x-token: t"];

describe("nagare upload", () => {
  test("uploads several files, and prints their URLs", async () => {
    const { exitCode, stdout, stderr } = await run(["upload", a, b, url, ...TOKEN, "--http2"], { env });
    expect([exitCode, stdout.trim().split("\n").length]).toEqual([0, 2]);
    expect(stdout).toMatch(new RegExp(`^${url}[0-9a-f]{32}\n`));
    expect(stderr).toContain("60.0 kB by version 9 of the draft");
    expect(readFileSync(join(folder, "received", "a.txt"), "utf8")).toBe("hello ".repeat(10_000));
    expect(readdirSync(join(folder, "data", "nagare", "uploads"))).toEqual([]);
  });

  test("--parallel, --json", async () => {
    const args = ["upload", a, url, ...TOKEN, "--http3-only", "--parallel", "3", "--name", "p.txt", "--json"];
    const { exitCode, stdout } = await run(args, { env });
    expect(exitCode).toBe(0);
    const events = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events.at(-1)).toMatchObject({ event: "uploaded", protocol: "tus", length: 60_000, status: 201 });
    expect(readFileSync(join(folder, "received", "p.txt"), "utf8")).toBe("hello ".repeat(10_000));
  });

  test.each([
    [["upload", a], 2, "there is no URL"],
    [["upload", a, "ftp://x/"], 2, "is not a URL"],
    [["upload", a, "https://x/", "--protocol", "draft-2"], 2, "draft-3 to draft-9"],
    [["upload", a, "https://x/", "--chunk-size", "many"], 2, "is not a size"],
  ])("%j is a usage error", async (args, exitCode, words) => {
    const result = await run(args, { env });
    expect([result.exitCode, result.stderr]).toEqual([exitCode, expect.stringContaining(words)]);
  });

  test("a refusal, and a file that is missing", async () => {
    const refused = await run(["upload", a, url, "-k", "--http1.1"], { env });
    expect([refused.exitCode, refused.stderr]).toEqual([1, expect.stringContaining("refused the upload with 403")]);
    const missing = await run(["upload", join(folder, "none"), url, ...TOKEN], { env });
    expect([missing.exitCode, missing.stderr]).toEqual([1, expect.stringContaining("no such file")]);
  });
});
