import { expect, test } from "vitest";
import { matrix } from "./matrix.ts";
import { type Result, summary } from "./result.ts";

const cell = (peer: string, role: Result["role"], name: string, result: Result["result"]): Result => ({
  peer,
  version: "1",
  case: name,
  role,
  result,
  detail: "",
});

const results = [
  cell("curl", "server", "handshake", "pass"),
  cell("caddy", "client", "handshake", "fail"),
  cell("curl", "server", "retry", "skipped"),
  cell("ngtcp2", "server", "retry", "pass"),
  cell("ngtcp2", "client", "retry", "unsupported"),
];

test("the matrix has a row per case and a column per peer and role", () => {
  expect(matrix(results).split("\n")).toEqual([
    "           curl → us  us → caddy  ngtcp2 → us  us → ngtcp2",
    "handshake  ✓          ✗",
    "retry      skip                   ✓            –",
    "",
    "2 of 3 cells pass, 1 unsupported by the peer (–), 1 skipped",
  ]);
});

test("skipped and unsupported cells do not count as tried", () => {
  expect(
    summary([cell("nginx", "client", "h2", "skipped"), cell("nginx", "client", "key-update", "unsupported")]),
  ).toBe("0 of 0 cells pass, 1 unsupported by the peer (–), 1 skipped");
});
