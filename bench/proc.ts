/** What the kernel counts of a process: CPU time and memory (proc(5)). */

import { readFileSync, writeFileSync } from "node:fs";

/** Microseconds in a tick: USER_HZ is 100 on every Linux that Node runs on. */
const TICK = 10_000;

export interface CpuTimes {
  /** Microseconds, user and system, of all its threads. */
  readonly own: number;
  /** The same of its children that have ended and were waited for. */
  readonly children: number;
}

/** Of the text of /proc/PID/stat. */
export function parseStat(text: string): CpuTimes {
  // The second field is the program's name in parentheses, and may hold anything, spaces and parentheses too.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [utime, stime, cutime, cstime] = fields.slice(11, 15).map(Number);
  return { own: (utime! + stime!) * TICK, children: (cutime! + cstime!) * TICK };
}

/** Bytes: resident now, and at most so far. */
export interface Memory {
  readonly resident: number;
  readonly peak: number;
}

/** Of the text of /proc/PID/status. */
export function parseStatus(text: string): Memory {
  const kibibytes = (name: string): number => {
    const match = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text);
    if (match === null) throw new Error(`/proc/PID/status has no ${name}`);
    return Number(match[1]) * 1024;
  };
  return { resident: kibibytes("VmRSS"), peak: kibibytes("VmHWM") };
}

/** Microseconds of CPU that a process has used. */
export const cpuOf = (pid: number): number => parseStat(readFileSync(`/proc/${pid}/stat`, "latin1")).own;

/** Microseconds of CPU of this process's children that have ended. */
export const cpuOfEndedChildren = (): number => parseStat(readFileSync("/proc/self/stat", "latin1")).children;

export const memoryOf = (pid: number): Memory => parseStatus(readFileSync(`/proc/${pid}/status`, "latin1"));

/** Lets the peak start again from what is resident now. */
export const resetPeak = (pid: number): void => writeFileSync(`/proc/${pid}/clear_refs`, "5");
