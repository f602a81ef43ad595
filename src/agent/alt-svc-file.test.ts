import { expect, test } from "vitest";
import { type AltSvcEntry, parseAltSvcFile, printAltSvcFile } from "./index.ts";

const ENTRY: AltSvcEntry = {
  host: "example.com",
  port: 443,
  learnedOver: "h2",
  alternative: { protocol: "h3", host: "alt.example.com", port: 8443 },
  expires: 1_830_297_599_000,
  persists: true,
};
const LINE = 'h2 example.com 443 h3 alt.example.com 8443 "20271231 23:59:59" 1 0';

test("curl's lines, read and written", () => {
  const text = `# Your alt-svc cache.\n\n${LINE}\r\nh1 [2001:db8::1] 8443 h1 EXAMPLE.com 1 "20240229 00:00:00" 0 1\n`;
  const { entries, problems, rejected } = parseAltSvcFile(text);
  const second: AltSvcEntry = {
    host: "2001:db8::1",
    port: 8443,
    learnedOver: "http/1.1",
    alternative: { protocol: "http/1.1", host: "example.com", port: 1 },
    expires: Date.UTC(2024, 1, 29),
    persists: false,
  };
  expect([entries, problems, rejected]).toEqual([[ENTRY, second], [], 0]);
  const printed = printAltSvcFile(entries);
  expect(printed).toContain(`\n${LINE}\nh1 [2001:db8::1] 8443 h1 example.com 1 "20240229 00:00:00" 0 0\n`);
  expect(parseAltSvcFile(printed).entries).toEqual(entries);
});

test.each([
  ["h2 example.com 443 h3 alt 8443", "nine fields"],
  [`${LINE} x`, "nine fields"],
  [LINE.replace("h2", "h9"), "h9 is not h1, h2 or h3"],
  [LINE.replace("example.com", "ex\u00e4mple"), "ex\u00e4mple is not a host"],
  [LINE.replace(" alt.example.com", " [alt]"), "[alt] is not a host"],
  [LINE.replace("8443", "0"), "0 is not a port"],
  [LINE.replace(" 443", " 65536"), "65536 is not a port"],
  [LINE.replace("20271231", "20271131"), "is not a date"],
  [LINE.replace("23:59:59", "24:00:00"), "is not a date"],
  [LINE.replace('" 1', '" 2'), "neither 0 nor 1"],
  [`${"h".repeat(5_000)} ${LINE}`, "nine fields"],
])("%s is left out, with the reason", (line, problem) => {
  const { entries, problems, rejected } = parseAltSvcFile(`${LINE}\n${line}\n${LINE}`);
  expect([entries, rejected]).toEqual([[ENTRY, ENTRY], 1]);
  expect(problems).toEqual([{ line: 2, problem: expect.stringContaining(problem) }]);
});

test("the numbers of entries and of problems are limited", () => {
  const { entries, problems, rejected } = parseAltSvcFile(`${`${LINE}\n`.repeat(5_010)}${"x\n".repeat(10)}`);
  expect([entries.length, problems.length, rejected]).toEqual([5_000, 5, 20]);
  expect(problems[0]).toEqual({ line: 5_001, problem: "there are more than 5000 entries" });
});
