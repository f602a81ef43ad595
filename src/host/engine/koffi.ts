/**
 * Loads koffi, an optional dependency: the foreign-function interface of the fast engine. It may be absent, its library
 * may be missing, and Node or a sandbox may forbid native code; each case has its own reason.
 */

import cluster from "node:cluster";
import { isMainThread } from "node:worker_threads";
import type { ForeignFunctions } from "../../base/foreign.ts";

/** Why the fast engine cannot be used. */
export interface Unavailable {
  readonly reason: string;
  /** What to do about it; undefined if nothing can be done on this machine. */
  readonly advice: string | undefined;
  /** True if it should work here: koffi is installed, and the platform is supported. */
  readonly isUnexpected: boolean;
}

const INSTALL = "npm install koffi";

/** Where the fast engine's structures and constants are right. */
const isSupported = process.platform === "linux" && ["x64", "arm64"].includes(process.arch);

export async function loadKoffi(
  load: () => Promise<unknown> = importKoffi,
): Promise<{ readonly koffi: ForeignFunctions } | Unavailable> {
  const reason = unsuitable();
  if (reason !== undefined) return { reason, advice: undefined, isUnexpected: false };
  try {
    const koffi = (await load()) as ForeignFunctions;
    if (typeof koffi.node?.poll === "function") return { koffi };
    return { reason: `koffi ${koffi.version} is too old`, advice: INSTALL, isUnexpected: true };
  } catch (error) {
    return problem(error as NodeJS.ErrnoException);
  }
}

/** Why the fast engine is not for this process or thread. */
function unsuitable(): string | undefined {
  if (!isSupported) {
    return `the fast engine needs Linux on x64 or arm64, not ${process.platform} on ${process.arch}`;
  }
  // If a worker thread ends while koffi watches a descriptor, the process crashes; nothing runs before `terminate()`.
  if (!isMainThread) return "the fast engine works in the main thread only";
  // Node's modules share a port between the workers of a cluster, and expect that from everyone.
  if (cluster.isWorker) return "the fast engine does not share ports with the other workers of a cluster";
  return undefined;
}

const importKoffi = async (): Promise<unknown> => (await import("koffi")).default;

function problem({ code, message }: NodeJS.ErrnoException): Unavailable {
  if (code === "ERR_DLOPEN_DISABLED" || code === "ERR_ACCESS_DENIED") {
    const advice = "node --permission needs --allow-addons, and read access to node_modules";
    return { reason: "Node's permission model forbids native code", advice, isUnexpected: true };
  }
  if ((code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND") && /'koffi'|\bkoffi\/|"koffi"/.test(message)) {
    return { reason: "koffi is not installed", advice: INSTALL, isUnexpected: false };
  }
  return { reason: `koffi cannot be loaded: ${message.split("\n")[0]}`, advice: INSTALL, isUnexpected: true };
}
