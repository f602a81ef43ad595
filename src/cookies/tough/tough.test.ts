// nagare/cookies/tough: what tough-cookie's own tests (npm run tough-suite) do not cover, and a selection of what they do.
import { expect, test } from "vitest";
import { type Callback, Cookie, CookieJar, MemoryCookieStore, PrefixSecurityEnum, Store } from "./index.ts";

const URL_A = "https://a.test/dir/page";

test("promises, callbacks and synchronous calls give the same", async () => {
  const jar = new CookieJar();
  await jar.setCookie("a=1; Path=/", URL_A);
  await new Promise<void>((resolve) => jar.setCookie("b=2; Path=/; HttpOnly", URL_A, () => resolve()));
  jar.setCookieSync("c=3; Path=/", URL_A);
  expect(await jar.getCookieString(URL_A)).toBe("a=1; b=2; c=3");
  expect(jar.getCookieStringSync(URL_A, { http: false })).toBe("a=1; c=3");
  expect(await new Promise((resolve) => jar.getCookieString(URL_A, (_error, text) => resolve(text)))).toBe(
    "a=1; b=2; c=3",
  );
  expect(jar.getSetCookieStringsSync(URL_A)[1]).toBe("b=2; Path=/; HttpOnly");
});

test("a context decides about SameSite and partitions; without one a request is same-site, in its own partition", () => {
  const jar = new CookieJar();
  const frame = { kind: "frame", topLevel: "https://b.test" } as const;
  jar.setCookieSync("un=1", URL_A);
  jar.setCookieSync("own=1; Secure; SameSite=None; Partitioned", URL_A);
  jar.setCookieSync("framed=1; Secure; SameSite=None; Partitioned", URL_A, { context: frame });
  expect(jar.getCookieStringSync(URL_A)).toBe("un=1; own=1");
  expect(jar.getCookieStringSync(URL_A, { context: frame })).toBe("framed=1");
  expect(jar.getCookieStringSync(URL_A, { sameSiteContext: "lax" })).toBe("un=1; own=1");
  expect(jar.getCookieStringSync(URL_A, { sameSiteContext: "none" })).toBe("");
  const copy = CookieJar.deserializeSync(JSON.parse(JSON.stringify(jar)));
  expect(copy.getCookieStringSync(URL_A, { context: frame })).toBe("framed=1");
  expect(copy.getCookieStringSync(URL_A)).toBe("un=1; own=1");
});

test("what a browser refuses is an error, or undefined with ignoreError", async () => {
  const jar = new CookieJar();
  for (const line of [
    "a=1; SameSite=None",
    "a=1; Domain=co.uk",
    "a\u0001=1",
    "a=1; Secure; Partitioned; Domain=b.test",
    `a=${"x".repeat(4_096)}`,
  ]) {
    await expect(jar.setCookie(line, URL_A)).rejects.toThrow();
    expect(jar.setCookieSync(line, URL_A, { ignoreError: true })).toBeUndefined();
  }
  expect(jar.setCookieSync("__Host-a=1", URL_A)).toBeUndefined();
  const strict = new CookieJar(undefined, { prefixSecurity: PrefixSecurityEnum.STRICT });
  expect(() => strict.setCookieSync("__host-a=1", URL_A)).toThrow("__Host prefix");
  jar.setCookieSync("s=1; Secure; Path=/", URL_A);
  await expect(jar.setCookie("s=2; Path=/", "http://a.test/")).rejects.toThrow("http may not replace");
});

test("a host cookie and a domain cookie of one name are two", () => {
  const jar = new CookieJar();
  jar.setCookieSync("a=host; Path=/", URL_A);
  jar.setCookieSync("a=domain; Path=/; Domain=a.test", URL_A);
  expect(jar.getCookieStringSync(URL_A)).toBe("a=host; a=domain");
  expect(jar.getCookieStringSync("https://www.a.test/")).toBe("a=domain");
});

test("an asynchronous store of one's own works, but not synchronously", async () => {
  class SlowStore extends Store {
    readonly #inner = new MemoryCookieStore();
    override findCookie(domain: string, path: string, key: string, callback?: Callback<Cookie | undefined>) {
      return this.#later(() => this.#inner.findCookie(domain, path, key), callback);
    }
    override findCookies(
      domain: string,
      path: string | null,
      _special?: boolean | Callback<Cookie[]>,
      callback?: Callback<Cookie[]>,
    ) {
      return this.#later(() => this.#inner.findCookies(domain, path), callback);
    }
    override putCookie(cookie: Cookie, callback?: (error: Error | null) => void) {
      return this.#later(() => this.#inner.putCookie(cookie), callback);
    }
    override updateCookie(_old: Cookie, cookie: Cookie, callback?: (error: Error | null) => void) {
      return this.putCookie(cookie, callback);
    }
    async #later<T>(start: () => Promise<T>, callback?: Callback<T>): Promise<T> {
      const value = await start();
      callback?.(null, value);
      return value;
    }
  }
  const jar = new CookieJar(new SlowStore());
  await jar.setCookie("a=1", URL_A);
  await jar.setCookie("a=2", URL_A);
  expect(await jar.getCookieString(URL_A)).toBe("a=2");
  expect(() => jar.getCookiesSync(URL_A)).toThrow("not synchronous");
});

test("expired cookies are removed, and a lifetime can be changed on the object", () => {
  const jar = new CookieJar();
  const cookie = new Cookie({ key: "a", value: "1", path: "/" });
  cookie.setMaxAge(-1);
  jar.setCookieSync("a=1; Path=/", URL_A);
  jar.setCookieSync(cookie, URL_A);
  expect(jar.getCookiesSync(URL_A)).toEqual([]);
});
