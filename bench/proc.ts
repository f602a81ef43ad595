/** The kernel's accounting of a process: CPU time and memory (proc(5)). */

import { readdirSync, readFileSync, writeFileSync } from "node:fs";

/** Microseconds in a tick: USER_HZ is 100 on every Linux that Node runs on. */
const TICK = 10_000;

export interface CpuTimes {
  /** Microseconds, user and system, of all its threads. */
  readonly own: number;
  /** The same for children that have ended and were waited for. */
  readonly children: number;
}

/** Parses /proc/PID/stat. */
export function parseStat(text: string): CpuTimes {
  // The second field is the program name in parentheses, which may contain anything, even spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [utime, stime, cutime, cstime] = fields.slice(11, 15).map(Number);
  return { own: (utime! + stime!) * TICK, children: (cutime! + cstime!) * TICK };
}

/** A process and all that descend from it: a server may have workers. */
export function treeOf(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "latin1");
      const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
    } catch {
      // It has just ended.
    }
  }
  const tree = [pid];
  for (const each of tree) tree.push(...(children.get(each) ?? []));
  return tree;
}

/** Resident memory in bytes, current and peak. */
export interface Memory {
  readonly resident: number;
  readonly peak: number;
}

/** Parses /proc/PID/status. */
export function parseStatus(text: string): Memory {
  const kibibytes = (name: string): number => {
    const match = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text);
    if (match === null) throw new Error(`/proc/PID/status has no ${name}`);
    return Number(match[1]) * 1024;
  };
  return { resident: kibibytes("VmRSS"), peak: kibibytes("VmHWM") };
}

/** The CPU time used by a process and its descendants, those that have ended too, in microseconds. */
export function cpuOfTree(pid: number): number {
  let sum = 0;
  for (const each of treeOf(pid)) {
    const { own, children } = parseStat(readFileSync(`/proc/${each}/stat`, "latin1"));
    sum += own + children;
  }
  return sum;
}

/** The CPU time used by a process, in microseconds. */
export const cpuOf = (pid: number): number => parseStat(readFileSync(`/proc/${pid}/stat`, "latin1")).own;

/** The CPU time of this process's ended children, in microseconds. */
export const cpuOfEndedChildren = (): number => parseStat(readFileSync("/proc/self/stat", "latin1")).children;

export const memoryOf = (pid: number): Memory => parseStatus(readFileSync(`/proc/${pid}/status`, "latin1"));

/** Resets the peak to the current resident memory. */
export const resetPeak = (pid: number): void => writeFileSync(`/proc/${pid}/clear_refs`, "5");
