/** wtransport, on quinn and rustls: the program in `wtransport/`. */

import { rustProgram } from "../install/rust.ts";
import type { PeerEntry } from "../peer.ts";
import { programSessions } from "./program.ts";

export const wtransport: PeerEntry = {
  name: "wtransport",
  about: "a server and client of ours on it and quinn, rustls",
  roles: ["server", "client"],
  async install(log) {
    const { path, version } = await rustProgram("wtransport", ["h3-files"], log);
    const cannotClose = "wtransport ends a session by closing its connection";
    return { version, webTransport: { ...programSessions([path]), cannotClose } };
  },
};
