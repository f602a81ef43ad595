// cookies.txt, both ways.
import { expect, test } from "vitest";
import { CookieStore, formatCookieFile, parseCookieFile } from "./index.ts";

const NOW = Date.UTC(2026, 10, 27);

test("what is written is read again, without partitioned cookies and tabs", () => {
  const store = new CookieStore({ profile: "rfc6265bis" });
  const target = { scheme: "https", host: "www.site-a.test", path: "/dir/page" };
  for (const line of [
    "a=1",
    "b=2; Domain=site-a.test; Path=/; Secure; HttpOnly",
    "c=; Max-Age=100",
    "=nameless",
    "t=a\tb",
    "p=1; Secure; Partitioned",
  ])
    store.set(line, target, {}, NOW);
  const text = formatCookieFile(store);
  expect(text.split("\n").slice(3).sort()).toEqual(
    [
      "",
      "#HttpOnly_.site-a.test\tTRUE\t/\tTRUE\t0\tb\t2",
      "www.site-a.test\tFALSE\t/dir\tFALSE\t0\t\tnameless",
      "www.site-a.test\tFALSE\t/dir\tFALSE\t0\ta\t1",
      `www.site-a.test\tFALSE\t/dir\tFALSE\t${NOW / 1_000 + 100}\tc\t`,
    ].sort(),
  );
  const { cookies, badLines } = parseCookieFile(text, NOW);
  expect(badLines).toEqual([]);
  expect(formatCookieFile(cookies)).toBe(text);
});

test("names the lines that are not cookies", () => {
  const lines = [
    "# comment",
    "",
    "a.test\tFALSE\t/\tFALSE\t0\ta\t1",
    "not a cookie",
    "a.test\tFALSE\t/\tFALSE\tsoon\ta\t1",
    "a.test\tFALSE\t/\tFALSE\t0\ta\t1\tmore",
    "\tFALSE\t/\tFALSE\t0\ta\t1",
    "a.test\tFALSE\t/\tFALSE\t0\ta",
  ];
  const { cookies, badLines } = parseCookieFile(lines.join("\r\n"), NOW);
  expect(cookies.map(({ name, value }) => `${name}=${value}`)).toEqual(["a=1", "a="]);
  expect(badLines).toEqual([4, 5, 6, 7]);
});
