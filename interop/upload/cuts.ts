/**
 * Random cuts: an upload in each profile over each version of HTTP, cut off at random bytes, must end byte-identical.
 * `npm run interop-upload -- --only cuts --cuts 1000 --megabytes 1000 --seed 7`
 */

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { SeededRng, uniform } from "../../src/base/rng.ts";
import { type Client, createClient } from "../../src/client/index.ts";
import { createUploads, serve } from "../../src/edge/index.ts";
import type { HttpVersion } from "../../src/http/index.ts";
import { type ProfileName, profileOf } from "../../src/http/resumable-upload/index.ts";

export interface CutsOptions {
  readonly directory: string;
  readonly tls: { readonly certFile: string; readonly keyFile: string };
  readonly seed: number;
  readonly cuts: number;
  /** Bytes. */
  readonly length: number;
}

/** A prime, so that content that is moved by any power of two differs. */
const PERIOD = 16_777_213;

/** Content of any length that can be read from any byte. */
export class PeriodicContent {
  readonly length: number;
  readonly #block: Buffer;

  constructor(length: number, seed: number) {
    this.length = length;
    this.#block = Buffer.alloc(PERIOD);
    new SeededRng(seed).fill(this.#block);
  }

  *open(start: number, end: number): Generator<Uint8Array> {
    for (let at = start; at < end; ) {
      const from = at % PERIOD;
      const size = Math.min(256 * 1024, PERIOD - from, end - at);
      yield this.#block.subarray(from, from + size);
      at += size;
    }
  }

  digest(): string {
    const hash = createHash("sha256");
    for (const chunk of this.open(0, this.length)) hash.update(chunk);
    return hash.digest("hex");
  }
}

/** Resolves with what was done; rejects if the result differs. */
export async function uploadWithCuts(
  name: ProfileName,
  protocol: HttpVersion,
  content: PeriodicContent,
  expected: string,
  options: CutsOptions,
): Promise<string> {
  const { directory, tls, seed, cuts } = options;
  const rng = new SeededRng(seed);
  const integer = (below: number): number => Math.floor(uniform(rng) * below);
  const profile = profileOf(name);
  let path = "";
  const uploads = createUploads({
    directory: join(directory, "cuts"),
    onComplete: (upload) => {
      path = upload.path!;
    },
    log: (line) => console.error(line),
  });
  const server = await serve(
    { port: 0, host: "127.0.0.1", tls, log: (line) => console.error(line) },
    (request, context) => uploads.fetch(request, context),
  );
  let client = createClient({ protocols: [protocol], rejectUnauthorized: false });
  const url = `https://localhost:${server.port}/up/`;
  const started = performance.now();
  let done = 0;
  let sentBytes = 0;
  try {
    const base: Record<string, string> =
      name === "tus" ? { "tus-resumable": "1.0.0" } : { "upload-draft-interop-version": `${name}` };
    if (profile.naming === "token")
      base["upload-token"] = `:${Buffer.from(`${seed} ${name} ${protocol} ${started}`).toString("base64")}:`;
    const flag = (completes: boolean): Record<string, string> =>
      profile.flag === undefined
        ? {}
        : { [profile.flag]: completes === (profile.flag === "upload-complete") ? "?1" : "?0" };
    const length: Record<string, string> = name === "tus" || name >= 5 ? { "upload-length": `${content.length}` } : {};
    const created = await ask(client, "POST", url, { ...base, ...flag(false), ...length });
    const at = profile.naming === "token" ? url : new URL(created.headers.get("location")!, url).href;
    let offset = 0;
    for (;;) {
      const isLast = done >= cuts;
      // On average, all cuts together are spread over the whole content.
      const cut = isLast
        ? content.length
        : offset + 1 + integer(Math.ceil((2 * (content.length - offset)) / (cuts - done + 1)));
      const type: Record<string, string> =
        profile.appendType === undefined ? {} : { "content-type": profile.appendType };
      const headers = { ...base, ...flag(true), ...type, "upload-offset": `${offset}` };
      const sent = await sendUntil(client, at, headers, content, offset, cut);
      sentBytes += sent.bytes;
      if (sent.status !== undefined) {
        if (sent.status >= 300) throw new Error(`PATCH at ${offset} was answered ${sent.status}: ${sent.text}`);
        break;
      }
      done += 1;
      if (integer(4) === 0) {
        // The connection ends too, as on another network.
        await client.destroy();
        client = createClient({ protocols: [protocol], rejectUnauthorized: false });
      }
      const found = await ask(client, "HEAD", at, base);
      const told = Number(found.headers.get("upload-offset"));
      if (!(found.status < 300 && told >= offset && told <= cut))
        throw new Error(`HEAD: ${found.status}, offset ${told} after ${offset} to ${cut}`);
      offset = told;
      if (offset === content.length && profile.completesAtLength) break;
    }
  } finally {
    await client.destroy();
    await server.close({ timeout: 0 });
    await uploads.close();
  }
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Uint8Array);
  if (hash.digest("hex") !== expected) throw new Error("the file differs");
  await rm(path);
  const seconds = (performance.now() - started) / 1_000;
  return `${done} cuts, ${(content.length / 1e6).toFixed(0)} MB, ${(sentBytes / 1e6).toFixed(0)} MB sent, ${seconds.toFixed(1)} s, identical`;
}

async function ask(client: Client, method: string, url: string, headers: Record<string, string>): Promise<Response> {
  const response = await client.fetch(url, { method, headers });
  await response.text();
  return response;
}

/** Sends content up to `cut`, and cuts the request off there unless it is the end. */
async function sendUntil(
  client: Client,
  url: string,
  headers: Record<string, string>,
  content: PeriodicContent,
  start: number,
  cut: number,
): Promise<{ readonly status?: number; readonly text?: string; readonly bytes: number }> {
  const controller = new AbortController();
  let bytes = 0;
  const open = async function* (): AsyncGenerator<Uint8Array> {
    for (const chunk of content.open(start, Math.min(cut, content.length))) {
      yield chunk;
      bytes += chunk.byteLength;
    }
    if (cut >= content.length) return;
    controller.abort(new Error("cut off"));
    await new Promise(() => undefined);
  };
  try {
    const body = { length: content.length - start, open };
    const response = await client.fetch(url, { method: "PATCH", headers, body, signal: controller.signal });
    return { status: response.status, text: await response.text(), bytes };
  } catch (error) {
    if (!controller.signal.aborted) throw error;
    return { bytes };
  }
}
