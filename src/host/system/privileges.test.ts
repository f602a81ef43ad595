import { execFileSync } from "node:child_process";
import { describe, expect, onTestFinished, test } from "vitest";
import { buildProgram } from "../../../test/built-program.ts";
import { type DropOptions, dropPrivileges, type PrivilegedProcess } from "./privileges.ts";

const PASSWD = ["root:x:0:0:root:/root:/bin/sh", "www:x:33:34:www:/:/usr/sbin/nologin"];

/** A process that notes what it is told. */
function processOf(uid: number, returns = false) {
  const calls: unknown[][] = [];
  const note =
    (name: string) =>
    (...args: unknown[]): void => {
      if (name === "setuid" && args[0] === 0 && !returns) throw new Error("EPERM");
      calls.push([name, ...args]);
    };
  const names = ["setgroups", "initgroups", "setgid", "setuid"];
  const setters = Object.fromEntries(names.map((name) => [name, note(name)]));
  return { host: { getuid: () => uid, geteuid: () => uid, ...setters } as unknown as PrivilegedProcess, calls };
}

const drop = (options: DropOptions, { host }: { readonly host: PrivilegedProcess }): void =>
  dropPrivileges(options, host, () => PASSWD);

describe("root becomes", () => {
  test.each<[string, DropOptions, unknown[][]]>([
    [
      "a user with its groups",
      { user: "www" },
      [
        ["initgroups", "www", 34],
        ["setgid", 34],
        ["setuid", 33],
      ],
    ],
    [
      "a user by number",
      { user: "33" },
      [
        ["initgroups", "www", 34],
        ["setgid", 34],
        ["setuid", 33],
      ],
    ],
    [
      "a user with another group",
      { user: "www", group: "web" },
      [
        ["initgroups", "www", "web"],
        ["setgid", "web"],
        ["setuid", 33],
      ],
    ],
    [
      "a number without an entry",
      { user: "1234", group: "77" },
      [
        ["setgroups", [77]],
        ["setgid", 77],
        ["setuid", 1234],
      ],
    ],
  ])("%s", (_name, options, calls) => {
    const process = processOf(0);
    drop(options, process);
    expect(process.calls).toEqual(calls);
  });
});

test("a process of that user already stays as it is", () => {
  const process = processOf(33);
  drop({ user: "www" }, process);
  expect(process.calls).toEqual([]);
});

test.each<[string, DropOptions, number, boolean, RegExp]>([
  ["another user cannot", { user: "www" }, 1000, false, /cannot become the user www: only root can change its user/],
  ["an unknown user", { user: "nobody-here" }, 0, false, /no such user in \/etc\/passwd/],
  ["a number without a group", { user: "1234" }, 0, false, /its group is unknown/],
  ["root", { user: "root" }, 1000, false, /root has all rights/],
  ["a system that lets it return", { user: "www" }, 0, true, /let it become root again/],
])("%s is an error", (_name, options, uid, returns, message) => {
  expect(() => drop(options, processOf(uid, returns))).toThrow(message);
});

test.runIf(process.getuid?.() === 0)("a real process gives up root and its groups for good", async () => {
  const built = await buildProgram("src/host/system/privileges.ts");
  onTestFinished(() => built.remove());
  const program = `
    const { dropPrivileges } = await import(${JSON.stringify(built.path)});
    dropPrivileges({ user: "65534", group: "65534" });
    let regained = true;
    try { process.seteuid(0); } catch { regained = false; }
    console.log(JSON.stringify([process.getuid(), process.geteuid(), process.getgid(), process.getgroups().includes(0), regained]));`;
  const output = execFileSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" });
  expect(JSON.parse(output)).toEqual([65534, 65534, 65534, false, false]);
});
