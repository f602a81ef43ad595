import { expect, test } from "vitest";
import { checkTargets, type Machine, print, type Report } from "./report.ts";

const machine: Machine = { cpu: "a CPU", cores: 2, kernel: "6.1", node: "v20", load: 0.5 };

const report: Report = {
  rows: [
    { name: "ours → curl", figures: { "µs/MB": 9000, "MB/s": 80 } },
    { name: "idle", figures: { "µs/MB": 1 } },
  ],
  ratios: { "ours / theirs": 0.9 },
  targets: [
    { of: "ours / theirs", atMost: 1 },
    { of: "ours → curl: MB/s", atMost: 50 },
    { of: "ours / nobody", atMost: 1 },
  ],
  remarks: ["no caddy: not installed"],
};

test("targets are met, missed or not measured; an unmeasured target is not met", () => {
  expect(checkTargets(report).map(({ value, met }) => [value, met])).toEqual([
    [0.9, true],
    [80, false],
    [undefined, false],
  ]);
});

test("a report prints the machine, a table, the ratios, the targets and the missing rows", () => {
  expect(print(machine, report).split("\n")).toEqual([
    "a CPU, 2 cores, Linux 6.1, Node v20, load 0.5",
    "",
    "             µs/MB  MB/s",
    "ours → curl   9000    80",
    "idle             1",
    "",
    "ours / theirs: 0.9×",
    "",
    "✓ ours / theirs: 0.9, at most 1",
    "✗ ours → curl: MB/s: 80, at most 50",
    "– ours / nobody: not measured",
    "",
    "no caddy: not installed",
  ]);
});
