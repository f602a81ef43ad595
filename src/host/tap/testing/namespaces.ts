/** Two network namespaces with a TAP wire between them, for tests and benchmarks of what the kernel sends. */

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { loadKoffi } from "../../engine/koffi.ts";
import { openTapWire, type TapWire, type TapWireOptions } from "../tap-wire.ts";

const ip = (...command: string[]): string => execFileSync("ip", command, { encoding: "utf8", stdio: "pipe" });

/** What this machine lacks for namespaces with a wire; undefined if nothing. */
export async function missingForNamespaces(): Promise<string | undefined> {
  if (!("koffi" in (await loadKoffi()))) return "koffi";
  if (process.getuid?.() !== 0) return "root";
  if (!existsSync("/dev/net/tun")) return "/dev/net/tun";
  try {
    const name = `nagare-probe-${process.pid}`;
    ip("netns", "add", name);
    ip("netns", "delete", name);
  } catch {
    return "ip(8) with network namespaces";
  }
  return undefined;
}

export interface Namespace {
  readonly name: string;
  readonly address: string;
  /** What goes before a command that is to run in the namespace. */
  readonly exec: readonly string[];
  /** Sets a kernel parameter of the namespace. */
  set(parameter: string, value: string): void;
  /** Runs ip(8) on the namespace. */
  ip(...command: readonly string[]): void;
}

function namespace(name: string, address: string): Namespace {
  return {
    name,
    address,
    exec: ["ip", "netns", "exec", name],
    set: (parameter, value) => void ip("netns", "exec", name, "sysctl", "-q", "-w", `${parameter}=${value}`),
    ip: (...command) => void ip("-n", name, ...command),
  };
}

const PREFIXES = ["ng1", "ng2"] as const;

/** Removes the namespaces of runs that were killed: they are named after a process that is gone. */
export function removeStaleNamespaces(): void {
  for (const line of ip("netns", "list").split("\n")) {
    const name = line.split(" ")[0]!;
    const [, prefix, pid] = /^(\w+)-(\d+)$/.exec(name) ?? [];
    if (!PREFIXES.some((each) => each === prefix) || existsSync(`/proc/${pid}`)) continue;
    ip("netns", "delete", name);
  }
}

export class Namespaces implements Disposable {
  readonly wire: TapWire;
  readonly first: Namespace;
  readonly second: Namespace;

  private constructor(wire: TapWire, first: Namespace, second: Namespace) {
    this.wire = wire;
    this.first = first;
    this.second = second;
  }

  /** Their addresses are NETWORK.1 and NETWORK.2; `network` has three numbers. */
  static async connect(network: string, options: TapWireOptions): Promise<Namespaces> {
    const [first, second] = PREFIXES.map((each, i) => namespace(`${each}-${process.pid}`, `${network}.${i + 1}`)) as [
      Namespace,
      Namespace,
    ];
    const added: Namespace[] = [];
    let wire: TapWire | undefined;
    try {
      for (const each of [first, second]) {
        ip("netns", "add", each.name);
        added.push(each);
      }
      wire = await openTapWire(first.name, second.name, options);
      for (const { name, address } of added) {
        ip("link", "set", "dev", name, "netns", name);
        ip("-n", name, "address", "add", `${address}/24`, "dev", name);
        ip("-n", name, "link", "set", "dev", name, "up");
      }
      return new Namespaces(wire, first, second);
    } catch (error) {
      wire?.close();
      for (const { name } of added) ip("netns", "delete", name);
      throw error;
    }
  }

  /** Processes in the namespaces must have ended before: a namespace lives as long as one of them. */
  [Symbol.dispose](): void {
    this.wire.close();
    for (const { name } of [this.first, this.second]) ip("netns", "delete", name);
  }
}
