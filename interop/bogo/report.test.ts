/** What the command makes of the runner's output. */

import { describe, expect, it } from "vitest";
import { DISABLED } from "./disabled.ts";
import { renderPage } from "./page.ts";
import { readOutcomes, summarize } from "./report.ts";

const OUTPUT = `PASSED (Basic-QUIC)
FAILED (Bad-OverQUIC)
unexpected success
want:
	local: "remote error: illegal parameter"

UNIMPLEMENTED (ECH-QUIC)
PASSED (Alert-OverQUIC)
UNIMPLEMENTED (Unexplained)
`;
const LOG = [
  ...["Basic-QUIC", "Bad-OverQUIC", "ECH-QUIC", "Alert-OverQUIC", "Unexplained"].map((name) => `selected\t${name}\t`),
  "unimplemented\tECH-QUIC\tEncrypted Client Hello",
  "disabled\tDTLS-1\tDTLS",
  "disabled\tDTLS-2\tDTLS",
  "disabled\tOld\tTLS 1.2 and older",
  "",
].join("\n");

describe("a run", () => {
  it("has the runner's outcomes, with the reasons of the log", () => {
    const outcomes = readOutcomes(OUTPUT, LOG);
    expect(outcomes.passed).toEqual(["Basic-QUIC", "Alert-OverQUIC"]);
    expect(outcomes.failed).toHaveLength(1);
    expect(outcomes.failed[0]!.name).toBe("Bad-OverQUIC");
    expect(outcomes.failed[0]!.detail).toContain("illegal parameter");
    expect(outcomes.failed[0]!.detail).not.toContain("ECH");
    expect(outcomes.unimplemented).toEqual([
      { name: "ECH-QUIC", reason: "Encrypted Client Hello" },
      { name: "Unexplained", reason: "no reason" },
    ]);
    expect(outcomes.missing).toEqual([]);
  });

  it("that ends early lacks the outcomes of selected tests", () => {
    const outcomes = readOutcomes(OUTPUT.slice(0, OUTPUT.indexOf("UNIMPLEMENTED")), LOG);
    expect(outcomes.missing).toEqual(["ECH-QUIC", "Alert-OverQUIC", "Unexplained"]);
    expect(summarize(outcomes)).toContain("missing        3\n");
  });

  it("is summarized with the reasons, the most frequent first", () => {
    expect(summarize(readOutcomes(OUTPUT, LOG))).toBe(
      [
        "passed         2",
        "failed         1",
        "         Bad-OverQUIC",
        "unimplemented  2",
        "      1  Encrypted Client Hello",
        "      1  no reason",
        "disabled       3",
        "      2  DTLS",
        "      1  TLS 1.2 and older",
        "",
      ].join("\n"),
    );
  });

  it("makes a page with the revision, the counts and each reason", () => {
    const page = renderPage(readOutcomes(OUTPUT, LOG), { revision: "0123abcd", date: "2026-08-21" });
    expect(page).toContain("BoringSSL `0123abcd` of 2026-08-21");
    expect(page).toContain("| 2 | 1 | 2 | 3 |");
    expect(page).toContain("1 of the tests that passed");
    expect(page).toContain("## Failed\n\n- Bad-OverQUIC\n");
    expect(page).toContain("| 2 | DTLS |");
  });

  it("that fails in nothing has no such section", () => {
    expect(renderPage(readOutcomes("PASSED (A)\n", ""), { revision: "0", date: "0" })).not.toContain("## Failed");
  });
});

describe("each disabled test", () => {
  it.each(Object.entries(DISABLED))("%s has a reason that says what differs", (pattern, reason) => {
    expect(pattern).not.toBe("*");
    expect(reason).toMatch(/\w+ \w+/);
    expect(reason).not.toMatch(/fail|broken|todo/i);
  });
});
