/** The access log: a line for each request, when it has ended. */

import { ServeError } from "../../../host/listen/errors.ts";
import type { ObservedExchange } from "../observed-exchange.ts";
import { ACCESS_LOG_FORMATS, type AccessLogFormat, formatRecord } from "./formats.ts";
import { type RecordOptions, type RequestRecord, recordOf } from "./record.ts";
import { FileSink, type LineSink, OutputSink } from "./sink.ts";

/** A logger with pino's `info(object, message)`. */
export interface InfoLogger {
  /** Writes a record with a message, like pino's `info`. */
  info(record: object, message: string): void;
}

/** Where the access log goes, and what it says. */
export interface AccessLogOptions extends RecordOptions {
  /** The path of a file, or "-" for standard output, the default. */
  readonly to?: string | undefined;
  /**
   * "json" (one object per line), "common" or "combined" (NCSA's formats, which many tools read), or "text" for people.
   * "json" by default.
   */
  readonly format?: AccessLogFormat | undefined;
  /** Bytes that wait for a slow reader or disk. Further lines are dropped and counted. 1 MiB by default. */
  readonly buffer?: number | undefined;
  /** Takes each record as an object, instead of a file. */
  readonly logger?: InfoLogger | undefined;
  /** Takes each record, instead of a file. */
  readonly onRecord?: ((record: RequestRecord) => void) | undefined;
}

const QUERY = ["names", "full", "none"];
const ADDRESS = ["full", "network", "none"];

export class AccessLog {
  readonly #options: AccessLogOptions;
  readonly #take: (record: RequestRecord) => void;
  readonly #sink: LineSink | undefined;

  private constructor(options: AccessLogOptions, take: (record: RequestRecord) => void, sink: LineSink | undefined) {
    this.#options = options;
    this.#take = take;
    this.#sink = sink;
  }

  /** `log` hears of a file that cannot be written. */
  static async open(given: string | AccessLogOptions, log: (line: string) => void): Promise<AccessLog> {
    const options = typeof given === "string" ? { to: given } : given;
    const { to = "-", format = "json", logger, onRecord, buffer } = options;
    check("format", format, ACCESS_LOG_FORMATS);
    check("query", options.query, QUERY);
    check("address", options.address, ADDRESS);
    if (buffer !== undefined && !(buffer > 0)) {
      throw new ServeError(
        "OPTION_INVALID",
        `accessLog.buffer ${buffer} is not a size: give a number of bytes above 0`,
      );
    }
    if (onRecord !== undefined) return new AccessLog(options, onRecord, undefined);
    if (logger !== undefined) {
      return new AccessLog(options, (record) => logger.info(record, `${record.method} ${record.status}`), undefined);
    }
    const sink = to === "-" ? new OutputSink(buffer) : await FileSink.open(to, buffer, log);
    return new AccessLog(options, (record) => sink.write(formatRecord(record, format)), sink);
  }

  /** Lines that were dropped. */
  get dropped(): number {
    return this.#sink?.dropped ?? 0;
  }

  note(exchange: ObservedExchange): void {
    this.#take(recordOf(exchange, this.#options));
  }

  async reopen(): Promise<void> {
    await this.#sink?.reopen();
  }

  async close(): Promise<void> {
    await this.#sink?.close();
  }
}

function check(option: string, value: string | undefined, values: readonly string[]): void {
  if (value === undefined || values.includes(value)) return;
  throw new ServeError("OPTION_INVALID", `accessLog.${option} is one of ${values.join(", ")}, not ${String(value)}`);
}
