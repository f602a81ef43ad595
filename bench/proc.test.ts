import { expect, test } from "vitest";
import { cpuOf, memoryOf, parseStat, parseStatus } from "./proc.ts";

const STAT =
  "4242 (node (a) b) S 1 4242 4242 0 -1 4194560 1000 2000 0 0 150 25 30 5 20 0 11 0 98765 1000000 5000 18446744073709551615 1 1 0 0 0 0 0 4096 134235650 0 0 0 17 1 0 0 0 0 0";

test("CPU times are fields 14 to 17 in ticks, whatever the program's name", () => {
  expect(parseStat(STAT)).toEqual({ own: 1_750_000, children: 350_000 });
});

test("memory is in bytes", () => {
  const status = "Name:\tnode\nVmPeak:\t  900000 kB\nVmHWM:\t   52340 kB\nVmRSS:\t   50000 kB\n";
  expect(parseStatus(status)).toEqual({ resident: 51_200_000, peak: 53_596_160 });
});

test("a process without its own memory is an error, not zero", () => {
  expect(() => parseStatus("Name:\tkthreadd\n")).toThrow("VmRSS");
});

test.runIf(process.platform === "linux")("this process is found", () => {
  expect(memoryOf(process.pid).peak).toBeGreaterThan(10_000_000);
  expect(cpuOf(process.pid)).toBeGreaterThan(0);
});
