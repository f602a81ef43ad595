import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { developmentIdentity } from "../../host/certificates/index.ts";
import { openPage } from "./open.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "nagare-open-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const URL_OF_PAGE = new URL("https://localhost:4433/");

/** A program called chromium that records its arguments and exits with `code`. */
function fakeChromium(code = 0): { readonly env: Record<string, string>; args(): Promise<string[]> } {
  const path = join(directory, "chromium");
  const recorded = join(directory, "args");
  writeFileSync(
    path,
    `#!/bin/sh\nprintf '%s\\n' "$@" > "${recorded}.part"\n/bin/mv "${recorded}.part" "${recorded}"\nexit ${code}\n`,
  );
  chmodSync(path, 0o755);
  return {
    env: { PATH: directory },
    args: async () => {
      await vi.waitFor(() => expect(existsSync(recorded)).toBe(true), { timeout: 10_000 });
      return readFileSync(recorded, "utf8").trimEnd().split("\n");
    },
  };
}

test("passes the key of a development certificate, forces QUIC for the origin, and uses a new profile", async () => {
  const identity = await developmentIdentity({ directory });
  const chromium = fakeChromium();
  const lines: string[] = [];
  await openPage(URL_OF_PAGE, identity, chromium, (line) => lines.push(line));
  const args = await chromium.args();
  expect(args).toContain("--origin-to-force-quic-on=localhost:4433");
  expect(args).toContain(`--ignore-certificate-errors-spki-list=${identity.spkiHash}`);
  expect(args.find((arg) => arg.startsWith("--user-data-dir="))).toMatch(/nagare-browser-/);
  expect(args.at(-1)).toBe(URL_OF_PAGE.href);
  expect(lines).toEqual([]);
});

test("leaves any other certificate to the browser", async () => {
  const { spkiHash: _, ...identity } = await developmentIdentity({ directory });
  const chromium = fakeChromium();
  await openPage(URL_OF_PAGE, identity, chromium, () => undefined);
  expect((await chromium.args()).filter((arg) => /ignore-certificate|force-quic/.test(arg))).toEqual([]);
});

test("reports a browser that exits with an error, and deletes its profile", async () => {
  const identity = await developmentIdentity({ directory });
  const chromium = fakeChromium(1);
  const lines: string[] = [];
  await openPage(URL_OF_PAGE, identity, chromium, (line) => lines.push(line));
  await vi.waitFor(() => expect(lines).toHaveLength(1), { timeout: 10_000 });
  expect(lines[0]).toContain("exited with 1");
  const profile = (await chromium.args()).find((arg) => arg.startsWith("--user-data-dir="))!.split("=")[1]!;
  expect(existsSync(profile)).toBe(false);
});

test("without a browser, prints one line that says what to do", async () => {
  const identity = await developmentIdentity({ directory });
  const lines: string[] = [];
  await openPage(URL_OF_PAGE, identity, { env: { PATH: directory } }, (line) => lines.push(line));
  expect(lines).toEqual([expect.stringContaining("apt-get install chromium")]);
});
