/** Publishes a geofeed (RFC 8805): checked when it is loaded, so that a broken file never replaces a good one. */

import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import type { ServerExchange } from "../../host/http/exchange.ts";
import { respondContent, respondText } from "../../host/http/respond-text.ts";
import { ServeError } from "../../host/listen/errors.ts";
import { combinedFieldValue, type FieldLine, formatHttpDate, Geofeed } from "../../http/index.ts";
import { evaluatePreconditions, type Validators } from "../files/preconditions.ts";

/** A feed that is published. */
export interface GeofeedOptions {
  /** The file, in CSV as RFC 8805 describes. */
  readonly file: string;
  /** Milliseconds for which readers may keep it. A day by default; they should read it at least once a week. */
  readonly maxAge?: number | undefined;
}

const DEFAULT_MAX_AGE = 86_400_000;
/** Bytes. The largest published feeds have some 100 MB. */
const MAX_SIZE = 512 * 1024 * 1024;
/** Problems that a message names. */
const SHOWN = 3;

export class GeofeedService {
  readonly #content: Uint8Array;
  readonly #validators: Validators;
  readonly #fields: readonly FieldLine[];

  private constructor(content: Uint8Array, modified: number, maxAge: number) {
    this.#content = content;
    const etag = `"${createHash("sha256").update(content).digest("base64url").slice(0, 22)}"`;
    const lastModified = Math.floor(modified / 1_000) * 1_000;
    this.#validators = { etag, lastModified, strongDate: false };
    this.#fields = [
      ["etag", etag],
      ["last-modified", formatHttpDate(lastModified)],
      ["cache-control", `max-age=${Math.floor(maxAge / 1_000)}`],
    ];
  }

  /** Rejects with a `ServeError` that names the lines, if the file is not a feed. `log` hears of warnings. */
  static async open(
    { file, maxAge = DEFAULT_MAX_AGE }: GeofeedOptions,
    log: (line: string) => void,
  ): Promise<GeofeedService> {
    const { content, modified } = await readWhole(file);
    const { summary } = Geofeed.parse(content);
    const { findings, errors, warnings } = summary;
    const of = (severity: string): string =>
      findings
        .filter((finding) => finding.severity === severity)
        .slice(0, SHOWN)
        .map(({ line, message }) => `${file}:${line}: ${message}`)
        .join("; ");
    if (errors > 0) {
      const more = errors > SHOWN ? `; and ${errors - SHOWN} more: see nagare geofeed check` : "";
      throw new ServeError("OPTION_INVALID", `the geofeed is not valid: ${of("error")}${more}`);
    }
    if (warnings > 0) log(`nagare: the geofeed has ${warnings} warnings: ${of("warning")}`);
    return new GeofeedService(content, modified, maxAge);
  }

  readonly handle = (exchange: ServerExchange): void => {
    const { method, fields } = exchange;
    if (method !== "GET" && method !== "HEAD") {
      respondText(exchange, 405, undefined, [["allow", "GET, HEAD"]]);
      return;
    }
    const field = (name: string): string | undefined => combinedFieldValue(fields, name);
    const { status } = evaluatePreconditions(field, this.#validators, Date.now());
    if (status !== 200) exchange.respond(status, this.#fields, { endStream: true });
    else respondContent(exchange, 200, this.#content, "text/csv; charset=utf-8", this.#fields);
  };
}

async function readWhole(name: string): Promise<{ readonly content: Uint8Array; readonly modified: number }> {
  try {
    const { size, mtimeMs } = await stat(name);
    if (size > MAX_SIZE) throw new Error(`it has ${size} bytes, and ${MAX_SIZE} can be published`);
    return { content: await readFile(name), modified: mtimeMs };
  } catch (cause) {
    throw new ServeError("OPTION_INVALID", `cannot read the geofeed ${name}: ${(cause as Error).message}`, { cause });
  }
}
