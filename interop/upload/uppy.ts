/** Uppy with @uppy/tus in Node. It speaks HTTP/1.1 there. */

import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { npmPackage } from "../install/npm.ts";

// biome-ignore lint/suspicious/noExplicitAny: packages that are installed at run time have no types here.
export type Untyped = any;

/** The folder of packages with Uppy in it. */
export const installUppy = (log: (line: string) => void): Promise<string> => npmPackage("uppy", "uppy@6.0.1", log);

/** Uploads, interrupted once. Resolves when Uppy says that it is done. */
export async function uploadWithUppy(
  endpoint: string,
  protocol: string,
  content: Uint8Array,
  log: (line: string) => void,
): Promise<{ readonly interruptions: number }> {
  const modules = await installUppy(log);
  const load = async (name: string): Promise<Untyped> => {
    const require = createRequire(join(modules, "uppy", "package.json"));
    return import(pathToFileURL(require.resolve(name)).href);
  };
  const [{ default: Uppy }, { default: Tus }, tus] = [
    await load("@uppy/core"),
    await load("@uppy/tus"),
    await load("tus-js-client"),
  ];
  const uppy = new Uppy().use(Tus, {
    endpoint,
    protocol,
    chunkSize: 1_000_000,
    retryDelays: [0, 10, 100],
    storeFingerprintForResuming: false,
    httpStack: new tus.DefaultHttpStack({ rejectUnauthorized: false }),
  });
  let interruptions = 0;
  uppy.on("upload-progress", (_file: unknown, { bytesUploaded }: { readonly bytesUploaded: number }) => {
    if (interruptions > 0 || bytesUploaded < 2_000_000) return;
    interruptions += 1;
    uppy.pauseAll();
    setTimeout(() => uppy.resumeAll(), 50);
  });
  uppy.addFile({
    name: "uppy.bin",
    type: "application/octet-stream",
    data: Buffer.from(content),
  });
  const { failed } = await uppy.upload();
  if (failed.length > 0) throw new Error(String(failed[0].error));
  return { interruptions };
}
