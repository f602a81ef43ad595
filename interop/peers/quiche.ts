/** Cloudflare's quiche with its own HTTP/3, on BoringSSL: the program in `quiche/`. */

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { debianProgram, exists, installPackages } from "../install/debian.ts";
import { rustProgram } from "../install/rust.ts";
import type { Feature, PeerEntry } from "../peer.ts";
import { programClient, programServer } from "./program.ts";

// It has version 1 only, its TLS has no choice of cipher suites, and key updates are its own decision.
const SERVER_FEATURES: ReadonlySet<Feature> = new Set([
  "certificates",
  "early-data",
  "hq-interop",
  "migration",
  "resumption",
  "retry",
]);
const CLIENT_FEATURES: ReadonlySet<Feature> = new Set(["early-data", "hq-interop", "hybrid", "resumption", "retry"]);

export const quiche: PeerEntry = {
  name: "quiche",
  about: "a file server and client of ours on Cloudflare's quiche and its HTTP/3, BoringSSL",
  roles: ["server", "client"],
  async install(log) {
    const { path, version } = await rustProgram("quiche", ["h3-files"], log, () => prepare(log));
    return {
      version,
      client: programClient([path], CLIENT_FEATURES),
      server: programServer([path], SERVER_FEATURES),
    };
  },
};

/** For BoringSSL: CMake, and libclang for the bindings. */
async function prepare(log: (line: string) => void): Promise<void> {
  await debianProgram("cmake", "cmake", log);
  const folders = (await readdir("/usr/lib")).filter((each) => each.startsWith("llvm-"));
  const found = await Promise.all(folders.map((each) => exists(join("/usr/lib", each, "lib/libclang.so"))));
  if (!found.includes(true) && process.env.LIBCLANG_PATH === undefined) await installPackages(["libclang-dev"], log);
}
