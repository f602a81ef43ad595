/** Uploads that were begun, so that another process goes on with them. */

import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { dataDirectory } from "../../host/kept-file.ts";

/** What is kept of an upload. */
export interface KeptUpload {
  /** The protocol in which it was begun: "tus", or an interop version. */
  readonly protocol: string | number;
  /** The URLs of its parts; one for an upload in one piece. */
  readonly urls: readonly string[];
}

/** Where uploads are kept between processes. */
export interface UploadMemory {
  /** Undefined if there is none, or it cannot be read. */
  get(key: string): Promise<KeptUpload | undefined>;
  /** Keeps an upload. May fail silently: it is then begun again. */
  set(key: string, upload: KeptUpload): Promise<void>;
  /** Forgets an upload. */
  delete(key: string): Promise<void>;
}

/** Milliseconds after which an upload is forgotten. Servers forget earlier. */
const LIFETIME = 14 * 86_400_000;

/** Keeps uploads in a folder, by default in the user's data directory. */
export class UploadFolder implements UploadMemory {
  readonly #folder: string;

  constructor(folder: string = join(dataDirectory(), "uploads")) {
    this.#folder = folder;
  }

  async get(key: string): Promise<KeptUpload | undefined> {
    try {
      const kept = JSON.parse(await readFile(this.#path(key), "utf8")) as KeptUpload;
      return Array.isArray(kept.urls) && kept.urls.every((url) => typeof url === "string") ? kept : undefined;
    } catch {
      return undefined;
    }
  }

  async set(key: string, upload: KeptUpload): Promise<void> {
    const temporary = `${this.#path(key)}.${process.pid}`;
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      // The URL is as good as a password.
      await writeFile(temporary, JSON.stringify(upload), { mode: 0o600 });
      await rename(temporary, this.#path(key));
      await this.#clean();
    } catch {
      // The upload goes on, and only another process cannot continue it.
      await rm(temporary, { force: true }).catch(() => undefined);
    }
  }

  async delete(key: string): Promise<void> {
    await rm(this.#path(key), { force: true }).catch(() => undefined);
  }

  async #clean(): Promise<void> {
    for (const name of await readdir(this.#folder)) {
      const { mtimeMs } = await stat(join(this.#folder, name));
      if (Date.now() - mtimeMs > LIFETIME) await rm(join(this.#folder, name), { force: true });
    }
  }

  #path(key: string): string {
    return join(this.#folder, `${createHash("sha256").update(key).digest("hex").slice(0, 32)}.json`);
  }
}
