/**
 * Tells systemd about this process (sd_notify(3)): ready, reloading, stopping, and alive (watchdog). The messages go to a
 * UNIX datagram socket, which Node does not have; koffi opens it.
 */

import { writeSync } from "node:fs";
import { ForeignMemory } from "../../base/foreign.ts";
import { loadKoffi } from "../engine/koffi.ts";
import { type Fault, guard } from "../guard.ts";
import { Timer } from "../timer.ts";
import { bindLibc, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK } from "../udp/fast/libc.ts";

const AF_UNIX = 1;
/** struct sockaddr_un: two bytes of family, then the path. */
const PATH_OFFSET = 2;
const PATH_LENGTH = 108;

export interface ServiceManagerOptions {
  readonly env: Record<string, string | undefined>;
  readonly log: (line: string) => void;
  readonly onFault: (fault: Fault) => void;
}

export class ServiceManager {
  readonly #descriptor: number;
  readonly #close: () => void;
  readonly #onFault: (fault: Fault) => void;
  #watchdog: Timer | undefined;

  private constructor(descriptor: number, close: () => void, onFault: (fault: Fault) => void) {
    this.#descriptor = descriptor;
    this.#close = close;
    this.#onFault = onFault;
  }

  /** Undefined if no service manager listens, or it cannot be reached; the log says so. Removes the variables. */
  static async open({ env, log, onFault }: ServiceManagerOptions): Promise<ServiceManager | undefined> {
    const { NOTIFY_SOCKET: path, WATCHDOG_USEC, WATCHDOG_PID } = env;
    for (const name of ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"]) delete env[name];
    if (path === undefined || path === "") return undefined;
    const unreachable = (why: string): undefined => {
      log(`nagare: cannot tell systemd that the server is ready: ${why}`);
      return undefined;
    };
    const loaded = await loadKoffi();
    if (!("koffi" in loaded)) {
      return unreachable(`${loaded.reason}; ${loaded.advice ?? "use Type=exec in the unit, without WatchdogSec="}`);
    }
    const bytes = new TextEncoder().encode(path.replace(/^@/, "\0"));
    if (!/^[/@]/.test(path) || bytes.length >= PATH_LENGTH)
      return unreachable(`NOTIFY_SOCKET ${path} is not a socket's path`);
    const libc = bindLibc(loaded.koffi);
    const descriptor = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0) return unreachable(`no socket (error ${libc.errno()})`);
    const address = new ForeignMemory(loaded.koffi, PATH_OFFSET + PATH_LENGTH);
    address.view.setUint16(0, AF_UNIX, true);
    address.bytes.set(bytes, PATH_OFFSET);
    if (libc.connect(descriptor, address.address, PATH_OFFSET + bytes.length) < 0) {
      const code = libc.errno();
      libc.close(descriptor);
      return unreachable(`${path} does not listen (error ${code})`);
    }
    const manager = new ServiceManager(descriptor, () => libc.close(descriptor), onFault);
    const interval = Number(WATCHDOG_USEC) / 1000;
    const isForThis = WATCHDOG_PID === undefined || WATCHDOG_PID === String(process.pid);
    if (interval > 0 && isForThis) manager.#watch(interval / 2);
    return manager;
  }

  ready(status: string): void {
    this.#send(`READY=1\nSTATUS=${status}\nMAINPID=${process.pid}`);
  }

  /** `ready` follows when the reload is done. */
  reloading(): void {
    // For Type=notify-reload: the time of the message, by CLOCK_MONOTONIC, in microseconds.
    this.#send(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
  }

  stopping(): void {
    this.#send("STOPPING=1\nSTATUS=finishing requests in progress");
  }

  close(): void {
    this.#watchdog?.clear();
    this.#close();
  }

  /** The event loop itself sends the signs of life: a process that is stuck sends none. Milliseconds. */
  #watch(interval: number): void {
    const live = guard("service manager watchdog", this.#onFault, () => {
      this.#send("WATCHDOG=1");
      this.#watchdog?.refresh();
    });
    this.#send("WATCHDOG=1");
    this.#watchdog = new Timer(live, interval).unref();
  }

  #send(message: string): void {
    try {
      // A connected datagram socket takes writes.
      writeSync(this.#descriptor, message);
    } catch {
      // The service manager restarts, or its queue is full; the next message may arrive.
    }
  }
}
