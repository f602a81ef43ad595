/** A Set-Cookie line and where it comes from. */

export interface SetCase {
  readonly id: string;
  /** Where the line comes from. */
  readonly url: string;
  /** A line that was stored before, and where it came from. */
  readonly before?: { readonly url: string; readonly line: string };
  /**
   * Latin-1: a character is a byte. `{dd}`, `{d}`, `{Mon}`, `{Month}`, `{yyyy}`, `{yy}`, `{hh}`, `{mm}` and `{ss}` stand for
   * the parts of a time 30 days ahead.
   */
  readonly line: string;
}

export type Add = (group: string, url: string, line: string, before?: SetCase["before"]) => void;

export const PAGE = "https://site-a.test/dir/page";
