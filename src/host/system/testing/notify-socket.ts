/** A UNIX datagram socket that receives what a service tells its manager. Node has none, so it needs koffi. */

import { closeSync, mkdtempSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ForeignMemory } from "../../../base/foreign.ts";
import { loadKoffi } from "../../engine/koffi.ts";
import { bindLibc, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK } from "../../udp/fast/libc.ts";

const loaded = await loadKoffi();
export const hasKoffi = "koffi" in loaded;

export interface NotifySocket extends Disposable {
  readonly path: string;
  /** The messages that have arrived. */
  received(): readonly string[];
}

export function openNotifySocket(): NotifySocket {
  if (!("koffi" in loaded)) throw new Error(loaded.reason);
  const folder = mkdtempSync(join(tmpdir(), "nagare-notify-"));
  const path = join(folder, "notify");
  const libc = bindLibc(loaded.koffi);
  const descriptor = libc.socket(1, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const address = new ForeignMemory(loaded.koffi, 110);
  address.view.setUint16(0, 1, true);
  address.bytes.set(new TextEncoder().encode(path), 2);
  if (libc.bind(descriptor, address.address, 110) < 0) throw new Error(`bind: error ${libc.errno()}`);
  const messages: string[] = [];
  return {
    path,
    received: () => {
      const buffer = Buffer.alloc(4096);
      try {
        for (;;) messages.push(buffer.toString("utf8", 0, readSync(descriptor, buffer)));
      } catch {
        return messages; // EAGAIN: nothing more has arrived
      }
    },
    [Symbol.dispose]: () => {
      closeSync(descriptor);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
