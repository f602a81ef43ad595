// Resumable uploads: curl plays the client of the newest draft and of tus 1.0, and our own client goes on over each version of HTTP.
import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "../../client/index.ts";
import { serve } from "../../edge/serve.ts";
import { createUploads } from "../../edge/upload/index.ts";
import { developmentIdentity } from "../../host/certificates/index.ts";
import { expectSame, sha256 } from "./own-server.ts";
import { peerPath, runPeer } from "./peer.ts";
import type { Row, RowContext } from "./row.ts";

const SIZE = 1 << 20;
/** Where the first part ends. */
const CUT = 300_001;
/** Bytes that the server takes in one request, so that uploads have several. */
const LARGEST_REQUEST = 800_000;

interface UploadServer extends AsyncDisposable {
  readonly url: string;
  readonly identity: Awaited<ReturnType<typeof developmentIdentity>>;
  /** The digest of what arrived last. */
  received(): string;
}

async function startUploadServer(context: RowContext): Promise<UploadServer> {
  const identity = await developmentIdentity({ directory: context.directory });
  let digest = "";
  const uploads = createUploads({
    directory: join(context.directory, "received"),
    maxAppendSize: LARGEST_REQUEST,
    onComplete: async ({ path }) => {
      digest = sha256(await readFile(path!));
    },
    log: () => {},
  });
  const options = { port: 0, host: "127.0.0.1", cert: identity.cert, key: identity.key, log: () => {} };
  const server = await serve(options, (request, its) => uploads.fetch(request, its));
  return {
    url: `https://localhost:${server.port}/uploads/`,
    identity,
    received: () => digest,
    [Symbol.asyncDispose]: async () => {
      await server.close({ timeout: 0 });
      await uploads.close();
    },
  };
}

/** Runs curl, and returns all heads that it printed. */
async function curlHeads(context: RowContext, curl: string, args: readonly string[]): Promise<string> {
  const { stdout } = await runPeer(context, curl, ["-sS", "-k", "-D", "-", "-o", "/dev/null", ...args]);
  return stdout.toLowerCase();
}

const field = (heads: string, name: string): string => {
  const value = new RegExp(`^${name}: (.*?)\r?$`, "m").exec(heads)?.[1];
  if (value === undefined) throw new Error(`curl printed no ${name}`);
  return value;
};

export const RESUMABLE_UPLOAD_ROWS: readonly Row[] = [
  {
    system: "resumable-upload",
    peer: "curl",
    against: "curl",
    command:
      "curl -v -T FILE -H 'Upload-Draft-Interop-Version: 9' -H 'Upload-Complete: ?1' https://localhost:4433/upload/",
    async run(context) {
      const curl = await peerPath(context, "curl");
      await using server = await startUploadServer(context);
      const content = randomBytes(SIZE);
      const [first, rest] = [join(context.directory, "first"), join(context.directory, "rest")];
      await writeFile(first, content.subarray(0, CUT));
      await writeFile(rest, content.subarray(CUT));
      const draft = ["-H", "upload-draft-interop-version: 9"];
      for (const version of ["--http1.1", "--http2"]) {
        const data = ["-X", "POST", "--data-binary", `@${first}`, "-H", "content-type: image/png", "-H", "expect:"];
        const created = await curlHeads(context, curl, [
          version,
          ...draft,
          ...data,
          "-H",
          "upload-complete: ?0",
          server.url,
        ]);
        if (!/^http\/\S+ 104/m.test(created)) throw new Error("curl printed no 104");
        const at = new URL(field(created, "location"), server.url).href;
        const found = await curlHeads(context, curl, [version, ...draft, "-I", at]);
        expectSame(field(found, "upload-offset"), String(CUT));
        const more = ["-X", "PATCH", "--data-binary", `@${rest}`, "-H", "content-type: application/partial-upload"];
        const state = ["-H", "upload-complete: ?1", "-H", `upload-offset: ${CUT}`];
        await curlHeads(context, curl, [version, ...draft, ...more, ...state, at]);
        expectSame(server.received(), sha256(content));
      }
      return "104, HEAD and PATCH over HTTP/1.1 and HTTP/2: 1 MiB in two parts each, identical";
    },
  },
  {
    system: "resumable-upload",
    peer: "own",
    against: "own client",
    command: "nagare upload FILE https://localhost:4433/upload/",
    async run(context) {
      await using server = await startUploadServer(context);
      const content = randomBytes(SIZE);
      for (const protocol of ["http/1.1", "h2", "h3"] as const) {
        await using client = createClient({ ca: server.identity.cert, protocols: [protocol] });
        for (const by of ["tus", 3, 6, 9] as const) {
          const open = async function* (start: number, end: number): AsyncGenerator<Uint8Array> {
            for (let at = start; at < end; at += 65_536) yield content.subarray(at, Math.min(end, at + 65_536));
          };
          await client.upload(server.url, { length: SIZE, open }, { protocol: by, signal: context.signal });
          expectSame(server.received(), sha256(content));
        }
      }
      return "tus 1.0 and versions 3, 6 and 9 of the draft, in several requests each, over http/1.1, h2, h3: identical";
    },
  },
];
