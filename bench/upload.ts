/**
 * One large upload by tus 1.0: the server's CPU per MB over each version of HTTP, beside tusd's over HTTP/1.1 with TLS, and over
 * HTTP/2, which it speaks without TLS only; and beside a few lines on Node's own servers, which is what Node costs.
 */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type CertificateFiles, createIdentities } from "../interop/certificates.ts";
import { Child, runChild } from "../interop/child.ts";
import { goPackage } from "../interop/install/go.ts";
import { createClient } from "../src/client/index.ts";
import { freePort } from "../src/host/udp/free-port.ts";
import type { HttpVersion } from "../src/http/index.ts";
import type { Bench } from "./bench.ts";
import type { ServerOrder, ServerReady } from "./messages.ts";
import { OwnProcess } from "./own-process.ts";
import { cpuOfTree } from "./proc.ts";
import { median, rounded } from "./statistics.ts";

const MB = 1_000_000;
const SIZE = 256;
const ROUNDS = 3;
const H2C = "tusd, h2 without TLS";
const TUSD = "github.com/tus/tusd/v2/cmd/tusd@v2.9.1";

/** CPU microseconds of the server, and seconds, for one upload. */
interface Sample {
  readonly cpu: number;
  readonly seconds: number;
}

interface UploadTarget {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
  readonly protocols: readonly HttpVersion[];
}

async function ours(folder: string, tls: CertificateFiles): Promise<Child & { readonly url: string }> {
  const file = join(folder, "nagare.config.json");
  const { certFile, keyFile } = tls;
  const routes = [{ path: "/files/*", upload: { directory: join(folder, "ours") } }];
  await writeFile(file, JSON.stringify({ sites: { "*": { tls: { certFile, keyFile }, routes } } }));
  const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
  const child = new Child([process.execPath, main, "serve", "--config", file, "--host", "127.0.0.1", "--port", "0"]);
  const urlIn = (): string | undefined => /^https:\/\/\S+$/m.exec(child.stdout)?.[0];
  await child.until(() => urlIn() !== undefined);
  return Object.assign(child, { url: `https://localhost:${new URL(urlIn()!).port}/files/` });
}

/** tusd over HTTP/2 in cleartext, for curl. */
async function tusdH2(folder: string, log: (line: string) => void) {
  const path = await goPackage("tusd", TUSD, log);
  const port = await freePort();
  const flags = ["-host", "127.0.0.1", "-port", `${port}`, "-upload-dir", join(folder, "tusd-h2"), "-enable-h2c"];
  const child = new Child([path, ...flags]);
  const url = `http://127.0.0.1:${port}/files/`;
  await child.until(() =>
    fetch(url, { method: "OPTIONS" }).then(
      () => true,
      () => false,
    ),
  );
  return Object.assign(child, { url });
}

/** The same upload by curl. */
async function measureH2(target: UploadTarget, file: string, bytes: number): Promise<Sample> {
  const headers = { "tus-resumable": "1.0.0", "upload-length": `${bytes}` };
  const created = await fetch(target.url, { method: "POST", headers });
  const at = created.headers.get("location")!;
  const cpu = cpuOfTree(target.pid);
  const started = performance.now();
  const fields = ["tus-resumable: 1.0.0", "upload-offset: 0", "content-type: application/offset+octet-stream"];
  await runChild([
    "curl",
    "-sS",
    "-f",
    "--http2-prior-knowledge",
    "-X",
    "PATCH",
    "-T",
    file,
    ...fields.flatMap((each) => ["-H", each]),
    at,
  ]);
  const sample = { cpu: cpuOfTree(target.pid) - cpu, seconds: (performance.now() - started) / 1_000 };
  await fetch(at, { method: "DELETE", headers: { "tus-resumable": "1.0.0" } });
  return sample;
}

async function tusd(folder: string, tls: CertificateFiles, log: (line: string) => void) {
  const path = await goPackage("tusd", TUSD, log);
  const port = await freePort();
  const flags = ["-host", "127.0.0.1", "-port", `${port}`, "-upload-dir", join(folder, "tusd")];
  const child = new Child([path, ...flags, "-tls-certificate", tls.certFile, "-tls-key", tls.keyFile]);
  await using client = createClient({ protocols: ["http/1.1"], rejectUnauthorized: false });
  const url = `https://localhost:${port}/files/`;
  await child.until(() =>
    client.fetch(url, { method: "OPTIONS" }).then(
      () => true,
      () => false,
    ),
  );
  return Object.assign(child, { url });
}

async function measure(target: UploadTarget, protocol: HttpVersion, bytes: number): Promise<Sample> {
  await using client = createClient({ protocols: [protocol], rejectUnauthorized: false, headersTimeout: 0 });
  const block = Buffer.alloc(256 * 1024, 0x5a);
  const open = function* (start: number, end: number): Generator<Uint8Array> {
    for (let at = start; at < end; at += block.length) yield block.subarray(0, Math.min(block.length, end - at));
  };
  // The connection and the upload's creation do not count.
  await (await client.fetch(target.url, { method: "OPTIONS" })).text();
  const cpu = cpuOfTree(target.pid);
  const started = performance.now();
  const content = { length: bytes, open: open as unknown as (start: number, end: number) => AsyncIterable<Uint8Array> };
  const { url } = await client.upload(target.url, content, { protocol: "tus" });
  const result = { cpu: cpuOfTree(target.pid) - cpu, seconds: (performance.now() - started) / 1_000 };
  await (await client.fetch(url!, { method: "DELETE", headers: { "tus-resumable": "1.0.0" } })).text();
  return result;
}

export const upload: Bench = async ({ rounds = ROUNDS, size = SIZE, log }) => {
  const folder = await mkdtemp(join(tmpdir(), "nagare-bench-upload-"));
  try {
    const tls = createIdentities(folder);
    await using own = await ours(folder, tls);
    await using peer = await tusd(folder, tls, log);
    await using h2c = await tusdH2(folder, log);
    await using floor = new OwnProcess("upload-floor");
    const order: ServerOrder = { certFile: tls.certFile, keyFile: tls.keyFile, directory: folder, host: "127.0.0.1" };
    const { port } = await floor.request<ServerReady>(order);
    const targets: readonly UploadTarget[] = [
      { name: "ours", url: own.url, pid: own.pid, protocols: ["http/1.1", "h2", "h3"] },
      { name: "node", url: `https://localhost:${port}/files/`, pid: floor.pid, protocols: ["http/1.1", "h2"] },
      { name: "tusd", url: peer.url, pid: peer.pid, protocols: ["http/1.1"] },
    ];
    const cleartext = { name: H2C, url: h2c.url, pid: h2c.pid, protocols: [] };
    const file = join(folder, "file");
    await writeFile(file, Buffer.alloc(size * MB, 0x5a));
    const samples = new Map<string, Sample[]>();
    for (let round = 0; round < rounds; round += 1) {
      log(`round ${round + 1}`);
      for (const target of targets) {
        for (const protocol of target.protocols) {
          const name = `${target.name}, ${protocol}`;
          const list = samples.get(name) ?? [];
          samples.set(name, list);
          list.push(await measure(target, protocol, size * MB));
        }
      }
      samples.set(H2C, [...(samples.get(H2C) ?? []), await measureH2(cleartext, file, size * MB)]);
    }
    const cpuOf = (name: string): number => median(samples.get(name)!.map(({ cpu }) => cpu)) / size;
    const ratio = (of: string, to: string): number => rounded(cpuOf(of) / cpuOf(to));
    return {
      rows: [...samples].map(([name, list]) => ({
        name,
        figures: {
          "server µs/MB": Math.round(cpuOf(name)),
          "MB/s": rounded(size / median(list.map(({ seconds }) => seconds))),
        },
      })),
      ratios: {
        "h3-vs-tusd-h2": ratio("ours, h3", H2C),
        "h2-vs-tusd-h2": ratio("ours, h2", H2C),
        "http1-vs-tusd-http1": ratio("ours, http/1.1", "tusd, http/1.1"),
        "h2-vs-node-h2": ratio("ours, h2", "node, h2"),
        "http1-vs-node-http1": ratio("ours, http/1.1", "node, http/1.1"),
        "node-http1-vs-tusd-http1": ratio("node, http/1.1", "tusd, http/1.1"),
      },
      targets: [{ of: "h3-vs-tusd-h2", atMost: 1 }],
      remarks: [
        "tusd has no HTTP/3, and no HTTP/2 with TLS",
        "our server syncs content to the disk before it says that it has it",
      ],
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};
