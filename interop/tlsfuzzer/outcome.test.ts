/** What the command makes of a script's output. */

import { describe, expect, it } from "vitest";
import { differentOf, readOutcome } from "./outcome.ts";
import { renderPage } from "./page.ts";
import { LEFT_OUT, SCRIPTS, type Script } from "./scripts.ts";

const SCRIPT: Script = { name: "curves", differences: [{ probes: /x448/, reason: "other groups" }] };

const OUTPUT = `sanity ...
OK

Test end
====================
version: 10
====================
TOTAL: 5
SKIP: 0
PASS: 2
XFAIL: 0
FAIL: 3
XPASS: 0
====================
FAILED:
	'sanity x448'
	'empty x448 share'
	'empty x25519 share'
`;

describe("a script's outcome", () => {
  it("is what it prints; known differences do not count as failures", () => {
    const outcome = readOutcome(SCRIPT, OUTPUT);
    expect(outcome).toMatchObject({ name: "curves", passed: 2, failed: ["empty x25519 share"], problem: undefined });
    expect([...outcome.different]).toEqual([["other groups", 2]]);
    expect(differentOf(outcome)).toBe(2);
  });

  it("has a problem without a summary, such as after an exception", () => {
    expect(readOutcome(SCRIPT, "ImportError: tlslite\n")).toMatchObject({
      passed: 0,
      problem: "ImportError: tlslite\n",
    });
  });

  it("is a row of the page", () => {
    const page = renderPage([readOutcome(SCRIPT, OUTPUT)], "0123abcd", "2026-01-09");
    expect(page).toContain("| curves | 2 | 1 | 2 | other groups (2) |");
    expect(page).toContain("tlsfuzzer `0123abcd` of 2026-01-09. 2 probes passed, 1 failed, and in 2");
  });
});

describe("the list of scripts", () => {
  it("names each once", () => {
    const names = [...SCRIPTS.map(({ name }) => name), ...Object.values(LEFT_OUT).flat()];
    expect(new Set(names).size).toBe(names.length);
  });
});
