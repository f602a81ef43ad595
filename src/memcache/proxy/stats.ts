/** Counters of the proxy, and the answers to `stats`. The names are memcached's, so that its monitoring keeps working. */

import { COMMAND_COUNT, COMMANDS, type CommandName } from "../protocol/command.ts";
import { latin1 } from "../protocol/request.ts";
import type { Counters } from "../route/route.ts";

/** The order of `stats proxy`. */
const COUNTED: readonly CommandName[] = [
  "mg",
  "ms",
  "md",
  "mn",
  "ma",
  "me",
  "get",
  "gat",
  "set",
  "add",
  "cas",
  "gets",
  "gats",
  "incr",
  "decr",
  "touch",
  "append",
  "prepend",
  "delete",
  "replace",
];

export class ProxyStats implements Counters {
  readonly commands = new Array<number>(COMMAND_COUNT).fill(0);
  readonly #user = new Map<string, number>();
  requests = 0;
  requestErrors = 0;
  activeRequests = 0;
  connections = 0;
  totalConnections = 0;
  bytesRead = 0;
  bytesWritten = 0;
  reloads = 0;
  failedReloads = 0;
  backendsMarkedBad = 0;
  backendFailures = 0;
  requestsOverDepth = 0;

  /** A counter that `stats proxy` shows as `user_<name>`. */
  counter(name: string): (count?: number) => void {
    this.add(name, 0);
    return (count = 1) => this.add(name, count);
  }

  drop(name: string): void {
    this.#user.delete(name);
  }

  add(name: string, count: number): void {
    this.#user.set(name, (this.#user.get(name) ?? 0) + count);
  }

  /** Counters are unsigned, as memcached's are: one below 0 is a large number. */
  user(): (readonly [name: string, count: string])[] {
    return Array.from(
      this.#user,
      ([name, count]) => [name, `${BigInt.asUintN(64, BigInt(Math.trunc(count)))}`] as const,
    );
  }

  countOf(command: CommandName): number {
    return this.commands[COMMANDS[command]]!;
  }

  /** The counters by command, in the order of `stats proxy`. */
  byCommand(): (readonly [name: CommandName, count: number])[] {
    return COUNTED.map((name) => [name, this.countOf(name)] as const);
  }
}

/** The lines of an answer to `stats`. */
export const statLines = (entries: Iterable<readonly [name: string, value: string | number]>): Uint8Array =>
  latin1(`${Array.from(entries, ([name, value]) => `STAT ${name} ${value}\r\n`).join("")}END\r\n`);
