/** DNS-01 by a hook: a program, or a function, that sets and removes TXT records. */

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { printable } from "../../wire/printable.ts";
import { AcmeError } from "./errors.ts";

/** For programs that use the library. */
export interface DnsHook {
  /** Resolves when every server of the zone has the TXT record. `name` is such as "_acme-challenge.example.com". */
  set(name: string, value: string): Promise<void>;
  /** Removes the TXT record with this value. */
  remove(name: string, value: string): Promise<void>;
}

/**
 * A program with its first arguments. It is called with `present NAME VALUE`, and later with `cleanup NAME VALUE`, as lego's
 * exec provider calls its own; the name ends with a dot. It exits with 0 when every server of the zone has the record.
 */
export type DnsCommand = string | readonly string[];

const TIMEOUT = 300_000;

export function dnsHookOf(hook: DnsHook | DnsCommand): DnsHook {
  if (typeof hook === "object" && "set" in hook) return named(hook);
  const [program, ...first] = typeof hook === "string" ? [hook] : hook;
  const run = promisify(execFile);
  const call = async (...args: readonly string[]): Promise<void> => {
    await run(program!, [...first, ...args], { timeout: TIMEOUT, maxBuffer: 1 << 16 });
  };
  return named({
    set: (name, value) => call("present", `${name}.`, value),
    remove: (name, value) => call("cleanup", `${name}.`, value),
  });
}

/** Gives failures a name and what the program said. */
function named(hook: DnsHook): DnsHook {
  const failed = (what: string, name: string) => (cause: Error & { readonly stderr?: string }) => {
    const said = printable((cause.stderr?.trim() || cause.message).slice(0, 400));
    throw new AcmeError("ACME_DNS_HOOK_FAILED", `the DNS hook cannot ${what} ${name}: ${said}`, {
      cause,
      names: [name.replace("_acme-challenge.", "")],
    });
  };
  return {
    set: async (name, value) => hook.set(name, value).catch(failed("set", name)),
    remove: async (name, value) => hook.remove(name, value).catch(failed("remove", name)),
  };
}

/** RFC 8555 §8.4 */
export const dnsNameOf = (name: string): string => `_acme-challenge.${name}`;
