/** The cases of Clear-Site-Data: a response with the field, in or of a page, and which cookies are left. */

/** A cookie that is there before. */
export interface ClearSeed {
  /** The origin of the page that asks for it. */
  readonly page: string;
  /** The URL whose response sets it. */
  readonly url: string;
  readonly line: string;
}

export interface ClearCase {
  readonly id: string;
  /** The origin of the page that fetches the URL; none if the user types it. */
  readonly page?: string;
  readonly url: string;
  readonly credentials?: "omit";
  /** The origin of a redirect, whose response has the fields instead. */
  readonly via?: string;
  /** The lines of Clear-Site-Data. */
  readonly lines: readonly string[];
  /** A Set-Cookie line of the same response. */
  readonly sets?: string;
}

const A = "https://site-a.test";
const SUB = "https://sub.site-a.test";
const B = "https://site-b.test";
const HTTP_A = "http://site-a.test";
const CROSS = "Path=/; Secure; SameSite=None";

export const CLEAR_SEEDS: readonly ClearSeed[] = [
  { page: A, url: `${A}/`, line: `host=1; ${CROSS}` },
  { page: A, url: `${A}/`, line: "only=1; Path=/deep; Secure; HttpOnly; SameSite=Strict" },
  { page: SUB, url: `${SUB}/`, line: `domain=1; Domain=site-a.test; ${CROSS}` },
  { page: SUB, url: `${SUB}/`, line: `sub=1; ${CROSS}` },
  { page: HTTP_A, url: `${HTTP_A}/`, line: "http=1; Path=/" },
  { page: A, url: `${A}/`, line: `own=1; ${CROSS}; Partitioned` },
  { page: B, url: `${A}/`, line: `embedded=1; ${CROSS}; Partitioned` },
  { page: B, url: `${B}/`, line: `other=1; ${CROSS}` },
  { page: A, url: `${B}/`, line: `third=1; ${CROSS}; Partitioned` },
];

const FIELDS: readonly (readonly string[])[] = [
  ['"cookies"'],
  ['"*"'],
  ['"cache"'],
  ['"storage"'],
  ['"clientHints"'],
  ['"executionContexts"'],
  ['"cache", "cookies"'],
  ['"cache","cookies"'],
  ['\t"cookies"\t,'],
  ['"storage:inbox", "cookies"'],
  ['"cache"', '"cookies"'],
  ['"cookies", nothing'],
  ['"nothing", "cookies"'],
  ["cookies"],
  ["*"],
  ["'cookies'"],
  ['"Cookies"'],
  ['" cookies"'],
  ['"cookies";a=1'],
  ['"cookies" "cache"'],
  ['"cookies", \u00e9'],
  [""],
  ['{"types": ["cookies"]}'],
];

export function clearCases(): readonly ClearCase[] {
  const cookies = ['"cookies"'];
  const each: Omit<ClearCase, "id">[] = [
    ...FIELDS.map((lines) => ({ page: A, url: `${A}/`, lines })),
    { page: A, url: `${A}/`, lines: cookies, sets: `new=1; ${CROSS}` },
    { page: A, url: `${A}/`, lines: cookies, credentials: "omit" },
    { page: A, url: `${SUB}/deep`, lines: cookies },
    { page: SUB, url: `${A}/`, lines: cookies },
    { page: B, url: `${A}/`, lines: cookies },
    { page: B, url: `${A}/`, lines: cookies, credentials: "omit" },
    { page: A, url: `${B}/`, lines: cookies },
    { page: HTTP_A, url: `${HTTP_A}/`, lines: cookies },
    { page: HTTP_A, url: `${A}/`, lines: cookies },
    { page: A, url: `${A}/`, lines: cookies, via: B },
    { page: B, url: `${B}/`, lines: cookies, via: A },
    { url: `${A}/`, lines: cookies },
    { url: `${SUB}/`, lines: ['"*"'] },
    { url: `${HTTP_A}/`, lines: cookies },
    { url: `${B}/`, lines: cookies, via: A },
  ];
  return each.map((one) => ({ id: idOf(one), ...one }));
}

const idOf = ({ page = "typed", url, via, credentials, lines, sets }: Omit<ClearCase, "id">): string =>
  [page, via, url, credentials, sets === undefined ? undefined : "sets", JSON.stringify(lines)]
    .filter((each) => each !== undefined)
    .join(" ");
