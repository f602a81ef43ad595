// Uploads files one after the other, with progress on a terminal.
import {
  type ClientOptions,
  createClient,
  UploadFolder,
  type UploadInit,
  type UploadOutcome,
} from "../../client/index.ts";
import { parseSize } from "../../edge/config/units.ts";
import { parseUploadProtocol } from "../../http/resumable-upload/client/index.ts";
import { printable } from "../../wire/printable.ts";
import { describe, EXIT, silentExit, usageError } from "../fail.ts";
import { readPem } from "../get/flags.ts";
import { Progress } from "../get/progress.ts";
import { bytes, duration } from "../get/units.ts";
import { interruptible } from "../interrupt.ts";
import type { Io } from "../io.ts";
import { headersFrom, protocolChoice } from "../proxy-flags.ts";

export interface UploadFlags {
  readonly header?: readonly string[];
  readonly protocol: string;
  readonly parallel?: number;
  readonly chunkSize?: string;
  readonly checksum?: true;
  readonly name?: string;
  readonly retries?: number;
  /** False with --no-resume. */
  readonly resume: boolean;
  readonly "http1.1"?: true;
  readonly http2?: true;
  readonly http3Only?: true;
  readonly insecure?: true;
  readonly cacert?: string;
  readonly silent?: true;
  readonly json?: true;
}

export async function runUpload(given: readonly string[], flags: UploadFlags, io: Io): Promise<void> {
  const { files, url } = argumentsOf(given);
  if (flags.name !== undefined && files.length > 1) throw usageError("--name is for one file");
  const init = initOf(flags, io);
  const client = createClient(await clientOptions(flags));
  let failed = 0;
  try {
    await interruptible(io, async (signal) => {
      for (const file of files) {
        const report = new Report(file, flags, io);
        try {
          report.done(await client.upload(url, file, { ...init, ...report.hooks(), signal }));
        } catch (error) {
          report.end();
          if (signal.aborted) throw error;
          if (files.length === 1) throw error;
          failed += 1;
          io.stderr.write(`${printable(`nagare: ${file}: ${describe(error).message}`)}\n`);
        }
      }
    });
  } finally {
    await client.destroy();
  }
  if (failed > 0) throw silentExit(EXIT.failed);
}

function argumentsOf(given: readonly string[]): { readonly files: readonly string[]; readonly url: string } {
  const last = given.at(-1)!;
  if (given.length < 2)
    throw usageError("there is no URL", "give files, and then the URL, such as https://example.com/upload/");
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(last) ? last : `https://${last}`;
  if (!URL.canParse(url) || !/^https?:/i.test(url)) throw usageError(`${last} is not a URL`, "the URL comes last");
  return { files: given.slice(0, -1), url };
}

function initOf(flags: UploadFlags, io: Io): UploadInit {
  const { chunkSize, parallel, retries, checksum, name, header = [], resume } = flags;
  const size =
    chunkSize === undefined ? undefined : (parseSize(chunkSize) ?? (/^\d+$/.test(chunkSize) ? Number(chunkSize) : 0));
  if (size === 0) throw usageError(`--chunk-size ${chunkSize} is not a size`, 'give one such as "64 MB"');
  const data = io.env.XDG_DATA_HOME;
  return {
    headers: headersFrom(header, "-H"),
    protocol: parseUploadProtocol(flags.protocol)!,
    parallel,
    chunkSize: size,
    checksum,
    name,
    maxTries: retries,
    ...(resume
      ? { memory: new UploadFolder(data === undefined || data === "" ? undefined : `${data}/nagare/uploads`) }
      : {}),
  };
}

async function clientOptions(flags: UploadFlags): Promise<ClientOptions> {
  return {
    protocols: protocolChoice(flags["http1.1"], flags.http2, flags.http3Only),
    rejectUnauthorized: flags.insecure !== true,
    // An upload may take hours; its own limit is for stalls.
    headersTimeout: 0,
    ...(flags.cacert === undefined ? {} : { ca: await readPem(flags.cacert) }),
  };
}

/** What a person or a script sees of one file. */
class Report {
  readonly #file: string;
  readonly #flags: UploadFlags;
  readonly #io: Io;
  readonly #start = performance.now();
  #progress: Progress | undefined;
  #lastEvent = 0;

  constructor(file: string, flags: UploadFlags, io: Io) {
    this.#file = file;
    this.#flags = flags;
    this.#io = io;
  }

  hooks(): Pick<UploadInit, "onProgress" | "onRetry"> {
    const { json, silent } = this.#flags;
    const isShown = silent !== true && json !== true && this.#io.stderr.isTTY === true;
    return {
      onProgress: ({ sent, acknowledged, length }) => {
        if (isShown) {
          this.#progress ??= new Progress(this.#io.stderr, printable(this.#file), length);
          this.#progress.update(sent);
        }
        const now = performance.now();
        if (json !== true || now - this.#lastEvent < 1_000) return;
        this.#lastEvent = now;
        this.#emit({ event: "progress", sent, acknowledged, length });
      },
      onRetry: ({ reason, offset, wait }) => {
        if (json) this.#emit({ event: "retry", reason, offset, wait });
        else if (silent !== true) {
          this.end();
          const when = wait === 0 ? "" : ` in ${duration(wait)}`;
          this.#io.stderr.write(
            `${printable(`nagare: ${this.#file}: ${reason}; goes on at ${bytes(offset)}${when}`)}\n`,
          );
        }
      },
    };
  }

  done(outcome: UploadOutcome): void {
    const { url, protocol, status, length, sent, retries } = outcome;
    const milliseconds = performance.now() - this.#start;
    this.#progress?.done();
    this.#progress = undefined;
    if (this.#flags.json) {
      this.#emit({
        event: "uploaded",
        url,
        protocol,
        status,
        length,
        sent,
        retries,
        milliseconds: Math.round(milliseconds),
      });
      return;
    }
    if (this.#flags.silent !== true) {
      const how =
        protocol === "plain"
          ? "in one plain request"
          : protocol === "tus"
            ? "by tus 1.0"
            : `by version ${protocol} of the draft`;
      const rate = `${bytes((sent / Math.max(milliseconds, 1)) * 1_000)}/s`;
      const again = retries === 0 ? "" : `, ${retries} ${retries === 1 ? "retry" : "retries"}`;
      this.#io.stderr.write(`${printable(`nagare: ${this.#file}: ${bytes(length)} ${how}, ${rate}${again}`)}\n`);
    }
    if (url !== undefined) this.#io.stdout.write(`${printable(url)}\n`);
    else if (outcome.text !== "")
      this.#io.stdout.write(outcome.text.endsWith("\n") ? outcome.text : `${outcome.text}\n`);
  }

  /** Leaves the line of progress. */
  end(): void {
    if (this.#progress !== undefined) this.#io.stderr.write("\n");
    this.#progress = undefined;
  }

  #emit(event: Record<string, unknown>): void {
    this.#io.stdout.write(`${JSON.stringify({ file: this.#file, ...event })}\n`);
  }
}
