import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { GetCookies } from "./cookies.ts";
import { saveKept } from "./kept-text.ts";

/** The `cookie` field for `to` after a response from each of `from`. */
async function sent(to: string, ...from: readonly (readonly [url: string, setCookie: string])[]) {
  const jar = await GetCookies.from([], true);
  for (const [url, value] of from) jar.store([["set-cookie", value]], new URL(url));
  return jar.header(new URL(to), false, false);
}

describe("a cookie of a server", () => {
  test.each([
    ["for its own host", "https://a.example.com/", "a=b", "https://a.example.com/", "a=b"],
    ["for its domain", "https://a.example.com/", "a=b; domain=example.com", "https://b.example.com/", "a=b"],
    ["for another domain", "https://a.example.com/", "a=b; domain=other.com", "https://other.com/", undefined],
    ["for a public suffix", "https://a.co.uk/", "a=b; domain=co.uk", "https://b.co.uk/", undefined],
    ["for a top-level domain", "https://a.com/", "a=b; domain=com", "https://b.com/", undefined],
    ["for a top-level domain with a trailing dot", "https://a.com./", "a=b; domain=com.", "https://b.com./", undefined],
    ["with a tab in its name", "https://a.com/", "a\tb=c", "https://a.com/", undefined],
    ["with a tab in its path", "https://a.com/", "a=b; path=/\tFALSE\t0\tc\td", "https://a.com/", undefined],
    ["that is secure, set over http", "http://a.com/", "a=b; secure", "https://a.com/", undefined],
    ["that violates its prefix", "https://a.com/", "__Secure-a=b", "https://a.com/", undefined],
    [
      "for one host that names a domain",
      "https://a.com/",
      "__Host-a=b; secure; path=/; domain=a.com",
      "https://a.com/",
      undefined,
    ],
    ["for one host", "https://a.com/", "__Host-a=b; secure; path=/", "https://a.com/", "__Host-a=b"],
  ])("%s", async (_what, from, value, to, expected) => {
    expect(await sent(to, [from, value])).toBe(expected);
  });

  test("set over http does not replace or hide a secure one", async () => {
    const set = ["https://a.com/", "a=good; secure; path=/"] as const;
    expect(await sent("https://a.com/x/", set, ["http://a.com/", "a=evil; path=/"])).toBe("a=good");
    expect(await sent("https://a.com/x/", set, ["http://a.com/", "a=evil; path=/x"])).toBe("a=good");
    expect(await sent("https://a.com/x/", set, ["http://b.a.com/", "a=evil; path=/; domain=a.com"])).toBe("a=good");
    expect(await sent("https://a.com/", set, ["https://a.com/", "a=new; path=/"])).toBe("a=new");
  });

  test("goes when its site sends Clear-Site-Data over https", async () => {
    const jar = await GetCookies.from([], true);
    for (const scheme of ["https", "http"]) {
      jar.store([["set-cookie", `${scheme}=1; path=/`]], new URL(`${scheme}://a.com/`));
      jar.store([["Clear-Site-Data", '"cookies"']], new URL(`${scheme}://www.a.com/`));
    }
    expect(jar.header(new URL("https://a.com/"), false, false)).toBe("http=1");
  });

  test("is one line of seven columns in the file", async () => {
    const folder = await mkdtemp(join(tmpdir(), "nagare-cookies-"));
    const jar = await GetCookies.from([], true);
    const lines = ["a=b", "c=d\te", "f\tg=h", "i=j; path=/\tTRUE\t0\tk\tl"];
    jar.store(
      lines.map((line) => ["set-cookie", line] as const),
      new URL("https://a.com/"),
    );
    await saveKept(join(folder, "jar"), "the cookies", jar.cookieFile(), {} as never);
    const rows = (await readFile(join(folder, "jar"), "utf8")).split("\n").filter((row) => row.startsWith("a.com"));
    expect(rows).toEqual(["a.com\tFALSE\t/\tFALSE\t0\ta\tb"]);
    await rm(folder, { recursive: true });
  });
});
