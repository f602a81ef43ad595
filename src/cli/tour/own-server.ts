// Our own server on loopback, for the peers of a row: one random file, and an echo.
import { createHash, randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ServeOptions, serve } from "../../edge/serve.ts";
import { type DevelopmentIdentity, developmentIdentity } from "../../host/certificates/index.ts";
import type { RowContext } from "./row.ts";

export const FILE_SIZE = 1 << 20;

export interface OwnServer extends AsyncDisposable {
  readonly port: number;
  /** https://localhost:PORT/ */
  readonly url: string;
  readonly identity: DevelopmentIdentity;
  /** The path of a PEM file to trust. */
  readonly caFile: string;
  /** The digest of /file. */
  readonly sha256: string;
  /** How many requests have come in 0-RTT data. */
  readonly earlyRequests: number;
}

export async function startOwnServer(
  context: RowContext,
  options: Pick<ServeOptions, "quic"> = {},
): Promise<OwnServer> {
  const identity = await developmentIdentity({ directory: context.directory });
  const file = randomBytes(FILE_SIZE);
  let earlyRequests = 0;
  const server = await serve(
    {
      port: 0,
      host: "127.0.0.1",
      cert: identity.cert,
      key: identity.key,
      log: () => {},
      ...options,
    },
    (request, { protocol, earlyData }) => {
      if (earlyData) earlyRequests += 1;
      const { pathname } = new URL(request.url);
      if (pathname === "/file") return new Response(file);
      if (pathname === "/echo") return new Response(request.body);
      return new Response(`<!doctype html><title>tour</title><p>carried by ${protocol}</p>`, {
        headers: { "content-type": "text/html" },
      });
    },
  );
  const caFile = join(context.directory, "ca.pem");
  await writeFile(caFile, identity.cert);
  return {
    port: server.port,
    url: `https://localhost:${server.port}/`,
    identity,
    caFile,
    sha256: sha256(file),
    get earlyRequests() {
      return earlyRequests;
    },
    [Symbol.asyncDispose]: () => server.close({ timeout: 0 }),
  };
}

export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

export async function expectFile(context: RowContext, name: string, wanted: string): Promise<void> {
  expectSame(sha256(await readFile(join(context.directory, name))), wanted);
}

export function expectSame(actual: string, wanted: string): void {
  if (actual !== wanted) throw new Error("the received content differs from what was sent");
}
