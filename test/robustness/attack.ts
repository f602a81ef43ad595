/** Helpers for the attacks in this folder: a connection to attack, and memory measurement. */

import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { openEngine, openIdentity } from "../../fuzz/open-engine.ts";
import type { Frame } from "../../src/quic/frame/frames.ts";
import type { HostileOptions } from "../../src/quic/testing/hostile-options.ts";
import { HostilePeer } from "../../src/quic/testing/hostile-peer.ts";
import { EncryptionLevel } from "../../src/tls/index.ts";

/** A hostile client or server after its handshake. Packets are not encrypted, so that thousands are fast. */
export function attacker(options: Partial<HostileOptions> = {}): HostilePeer {
  return new HostilePeer({ role: "client", engine: openEngine, identity: openIdentity, ...options }).handshake();
}

/** The frames of one type sent by the victim. */
export function sent<T extends Frame["type"]>(peer: HostilePeer, type: T): Extract<Frame, { type: T }>[] {
  return peer.frames.flatMap(({ frame }) => (frame.type === type ? [frame as Extract<Frame, { type: T }>] : []));
}

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Spaces of compiled code, which V8 fills whenever it likes, also on other threads. */
const CODE = /code|trusted/;

/** Bytes in use after garbage collection, without code. */
function inUse(): number {
  // The second call waits for the work that the first left to another thread.
  collect();
  collect();
  const { arrayBuffers } = process.memoryUsage();
  const spaces = getHeapSpaceStatistics().filter(({ space_name }) => !CODE.test(space_name));
  return spaces.reduce((sum, { space_used_size }) => sum + space_used_size, arrayBuffers);
}

let isWarm = false;

/** What V8 keeps about code during the first attacks also counts, so this runs a few of each kind before measuring. */
function warmUp(): void {
  if (isWarm) return;
  isWarm = true;
  for (const withholdFinished of [false, true, false, true]) {
    const peer = attacker({ withholdFinished });
    const level = withholdFinished ? EncryptionLevel.handshake : EncryptionLevel.oneRtt;
    for (let n = 0; n < 400 && peer.close === undefined; n += 1) {
      const data = new Uint8Array(6);
      const fragment: Frame = withholdFinished
        ? { type: "crypto", offset: 4_000 + 7 * (n % 50), data }
        : { type: "stream", id: 0, offset: 7 * n + 1, data, fin: false };
      peer.send(level, [fragment, { type: "ping" }], { padTo: 1_400 });
      const unreadable = new Uint8Array(1_400).fill(n);
      unreadable.set([0x40, ...peer.destination]);
      peer.deliver(unreadable);
      if (n % 8 === 0) peer.poll();
      peer.frames.length = 0;
      peer.datagrams.length = 0;
    }
    // Violations end a connection in their own way.
    attacker({ withholdFinished }).send(level, [{ type: "crypto", offset: 2 ** 20, data: new Uint8Array(1) }]);
  }
}

/** Returns the growth of memory in bytes during `work`. Its result is kept alive until memory has been measured. */
export function growth(work: () => unknown): number {
  warmUp();
  const before = inUse();
  const result = work();
  const after = inUse();
  return result === before ? Number.NaN : after - before;
}

export const KIB = 1_024;
export const MIB = 1_024 * KIB;
