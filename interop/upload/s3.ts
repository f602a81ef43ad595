/**
 * @tus/s3-store as the storage of our service, on gofakes3: an S3 server on this machine. s3rver 3.7.1 is none for it, because it
 * does not list the parts of an upload.
 */

import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { createClient } from "../../src/client/index.ts";
import { createUploads, serve } from "../../src/edge/index.ts";
import { freePort } from "../../src/host/udp/free-port.ts";
import { Child } from "../child.ts";
import { goPackage } from "../install/go.ts";
import { npmPackage } from "../install/npm.ts";
import type { Untyped } from "./uppy.ts";

const STORE = "@tus/s3-store";
const BUCKET = "uploads";
const GOFAKES3 = "github.com/johannesboyne/gofakes3/cmd/gofakes3@v1.2.0";
/** Bytes. S3 takes no smaller parts, except for the last one. */
const PART = 5 * 1024 * 1024;

/** Uploads over each version of HTTP, by tus 1.0 and the newest draft, interrupted at each megabyte. */
export async function toS3(
  tls: { readonly certFile: string; readonly keyFile: string },
  file: string,
  content: Uint8Array,
  log: (line: string) => void,
): Promise<string> {
  const program = await goPackage("gofakes3", GOFAKES3, log);
  const modules = await npmPackage("tus-s3-store", `${STORE}@2.0.7`, log);
  const require = createRequire(join(modules, "x.js"));
  const { S3Store } = (await import(pathToFileURL(require.resolve(STORE)).href)) as Untyped;
  const port = await freePort();
  const flags = ["-backend", "memory", "-host", `127.0.0.1:${port}`, "-initialbucket", BUCKET];
  await using s3 = new Child([program, ...flags]);
  await s3.until(() =>
    fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => false,
    ),
  );
  const s3ClientConfig = {
    bucket: BUCKET,
    endpoint: `http://127.0.0.1:${port}`,
    forcePathStyle: true,
    // gofakes3 takes no content with a checksum after it.
    requestChecksumCalculation: "WHEN_REQUIRED",
    region: "us-east-1",
    credentials: { accessKeyId: "none", secretAccessKey: "none" },
  };
  const store = new S3Store({ partSize: PART, s3ClientConfig });
  const uploads = createUploads({ storage: store, log });
  const server = await serve({ port: 0, host: "127.0.0.1", tls, log }, (request, context) =>
    uploads.fetch(request, context),
  );
  const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
  try {
    for (const version of ["http/1.1", "h2", "h3"] as const) {
      await using client = createClient({ protocols: [version], rejectUnauthorized: false });
      for (const protocol of ["tus", 6, 9] as const) {
        const url = `https://localhost:${server.port}/up/`;
        const outcome = await client.upload(url, file, { protocol, chunkSize: 1_000_000 });
        const id = new URL(outcome.url!).pathname.split("/").at(-1)!;
        const object = await store.client.getObject({ Bucket: BUCKET, Key: id });
        const stored = (await object.Body.transformToByteArray()) as Uint8Array;
        if (digest(stored) !== digest(content)) {
          throw new Error(`${protocol} over ${version}: the object of ${stored.length} bytes differs`);
        }
      }
    }
    return `${content.length} bytes by tus 1.0, versions 6 and 9 over HTTP/1.1, 2 and 3, in parts of 1 MB, objects identical`;
  } finally {
    await server.close({ timeout: 0 });
    await uploads.close();
  }
}
