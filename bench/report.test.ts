import { expect, test } from "vitest";
import { checkTargets, type Machine, markdown, print, type Report } from "./report.ts";

const machine: Machine = { cpu: "a CPU", cores: 2, kernel: "6.1", node: "v20", load: 0.5, date: "2026-11-27 03:00" };

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

test("a section of the results has the command, the versions, the rows and each ratio with its interval and target", () => {
  const section = markdown("bulk", "npm run bench -- bulk", machine, {
    ...report,
    intervals: { "ours / theirs": [0.8, 1.1] },
  });
  expect(section).toBe(`## bulk

\`npm run bench -- bulk\`

2026-11-27 03:00; a CPU, 2 cores, load 0.5; Linux 6.1, Node v20; no caddy: not installed.

| | µs/MB | MB/s |
| --- | ---: | ---: |
| ours → curl | 9000 | 80 |
| idle | 1 |  |

| ratio | median | interval | target |
| --- | ---: | ---: | ---: |
| ours / theirs | 0.9 | 0.8–1.1 | ≤ 1 ✓ |

- ours → curl: MB/s: 80, at most 50 ✗
- ours / nobody: not measured, at most 1 ✗
`);
});
