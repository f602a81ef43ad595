/** A folder with a second one, whose files replace those of the first for clients that prefer a "safe" site (RFC 8674). */

import type { ServerExchange } from "../../host/http/exchange.ts";
import { Preferences, preferValues } from "../../http/index.ts";
import { PreferredExchange } from "../modifiers/preferred.ts";
import { FileService, type FilesOptions } from "./service.ts";

/** The service of a folder, with the variant that `safe` names. Throws a `ServeError` if a folder is missing or cannot be read. */
export const createFileService = (
  directory: string,
  { safe, ...options }: FilesOptions,
): FileService | SafeFileService =>
  safe === undefined ? new FileService(directory, options) : new SafeFileService(directory, safe, options);

class SafeFileService {
  readonly #usual: FileService;
  readonly #safe: FileService;
  /** The requests for which the safe folder has no file. */
  readonly #missing = new WeakSet<ServerExchange>();

  constructor(directory: string, safe: string, options: Omit<FilesOptions, "safe">) {
    this.#usual = new FileService(directory, options);
    const onMissing = (exchange: ServerExchange): void => {
      this.#missing.add(exchange);
      this.#usual.handle(exchange);
    };
    this.#safe = new FileService(safe, { ...options, spa: false, listing: false, onMissing });
  }

  readonly handle = (exchange: ServerExchange): void => {
    const preferences = new Preferences(preferValues(exchange.fields));
    const isSafe = preferences.safe;
    if (isSafe) preferences.apply("safe");
    // RFC 8674 §2: both variants vary, also for requests without the preference.
    const preferred: PreferredExchange = new PreferredExchange(
      exchange,
      preferences,
      () => !this.#missing.has(preferred),
    );
    (isSafe ? this.#safe : this.#usual).handle(preferred);
  };
}
