/**
 * TCP_NOTSENT_LOWAT: how much unsent data the kernel takes. By default it takes all that its send buffer has room for, megabytes
 * that nothing can overtake any more. Node has no option for it, so it needs the FFI of the fast engine.
 */
import type { Server } from "node:net";
import { ForeignMemory } from "../../base/foreign.ts";
import { type EngineChoice, engineChoice } from "../engine/choice.ts";
import { loadKoffi } from "../engine/koffi.ts";
import { bindLibc } from "../udp/fast/libc.ts";

const IPPROTO_TCP = 6;
export const TCP_NOTSENT_LOWAT = 25;
/** Bytes: a few packets, so that the kernel never runs dry while Node is busy. */
export const NOTSENT_BYTES = 128 * 1024;

/** Sets the limit for all connections of a listening server, which inherit it. Returns false if that is impossible here. */
export async function limitUnsent(server: Server, engine: EngineChoice | undefined): Promise<boolean> {
  const { fd } = (server as { _handle?: { readonly fd?: number } | null })._handle ?? {};
  if (fd === undefined || fd < 0 || engineChoice(engine) === "portable") return false;
  const loaded = await loadKoffi();
  if (!("koffi" in loaded)) return false;
  const value = new ForeignMemory(loaded.koffi, 4);
  value.view.setInt32(0, NOTSENT_BYTES, true);
  return bindLibc(loaded.koffi).setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, value.address, 4) === 0;
}
