/** docs/interop.md is generated: `npm run interop -- --record` writes it with the results. */

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { CASES } from "./cases/index.ts";
import { page } from "./page.ts";
import { PEERS } from "./peers/index.ts";
import { merged, type Recorded, readRecording } from "./record.ts";

const described = { peers: PEERS, cases: CASES };

const cell = (peer: string, name: string, role: Recorded["role"], more: Partial<Recorded> = {}): Recorded => ({
  peer,
  version: "1",
  case: name,
  role,
  result: "pass",
  detail: "1 file",
  date: "2026-11-26",
  node: "20.0.0",
  ...more,
});

test("the page in docs is that of the recorded results", () => {
  expect(readFileSync("docs/interop.md", "utf8")).toBe(page(readRecording("docs/interop.json"), described));
});

test("a cell shows its mark, and a failure its cause", () => {
  const results = [
    cell("curl", "handshake", "server"),
    cell("curl", "retry", "server", { result: "unsupported", detail: "the peer does not support retry" }),
    cell("chromium", "handshakeloss", "server", { result: "fail", cause: "it gives up\nearly" }),
    cell("nginx", "handshake", "client", { result: "fail", detail: "nothing came" }),
  ];
  const text = page({ results }, described);
  expect(text).toContain(
    "1 of 3 cells pass, 1 fail because of the peer (†), 1 unsupported by the peer (–), 0 skipped.",
  );
  expect(text).toContain("|  | chromium | curl |\n| --- | --- | --- |\n| `handshake` |  | ✓ |\n| `retry` |  | – |");
  expect(text).toContain("| `handshakeloss` | † |  |");
  expect(text).toContain("| chromium | client | `handshakeloss` | it gives up early |");
  expect(text).toContain("| nginx | server | `handshake` | not known: nothing came |");
  expect(text).toContain("| curl | client | `retry` | the peer does not support retry |");
  expect(text).toContain("| curl | 1 | of Debian trixie: OpenSSL, nghttp3 | 1 of 1 | 2026-11-26 |");
});

test("a run replaces its cells, keeps others, and drops those that no longer exist", () => {
  const before = {
    results: [cell("curl", "retry", "server"), cell("curl", "gone", "server"), cell("gone", "retry", "server")],
  };
  const fresh = [cell("curl", "handshake", "server"), cell("chromium", "retry", "server", { version: "2" })];
  expect(merged(before, fresh, described).results.map(({ peer, case: name }) => `${peer} ${name}`)).toEqual([
    "chromium retry",
    "curl handshake",
    "curl retry",
  ]);
  const again = [cell("curl", "retry", "server", { result: "fail" })];
  expect(merged(before, again, described).results.map(({ result }) => result)).toEqual(["fail"]);
});
