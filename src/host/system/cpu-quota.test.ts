import { expect, test } from "vitest";
import { cpuQuota } from "./cpu-quota.ts";

type Files = Readonly<Record<string, string>>;

test.each<[string, Files, number | undefined]>([
  ["no /proc", {}, undefined],
  ["version 2, no limit", { "/proc/self/cgroup": "0::/a\n", "/sys/fs/cgroup/a/cpu.max": "max 100000\n" }, undefined],
  ["version 2, in a container", { "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "150000 100000\n" }, 1.5],
  [
    "version 2, a smaller quota further up",
    {
      "/proc/self/cgroup": "0::/kubepods/pod1/c1\n",
      "/sys/fs/cgroup/kubepods/pod1/c1/cpu.max": "400000 100000\n",
      "/sys/fs/cgroup/kubepods/pod1/cpu.max": "200000 100000\n",
    },
    2,
  ],
  [
    "version 1",
    {
      "/proc/self/cgroup": "5:cpuset:/\n4:cpu,cpuacct:/docker/1\n0::/\n",
      "/sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.cfs_quota_us": "50000\n",
      "/sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.cfs_period_us": "100000\n",
    },
    0.5,
  ],
  [
    "version 1, in a container that sees its host's path",
    {
      "/proc/self/cgroup": "4:cpu:/docker/1\n",
      "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "300000\n",
      "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
    },
    3,
  ],
  [
    "version 1, no limit",
    {
      "/proc/self/cgroup": "4:cpu:/\n",
      "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
      "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
    },
    undefined,
  ],
])("%s", (_name, files, expected) => {
  expect(cpuQuota((path) => files[path])).toBe(expected);
});
