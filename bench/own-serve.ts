/** Our server as users run it: `nagare serve` of this checkout, or of another one. */

import { fileURLToPath } from "node:url";
import type { CertificateFiles } from "../interop/certificates.ts";
import { Child } from "../interop/child.ts";
import type { RunningServer } from "../interop/peer.ts";

export interface ServeOptions {
  /** "serve" by default. */
  readonly command?: "serve" | "proxy";
  /** A folder or a module; the origin of a proxy. */
  readonly target: string;
  readonly identity: CertificateFiles;
  readonly host?: string;
  /** Another, built checkout. */
  readonly checkout?: string | undefined;
  readonly env?: Readonly<Record<string, string>>;
  readonly options?: readonly string[];
}

/** With NAGARE_PROFILE=FOLDER, it writes a CPU profile there when it ends. */
export async function nagareServe(given: ServeOptions): Promise<RunningServer> {
  const { command = "serve", target, identity, host = "127.0.0.1", checkout, env = {}, options = [] } = given;
  const root = checkout ?? fileURLToPath(new URL("../..", import.meta.url));
  const folder = process.env.NAGARE_PROFILE;
  const profile = folder === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${folder}`];
  const child = new Child(
    [
      ...[process.execPath, ...profile, `${root}/dist/cli/main.js`, command, target],
      ...["--host", host, "--port", "0", "--cert", identity.certFile, "--key", identity.keyFile],
      ...options,
    ],
    { env },
  );
  let port: number | undefined;
  await child.until(() => {
    const url = /^https:\/\/\S+$/m.exec(child.stdout)?.[0];
    if (url !== undefined) port = Number(new URL(url).port);
    return port !== undefined;
  });
  return { port: port!, pid: child.pid, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}
