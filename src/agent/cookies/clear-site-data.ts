/** The field Clear-Site-Data: which data of its site a response clears (W3C Clear Site Data §3.1), as Chromium reads it. */

/** The kinds of data, by their names in the field. Only `cookies` is about a jar. */
export const SITE_DATA = [
  "cache",
  "clientHints",
  "cookies",
  "executionContexts",
  "prefetchCache",
  "prerenderCache",
  "storage",
] as const;

/** A kind of data that Clear-Site-Data may name. */
export type SiteData = (typeof SITE_DATA)[number];

/** What a field Clear-Site-Data says. */
export interface ClearSiteData {
  /** The kinds that are cleared, in the order of `SITE_DATA`. */
  readonly clears: readonly SiteData[];
  /** Members of the list that browsers ignore, as they are written. */
  readonly ignored: readonly string[];
}

/** Reads the field; several lines are joined with a comma. Browsers know a name only in double quotes, and in this case. */
export function parseClearSiteData(value: string): ClearSiteData {
  const members = value
    .split(",")
    .map((each) => each.trim())
    .filter((each) => each !== "");
  // Chromium ignores the whole field then.
  if (!/^[\0-\x7f]*$/.test(value)) return { clears: [], ignored: members };
  const isAll = members.includes('"*"');
  const isOfBucket = (member: string): boolean => member.startsWith('"storage:') && member.endsWith('"');
  return {
    clears: SITE_DATA.filter((each) => isAll || members.includes(`"${each}"`)),
    ignored: members.filter(
      (each) => each !== '"*"' && !isOfBucket(each) && !SITE_DATA.some((kind) => each === `"${kind}"`),
    ),
  };
}
