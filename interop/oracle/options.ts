/** What every oracle is told. */

export interface OracleOptions {
  /** True to write Chromium's verdicts; false to compare them with those that were recorded. */
  readonly record: boolean;
  /** Only the parts whose name contains this. */
  readonly only: string;
  /** A checkout of abarth/http-state, to compare its vectors instead, or of web-platform-tests. */
  readonly source: string | undefined;
  readonly log: (line: string) => void;
}
