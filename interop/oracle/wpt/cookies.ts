/** The tests of cookies/ that are lists of lines: set over HTTP or by a script, with what a script or a server sees afterwards. */

import { type CookieContext, CookieJar } from "../../../src/cookies/index.ts";
import { expectSame, type Stubs } from "./case.ts";

/** The folder of the server's scripts. */
const RESOURCES = "/cookies/resources/";

interface PrefixTest {
  readonly prefix: string;
  readonly params: string;
  readonly origin?: string;
  readonly shouldExistInDOM: boolean;
  readonly shouldExistViaHTTP: boolean;
  readonly title: string;
}

export const cookieStubs: Stubs = ({ url }, add) => {
  const topLevel = url.origin;
  const resource = (name: string, base: string | URL = url): URL => new URL(`${RESOURCES}${name}`, base);
  /** `document.cookie` of a page, or of a frame in it. */
  const inScript = (jar: CookieJar, at: URL): string => {
    const frames = at.origin === topLevel ? [] : [at.origin];
    return fromBytes(jar.header(at, { topLevel, frames, script: true }) ?? "");
  };
  const setAll = (cookie: string | readonly string[], at: URL, context: CookieContext): CookieJar => {
    const jar = new CookieJar();
    for (const line of typeof cookie === "string" ? [cookie] : cookie) jar.set(toBytes(line), at, context);
    return jar;
  };
  const has = (text: string, name: string): boolean => text.split("; ").some((pair) => pair.startsWith(`${name}=`));
  return {
    httpCookieTest(cookie: string | readonly string[], expected: string, name: string, defaultPath = true) {
      add({
        name,
        run() {
          const jar = setAll(cookie, resource("cookie.py"), { topLevel });
          const seen = inScript(jar, defaultPath ? resource("echo-cookie.html") : url);
          expectSame(seen, expected, "document.cookie");
        },
      });
    },
    httpRedirectCookieTest(cookie: string | readonly string[], expected: string, name: string, location: string) {
      add({
        name,
        run() {
          const jar = setAll(cookie, resource("cookie.py"), { topLevel });
          expectSame(inScript(jar, new URL(location, url)), expected, "document.cookie of the frame");
        },
      });
    },
    domCookieTest(cookie: string, expected: string, name: string) {
      add({
        name,
        run() {
          const jar = setAll(cookie, url, { topLevel, script: true });
          expectSame(inScript(jar, url), expected, "document.cookie");
        },
      });
    },
    set_prefixed_cookie_via_http_test({ prefix, params, origin, shouldExistViaHTTP, title }: PrefixTest) {
      add({
        name: title,
        run() {
          const name = `${prefix}prefixtestcookie`;
          const jar = setAll(`${name}=1;${params}`, resource("set.py", origin), { topLevel });
          const sent = jar.header(resource("list.py", origin), { topLevel }) ?? "";
          expectSame(has(sent, name), shouldExistViaHTTP, "whether a request carries it");
        },
      });
    },
    set_prefixed_cookie_via_dom_test({ prefix, params, shouldExistInDOM, shouldExistViaHTTP, title }: PrefixTest) {
      add({
        name: title,
        run() {
          const name = `${prefix}prefixtestcookie`;
          const jar = setAll(`${name}=1;${params}`, url, { topLevel, script: true });
          expectSame(has(inScript(jar, url), name), shouldExistInDOM, "whether document.cookie has it");
          const sent = jar.header(resource("list.py"), { topLevel }) ?? "";
          expectSame(has(sent, name), shouldExistViaHTTP, "whether a request carries it");
        },
      });
    },
  };
};

/** In fields, and in our jar, a character is a byte; scripts see UTF-8. */
const toBytes = (text: string): string => Buffer.from(text, "utf8").toString("latin1");
const fromBytes = (text: string): string => Buffer.from(text, "latin1").toString("utf8");
