/** The report on deprecated routes: NDJSON lines at intervals, and when the server closes. */

import { createHash } from "node:crypto";
import { describeFault, type Fault, guard } from "../../../host/guard.ts";
import { ServeError } from "../../../host/listen/errors.ts";
import { duration, Timer } from "../../../host/timer.ts";
import { fieldValue, isFieldName } from "../../../http/index.ts";
import { type AddressPolicy, addressFor, siteOf } from "../access-log/record.ts";
import { isSensitiveField } from "../access-log/redaction.ts";
import { FileSink, type LineSink, OutputSink } from "../access-log/sink.ts";
import type { ObservedExchange } from "../observed-exchange.ts";
import { type DeprecatedUsage, DeprecatedUses } from "./usage.ts";

const DEFAULT_INTERVAL = 3_600_000;

/** Where the report on deprecated routes goes, and what it distinguishes. */
export interface DeprecationReportOptions {
  /** The path of a file, or "-" for standard output, the default. */
  readonly to?: string | undefined;
  /** Milliseconds between reports. An hour by default. The last report comes when the server closes. */
  readonly interval?: number | undefined;
  /** What the report holds of client addresses: all of it, the network (/24 or /48, the default), or nothing. */
  readonly address?: AddressPolicy | undefined;
  /**
   * A request field that names the caller, such as "x-client-id". Of a field that carries a credential, such as "x-api-key", the
   * report holds the beginning of its SHA-256 digest.
   */
  readonly caller?: string | undefined;
  /** Callers in one report; the rest is counted together. 1,000 by default. */
  readonly maxCallers?: number | undefined;
  /** Takes each report, instead of a file. */
  readonly onReport?: ((usage: readonly DeprecatedUsage[]) => void) | undefined;
}

export class DeprecationReport {
  readonly #options: DeprecationReportOptions;
  readonly #sink: LineSink | undefined;
  readonly #uses: DeprecatedUses;
  readonly #timer: Timer;

  private constructor(
    options: DeprecationReportOptions,
    interval: number,
    sink: LineSink | undefined,
    log: (line: string) => void,
  ) {
    this.#options = options;
    this.#sink = sink;
    this.#uses = new DeprecatedUses(options.maxCallers);
    const onFault = (fault: Fault): void => {
      log(describeFault(fault));
      this.#timer.refresh();
    };
    const run = guard("deprecation report", onFault, () => this.#report());
    this.#timer = new Timer(run, interval).unref();
  }

  /** Rejects with a `ServeError` for options that cannot be used. `log` hears of a file that cannot be written. */
  static async open(given: string | DeprecationReportOptions, log: (line: string) => void): Promise<DeprecationReport> {
    const options = typeof given === "string" ? { to: given } : given;
    const { to = "-", caller, maxCallers = 1, onReport } = options;
    const interval = duration("deprecationReport.interval", options.interval ?? DEFAULT_INTERVAL);
    if (caller !== undefined && !isFieldName(caller.toLowerCase()))
      throw new ServeError("OPTION_INVALID", `deprecationReport.caller ${caller} is not a field name`);
    if (!(maxCallers >= 1))
      throw new ServeError("OPTION_INVALID", `deprecationReport.maxCallers is ${maxCallers}: give at least 1`);
    if (onReport !== undefined) return new DeprecationReport(options, interval, undefined, log);
    const sink = to === "-" ? new OutputSink(undefined) : await FileSink.open(to, undefined, log);
    return new DeprecationReport(options, interval, sink, log);
  }

  /** Call when an exchange has ended. */
  note(exchange: ObservedExchange): void {
    const state = exchange.deprecation;
    if (state === undefined) return;
    const { address = "network", caller } = this.#options;
    const { receivedFields } = exchange;
    const [path = ""] = exchange.path.split("?", 1);
    this.#uses.note(
      {
        site: siteOf(exchange.authority),
        route: exchange.route ?? path,
        state,
        address: addressFor(exchange.clientAddress, address),
        userAgent: fieldValue(receivedFields, "user-agent"),
        caller: caller === undefined ? undefined : callerOf(caller.toLowerCase(), receivedFields),
      },
      exchange.time,
    );
  }

  #report(): void {
    const usage = this.#uses.take();
    this.#timer.refresh();
    if (usage.length === 0) return;
    if (this.#options.onReport !== undefined) this.#options.onReport(usage);
    for (const each of usage) this.#sink?.write(JSON.stringify(each));
  }

  async reopen(): Promise<void> {
    await this.#sink?.reopen();
  }

  async close(): Promise<void> {
    this.#report();
    this.#timer.clear();
    await this.#sink?.close();
  }
}

function callerOf(name: string, fields: ObservedExchange["receivedFields"]): string | undefined {
  const value = fieldValue(fields, name);
  if (value === undefined || !isSensitiveField(name)) return value;
  return `sha256:${createHash("sha256").update(value, "latin1").digest("hex").slice(0, 16)}`;
}
