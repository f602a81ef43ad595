import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { run } from "../../../test/cli/run.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nagare-acme-flags-"));
  writeFileSync(join(folder, "index.html"), "");
  vi.stubEnv("XDG_DATA_HOME", folder);
  vi.stubEnv("XDG_CACHE_HOME", folder);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

const AGREED = ["--acme", "www.example.com", "--acme-agree"];

test.each<[args: readonly string[], line: RegExp]>([
  [["--acme", "www.example.com"], /--acme without --acme-agree; read the authority's terms of service/],
  [["--acme-email", "a@example.com"], /--acme-email without --acme; name the domains with --acme/],
  [["--acme-dns-hook", "x"], /--acme-dns-hook without --acme/],
  [[...AGREED, "--cert", "a.pem", "--key", "a.key"], /--acme with --cert; give one or the other/],
  [[...AGREED, "--name", "a.test"], /--acme with --name; give one or the other/],
  [[...AGREED, "--acme-challenge", "http-02"], /http-02.*tls-alpn-01/],
  [[...AGREED, "--acme-challenge", "http-01"], /http-01 needs a port for plain HTTP/],
  [[...AGREED, "--acme-ca", "nowhere.pem"], /cannot read --acme-ca nowhere\.pem/],
  [[...AGREED, "--acme-eab", "key"], /--acme-eab is not an id and a key with a colon/],
  [[...AGREED, "--acme-directory", "http://example.com"], /directory http:\/\/example\.com is not an https URL/],
  [
    [...AGREED, "--acme-on-demand", "https://a.example", "--acme-on-demand", "*.b.example"],
    /takes one URL, or patterns/,
  ],
  [["--acme", "*.example.com", "--acme-agree"], /\*\.example\.com needs dns-01/],
])("%s", async (args, line) => {
  const { exitCode, stderr, stdout } = await run(["serve", "-p", "0", "-H", "127.0.0.1", ...args, folder]);
  expect([exitCode, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(line);
  expect(stderr.trimEnd().split("\n")).toHaveLength(1);
});
