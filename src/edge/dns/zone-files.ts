/** The zone files of a name server: loaded, and loaded again when they change. */

import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { Authority, PresentationError, parseName, Zone } from "../../dns/index.ts";
import { FileWatch } from "../../host/file-watch.ts";
import { detach, type Fault } from "../../host/guard.ts";
import { ServeError } from "../../host/listen/errors.ts";

/** A zone file, and the name that completes its relative names. */
export interface ZoneFile {
  readonly path: string;
  readonly origin: string;
}

export interface ZoneFilesOptions {
  readonly watch: boolean;
  readonly log: (line: string) => void;
  readonly onFault: (fault: Fault) => void;
}

/**
 * Reads `ORIGIN=FILE`, or a file named after its zone: `example.test.zone`, or `db.example.test` as BIND's users have it.
 * Throws a `ServeError`.
 */
export function zoneFileOf(text: string): ZoneFile {
  const [, given, path = text] = /^([^=/]+)=(.+)$/.exec(text) ?? [];
  const name = basename(path);
  const origin = given ?? /^(.+)\.zone$/.exec(name)?.[1] ?? /^db\.(.+)$/.exec(name)?.[1];
  if (origin === undefined) {
    throw new ServeError("CONFIG_INVALID", `${text}: which zone is it? Write example.test=${text}`);
  }
  try {
    return { path, origin: parseName(origin) };
  } catch (error) {
    throw problemIn(text, error);
  }
}

export class ZoneFiles {
  readonly authority = new Authority([]);
  readonly #files: readonly ZoneFile[];
  readonly #options: ZoneFilesOptions;
  #watches: readonly FileWatch[] = [];

  private constructor(files: readonly ZoneFile[], options: ZoneFilesOptions) {
    this.#files = files;
    this.#options = options;
  }

  /** Rejects with a `ServeError` that names the file and the line. */
  static async load(files: readonly ZoneFile[], options: ZoneFilesOptions): Promise<ZoneFiles> {
    const zones = new ZoneFiles(files, options);
    zones.authority.replace(await loadAll(files));
    if (options.watch) zones.#watch();
    return zones;
  }

  /** Loads all files again. If one cannot be used, the previous zones stay. */
  async reload(): Promise<void> {
    const { log } = this.#options;
    try {
      const zones = await loadAll(this.#files);
      this.authority.replace(zones);
      for (const { origin, soa } of zones) {
        if (soa.data.type === "SOA") log(`nagare: zone ${origin} has serial ${soa.data.serial}`);
      }
    } catch (error) {
      if (!(error instanceof ServeError)) throw error;
      log(`nagare: the previous zones stay in use: ${error.message}`);
    }
  }

  #watch(): void {
    const { onFault } = this.#options;
    const onChange = (): void => detach("dns zone changed", onFault, this.reload());
    this.#watches = this.#files.map(({ path }) => new FileWatch(path, { onChange, onFault }));
  }

  close(): void {
    for (const watch of this.#watches) watch.close();
  }
}

async function loadAll(files: readonly ZoneFile[]): Promise<readonly Zone[]> {
  const zones: Zone[] = [];
  for (const file of files) {
    const zone = await loadOne(file);
    if (zones.some(({ origin }) => origin.toLowerCase() === zone.origin.toLowerCase())) {
      throw new ServeError("CONFIG_INVALID", `${file.path}: the zone ${zone.origin} is there already`);
    }
    zones.push(zone);
  }
  return zones;
}

async function loadOne({ path, origin }: ZoneFile): Promise<Zone> {
  try {
    return Zone.parse(await readFile(path, "utf8"), origin);
  } catch (error) {
    throw problemIn(path, error);
  }
}

function problemIn(path: string, cause: unknown): unknown {
  if (cause instanceof PresentationError)
    return new ServeError("CONFIG_INVALID", `${path}: ${cause.message}`, { cause });
  const { code } = cause as NodeJS.ErrnoException;
  if (code === undefined) return cause;
  const why = code === "ENOENT" ? "there is no such file" : code === "EISDIR" ? "it is a folder" : code;
  return new ServeError("CONFIG_INVALID", `cannot read the zone file ${path}: ${why}`, { cause });
}
