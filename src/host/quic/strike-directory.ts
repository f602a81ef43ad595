/**
 * A strike register in a folder, for all processes on this machine that share a server's keys, and for later runs: a file that
 * is created exclusively for each ClientHello (RFC 8446 §8.2). The file system decides which process is first.
 *
 * Files are grouped by time, so that old ones are removed as whole folders. Two processes may put the same ClientHello into
 * neighbouring groups, so each looks for the other's file after it has created its own: at most one of them finds none.
 */

import { closeSync, existsSync, mkdirSync, openSync, readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Instant } from "../../base/time.ts";
import { REPLAY_WINDOW, type StrikeRegister } from "../../tls/index.ts";
import { toHex } from "../../wire/hex.ts";
import { cacheDirectory, makeDirectory } from "../kept-file.ts";

/** The length of a file's name, in bytes of the id. Ids are outputs of an HMAC, of which any part is unpredictable. */
const NAME_LENGTH = 16;

/** ClientHellos that one process accepts per window, a few hundred bytes of disk each. */
const MAX_CLAIMS = 50_000;

/** The register in the user's cache folder; undefined if it cannot be created, so that early data is rejected. */
export async function keptRegister(): Promise<StrikeRegister | undefined> {
  return openRegister(join(cacheDirectory(), "early-data")).catch(() => undefined);
}

/** Creates the folder if it does not exist; rejects if that fails. */
export async function openRegister(directory: string): Promise<StrikeRegister> {
  await makeDirectory(directory);
  return new StrikeDirectory(directory);
}

class StrikeDirectory implements StrikeRegister {
  readonly #directory: string;
  #group: number | undefined;
  #claims = 0;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** `now` is the time since 1970. Synchronous, because a handshake waits for it: three system calls. */
  claim(id: Uint8Array, now: Instant): boolean {
    const group = Math.floor(now / REPLAY_WINDOW);
    const name = toHex(id.subarray(0, NAME_LENGTH));
    try {
      if (group !== this.#group) this.#begin(group);
      this.#claims += 1;
      if (this.#claims > MAX_CLAIMS) return false;
      closeSync(openSync(this.#path(group, name), "wx", 0o600));
      return !existsSync(this.#path(group - 1, name)) && !existsSync(this.#path(group + 1, name));
    } catch {
      // It exists already, or the folder cannot be written: either way, nobody can say that this is the first time.
      return false;
    }
  }

  #path(group: number, name = ""): string {
    return join(this.#directory, String(group), name);
  }

  #begin(group: number): void {
    mkdirSync(this.#path(group), { recursive: true, mode: 0o700 });
    this.#group = group;
    this.#claims = 0;
    for (const name of readdirSync(this.#directory)) {
      if (!/^\d+$/.test(name) || Number(name) >= group - 1) continue;
      // If this fails, it is tried again in the next window.
      rm(this.#path(Number(name)), { recursive: true, force: true }).catch(() => undefined);
    }
  }
}
