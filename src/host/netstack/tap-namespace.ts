/**
 * A network namespace whose only neighbour is our stack, over a TAP device: the kernel as peer. Needs root and ip(8). The
 * device and the addresses vanish with the namespace.
 */

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { openTapLink, type TapLink, type TapLinkOptions } from "./tap-link.ts";

const ip = (...command: string[]): string => execFileSync("ip", command, { encoding: "utf8", stdio: "pipe" });

/** Why this process cannot make one; undefined if it probably can. */
export const missingForTap = (): string | undefined => {
  if (process.platform !== "linux") return "TAP devices need Linux";
  if (process.getuid?.() !== 0) return "TAP devices and network namespaces need root";
  return existsSync("/dev/net/tun") ? undefined : "there is no /dev/net/tun";
};

export const KERNEL = { ipv4: "10.77.0.1", ipv6: "fd77::1" } as const;
export const OURS = { ipv4: "10.77.0.2", ipv6: "fd77::2" } as const;

let count = 0;

/** A namespace with a TAP device; it ends with `using`. */
export class TapNamespace implements Disposable {
  readonly link: TapLink;
  readonly name: string;

  private constructor(link: TapLink, name: string) {
    this.link = link;
    this.name = name;
  }

  /** The kernel has 10.77.0.1/24 and fd77::1/64. */
  static async open(options: TapLinkOptions = {}, given?: string): Promise<TapNamespace> {
    count += 1;
    const name = given ?? `nt${process.pid}-${count}`;
    ip("netns", "add", name);
    let link: TapLink | undefined;
    try {
      link = await openTapLink(name, options);
      ip("link", "set", "dev", name, "netns", name);
      ip("-n", name, "link", "set", "dev", "lo", "up");
      ip("-n", name, "address", "add", `${KERNEL.ipv4}/24`, "dev", name);
      ip("-n", name, "address", "add", `${KERNEL.ipv6}/64`, "dev", name, "nodad");
      ip("-n", name, "link", "set", "dev", name, "mtu", String(options.mtu ?? 1500), "up");
      return new TapNamespace(link, name);
    } catch (error) {
      link?.close();
      ip("netns", "delete", name);
      throw error;
    }
  }

  /** What goes before a command that is to run in the namespace. */
  get exec(): readonly string[] {
    return ["ip", "netns", "exec", this.name];
  }

  /** Runs ip(8) on the namespace. */
  ip(...command: readonly string[]): string {
    return ip("-n", this.name, ...command);
  }

  /** Processes in the namespace must have ended before. */
  [Symbol.dispose](): void {
    this.link.close();
    ip("netns", "delete", this.name);
  }
}
