/** What every oracle is told. */

export interface OracleOptions {
  /** True to write Chromium's verdicts; false to compare them with those that were recorded. */
  readonly record: boolean;
  /** Only the parts whose name contains this. */
  readonly only: string;
  readonly log: (line: string) => void;
}
