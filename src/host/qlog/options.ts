/** The options of recording, by names for people. */

/**
 * "rfc" is qlog as the current drafts have it. "qvis" has the names that qvis loads: those of qlog 0.3, with the old
 * namespaces.
 */
export type QlogDialect = "rfc" | "qvis";

export const QLOG_DIALECTS: readonly QlogDialect[] = ["rfc", "qvis"];

/** Where and how connections are recorded. Give `directory` or `file`. */
export interface QlogOptions {
  /** The folder for the files, one for each connection. It is created if it does not exist. */
  readonly directory?: string | undefined;
  /** Instead of `directory`: one file for all connections, whose events name them. An existing file is replaced. */
  readonly file?: string | undefined;
  /** Default: "rfc". */
  readonly dialect?: QlogDialect | undefined;
  /** False to keep the values of cookies and credentials, and the queries of URLs. Default: true. */
  readonly redact?: boolean | undefined;
  /** Bytes at which a recording stops. Default: 64 MiB. */
  readonly maxFileSize?: number | undefined;
  /** Bytes of all recordings in the folder. To stay below, the oldest files are deleted. Default: 1 GiB. */
  readonly maxFolderSize?: number | undefined;
  /** Receives a line if recording fails. Traffic continues. Default: standard error. */
  readonly log?: ((line: string) => void) | undefined;
}

export interface QlogFormat {
  readonly dialect: QlogDialect;
  readonly redact: boolean;
  readonly maxFileSize: number;
}

export type QlogTarget =
  | { readonly type: "folder"; readonly path: string; readonly maxSize: number }
  | { readonly type: "file"; readonly path: string };

export interface QlogSettings extends QlogFormat {
  readonly target: QlogTarget;
  readonly log: (line: string) => void;
}

const MIB = 1024 * 1024;
/** Room for the header of a file, and for a few events. */
const MIN_SIZE = 4096;

/** Throws a TypeError for unusable options. A string is the folder. */
export function qlogSettings(options: string | QlogOptions, log = toStandardError): QlogSettings {
  const given = typeof options === "string" ? { directory: options } : options;
  const target = targetOf(given);
  const { dialect = "rfc", redact = true, maxFileSize = 64 * MIB } = given;
  if (!QLOG_DIALECTS.includes(dialect)) {
    throw new TypeError(`unknown dialect of qlog "${dialect}": use one of ${QLOG_DIALECTS.join(", ")}`);
  }
  checkSize("maxFileSize", maxFileSize);
  return { target, dialect, redact, maxFileSize, log: given.log ?? log };
}

function targetOf(options: QlogOptions): QlogTarget {
  const { directory, file, maxFolderSize } = (options ?? {}) as QlogOptions;
  if (directory !== undefined && file !== undefined) throw new TypeError("qlog takes a directory or a file, not both");
  const path = file ?? directory;
  if (typeof path !== "string" || path === "") throw new TypeError("qlog takes a folder, { directory } or { file }");
  if (file === undefined) {
    const maxSize = maxFolderSize ?? 1024 * MIB;
    checkSize("maxFolderSize", maxSize);
    return { type: "folder", path, maxSize };
  }
  if (maxFolderSize !== undefined) throw new TypeError("qlog.maxFolderSize is for a directory, not for a file");
  return { type: "file", path };
}

function checkSize(name: string, size: unknown): void {
  if (typeof size === "number" && size >= MIN_SIZE) return;
  throw new TypeError(`qlog.${name} takes a number of bytes, ${MIN_SIZE} or more, not ${size}`);
}

function toStandardError(line: string): void {
  process.stderr.write(`${line}\n`);
}
