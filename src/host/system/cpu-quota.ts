/** How much of the machine's processors this process may use, by the quota of its control group (Linux, version 1 and 2). */

import { readFileSync } from "node:fs";

type Read = (path: string) => string | undefined;

const ROOT = "/sys/fs/cgroup";

/** The number of processors, such as 1.5; undefined without a quota. */
export function cpuQuota(read: Read = readText): number | undefined {
  const groups = (read("/proc/self/cgroup") ?? "").split("\n").map((line) => line.split(":"));
  const quotas: (number | undefined)[] = [];
  for (const [, controllers = "", ...rest] of groups) {
    const path = rest.join(":");
    if (path === "") continue;
    // Version 2 has one hierarchy without a name. A container may see the path of its host, but only its own files.
    if (controllers === "") for (const folder of ancestors(ROOT, path)) quotas.push(quotaV2(read, folder));
    else if (controllers.split(",").includes("cpu")) {
      for (const folder of [...ancestors(`${ROOT}/cpu`, path), ...ancestors(`${ROOT}/${controllers}`, path)]) {
        quotas.push(quotaV1(read, folder));
      }
    }
  }
  const known = quotas.filter((quota) => quota !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

/** The folder of a group, and those above it, whose quotas hold too. */
function ancestors(root: string, path: string): readonly string[] {
  const parts = path.split("/").filter((part) => part !== "" && part !== "..");
  return Array.from({ length: parts.length + 1 }, (_, i) => [root, ...parts.slice(0, parts.length - i)].join("/"));
}

/** `$MAX $PERIOD` in microseconds, or `max $PERIOD`. */
function quotaV2(read: Read, folder: string): number | undefined {
  const [quota, period] = (read(`${folder}/cpu.max`) ?? "").trim().split(" ").map(Number);
  return ratio(quota, period);
}

function quotaV1(read: Read, folder: string): number | undefined {
  // -1 without a quota.
  return ratio(Number(read(`${folder}/cpu.cfs_quota_us`)), Number(read(`${folder}/cpu.cfs_period_us`)));
}

const ratio = (quota = Number.NaN, period = Number.NaN): number | undefined =>
  quota > 0 && period > 0 ? quota / period : undefined;

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined;
  }
}
