/** The engines of this machine: each list of cases runs on every one. */

import { koffi } from "../../engine/testing/koffi.ts";
import { createFastUdp } from "../fast/engine.ts";
import { portableUdp } from "../portable-engine.ts";
import type { UdpEngine } from "../udp-socket.ts";

export const UDP_ENGINES: readonly { readonly name: string; readonly engine: UdpEngine | undefined }[] = [
  { name: "portable", engine: portableUdp },
  { name: "fast", engine: koffi && createFastUdp(koffi) },
];
