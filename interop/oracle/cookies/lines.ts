/** The cases of single Set-Cookie lines: every byte, every form of an attribute, every relation of host and domain. */

import { dates } from "./dates.ts";
import { domains } from "./domains.ts";
import { type Add, PAGE, type SetCase } from "./set-case.ts";

export function setCases(): readonly SetCase[] {
  const cases: SetCase[] = [];
  const counts = new Map<string, number>();
  const add = (group: string, url: string, line: string, before?: SetCase["before"]): void => {
    const count = (counts.get(group) ?? 0) + 1;
    counts.set(group, count);
    cases.push({ id: `${group}/${count}`, url, line, ...(before === undefined ? {} : { before }) });
  };
  bytes(add);
  pairs(add);
  lifetimes(add);
  dates(add);
  domains(add);
  paths(add);
  sameSites(add);
  prefixes(add);
  schemes(add);
  replacements(add);
  return cases;
}

/** RFC 6265bis §5.6, step 1: all control bytes but CR and LF, which end a field, and NUL, which ends a connection; and others. */
const BYTES = [
  ...Array.from({ length: 0x20 }, (_, i) => i + 1),
  0x7e,
  0x7f,
  0x80,
  0x81,
  0xa0,
  0xa1,
  0xe9,
  0xea,
  0xfe,
  0xff,
];

function bytes(add: Add): void {
  for (const byte of BYTES.filter((each) => each !== 0x0a && each !== 0x0d)) {
    const char = String.fromCharCode(byte);
    add("byte-in-name", PAGE, `na${char}me=value`);
    add("byte-in-value", PAGE, `name=va${char}lue`);
    add("byte-before-name", PAGE, `${char}name=value`);
    add("byte-after-value", PAGE, `name=value${char}`);
    if (byte < 0x80) add("byte-in-path", PAGE, `name=value; Path=/dir${char}/x`);
    add("byte-in-unknown-attribute", PAGE, `name=value; Un${char}known=${char}`);
  }
}

function pairs(add: Add): void {
  for (const pair of [
    "a=1",
    "a=",
    "a",
    "=a",
    "==a",
    "=a=b",
    "=a=",
    "= =a",
    "==",
    "a==",
    "a=b=c",
    "=",
    "",
    " ",
    ";",
    " ; Secure",
    "=;Secure",
    "a =1",
    "a= 1",
    " a = 1 ",
    "\ta\t=\t1\t",
    'a="1"',
    'a="1; 2"',
    "a='1'",
    "a=1,b=2",
    "a=1,2",
    "a b=1",
    "a=1 2",
    "a=1;b=2",
    "a;b",
    "a;b=c",
    "a=1;;;",
    "a=1; ;Secure",
    "a=1;=;Secure",
    "a=1;Secure=no",
    "a=1;secure=",
    "a=1;SECURE",
    "a=1;\tSecure\t",
    "a=1; Secure; HttpOnly",
    "a=1;HttpOnly=false",
    "a=1; httponly",
    "a=1; Http Only",
    "a=1;Secure;Secure",
    "a=%20",
    "a=\u00e9",
    "\u00e9=1",
    "$Version=1",
    "a=1;version=1",
    "__proto__=1",
    "constructor=x",
    "a=[1]",
    "a={}",
    "a=<b>",
    "(a)=1",
    "a@b=1",
    "a:b=1",
    "a/b=1",
    "a?=1",
    "a\\b=1",
    '"a"=1',
    "Set-Cookie: a=1",
    "Cookie=a=1",
    "a=1; expires",
    "a=1; domain",
    "a=1; path",
    "a=1; max-age",
    "a=1; samesite",
    "a=1 ; Path=/x",
    "a=1;path =/x",
    "a=1; Path = /x",
    "a=1; Priority=High",
    'a=1; Comment="x;y"',
  ]) {
    add("pair", PAGE, pair);
  }
  for (const length of [4_094, 4_095, 4_096, 4_097, 5_000, 8_000]) {
    add("size", PAGE, `a=${"x".repeat(length - 1)}`);
    add("size-name", PAGE, `${"n".repeat(length)}=`);
    add("size-nameless", PAGE, "v".repeat(length));
    add("size-with-attributes", PAGE, `a=${"x".repeat(length - 1)}; Secure; Path=/; HttpOnly`);
  }
  add("size", PAGE, `a=${"\u00c3\u00a9".repeat(2_047)}`);
  add("size", PAGE, `a=${"\u00c3\u00a9".repeat(2_048)}`);
  for (const length of [1_022, 1_023, 1_024, 1_025, 2_000]) {
    add("attribute-size", PAGE, `a=1; Path=/${"p".repeat(length - 1)}`);
    add("attribute-size", PAGE, `a=1; Path=/x; Path=/${"p".repeat(length - 1)}`);
    add("attribute-size", PAGE, `a=1; Domain=${"d".repeat(length)}`);
    add("attribute-size", PAGE, `a=1; SameSite=${"s".repeat(length)}`);
    add("attribute-size", PAGE, `a=1; SameSite=Strict; SameSite=${"s".repeat(length)}`);
    add("attribute-size", PAGE, `a=1; ${"u".repeat(length)}=1; Secure`);
    add("attribute-size", PAGE, `a=1; Secure=${"u".repeat(length)}`);
    add("attribute-size", PAGE, `a=1; Max-Age=${"1".repeat(length)}`);
  }
}

function lifetimes(add: Add): void {
  for (const value of [
    "100",
    "0",
    "-1",
    "-0",
    "+5",
    "+0",
    "+",
    "-",
    "",
    " 100 ",
    "1e3",
    "1.5",
    "100s",
    "0x10",
    '"100"',
    "100 200",
    "50,399",
    "00100",
    "34559999",
    "34560000",
    "34560001",
    "99999999999",
    "9223372036854775807",
    "9223372036854775808",
    "99999999999999999999999",
    "-99999999999999999999999",
    "--5",
    "+-5",
    "- 5",
    "\u0663",
    "100; Max-Age=abc",
    "abc; Max-Age=100",
    "100; Max-Age=200",
    "100; Max-Age=",
    "100; Max-Age=0",
    "0; Max-Age=100",
  ]) {
    add("max-age", PAGE, `a=1; Max-Age=${value}`);
    add("max-age-over-expires", PAGE, `a=1; Max-Age=${value}; Expires=Thu, 01 Jan 1970 00:00:00 GMT`);
    add("max-age-after-expires", PAGE, `a=1; Expires={dd} {Mon} {yyyy} {hh}:{mm}:{ss}; Max-Age=${value}`);
  }
}

function paths(add: Add): void {
  for (const path of [
    "/",
    "/dir",
    "/dir/",
    "/dir/page",
    "/dir/page/",
    "/dir/deep/page",
    "//",
    "//dir/page",
    "/dir//page",
    "/a%20b/page",
    "/a%2Fb/page",
    "/caf%C3%A9/page",
    "/dir;x/page",
    "/dir,x/page",
    "/./x",
    "/DIR/page",
  ]) {
    add("default-path", `https://site-a.test${path}`, "a=1");
    add("default-path", `https://site-a.test${path}`, "a=1; Path=relative");
  }
  for (const value of [
    "/",
    "/x",
    "/x/",
    "x",
    "",
    " ",
    "/x; Path=",
    "/x; Path=/y",
    "; Path=/y",
    "/x; Path=y",
    "//",
    "/a b",
    "/a%20b",
    "/a%2Fb",
    "/a\u00e9",
    "/caf\u00c3\u00a9",
    '"/x"',
    "/x?y",
    "/x#y",
    "/x,y",
    "/../x",
    "/./x",
    "/x\\y",
    "http://site-a.test/x",
    "/X",
    "*",
    "/*",
    "/<x>",
    "/[x]",
    "/x=y",
    "/x;Secure",
  ]) {
    add("path", PAGE, `a=1; Path=${value}`);
  }
}

function sameSites(add: Add): void {
  for (const value of [
    "Strict",
    "strict",
    "STRICT",
    "Lax",
    "lax",
    "None",
    "none",
    "",
    "Bogus",
    "Extended",
    "Lax,Strict",
    '"Lax"',
    " Lax ",
    "Strict; SameSite=Bogus",
    "Bogus; SameSite=Strict",
    "Strict; SameSite=Lax",
    "Lax; SameSite=None",
    "None; SameSite=",
    "Strict; SameSite",
    "No_Restriction",
    "unspecified",
  ]) {
    add("samesite", PAGE, `a=1; SameSite=${value}`);
    add("samesite-secure", PAGE, `a=1; SameSite=${value}; Secure`);
    add("samesite-http", "http://site-a.test/dir/page", `a=1; SameSite=${value}`);
  }
  for (const partitioned of [
    "Partitioned",
    "partitioned",
    "Partitioned=1",
    "Partitioned; SameSite=None",
    "Partitioned; SameSite=Lax",
    "Partitioned; Path=/",
    "Partitioned; HttpOnly",
    "Partitioned; Domain=site-a.test",
    "Partition",
    "Partitioned; Partitioned",
  ]) {
    add("partitioned", PAGE, `a=1; Secure; ${partitioned}`);
    add("partitioned-insecure", PAGE, `a=1; ${partitioned}`);
    add("partitioned-http", "http://site-a.test/dir/page", `a=1; Secure; ${partitioned}`);
    add("partitioned-http-insecure", "http://site-a.test/dir/page", `a=1; ${partitioned}`);
  }
  add("partitioned-localhost", "http://localhost/dir/page", "a=1; Secure; Partitioned");
  add("partitioned-localhost", "https://localhost/dir/page", "a=1; Secure; Partitioned");
}

function prefixes(add: Add): void {
  const attributes = [
    "",
    "; Secure",
    "; Secure; Path=/",
    "; Path=/",
    "; Secure; Path=/x",
    "; Secure; HttpOnly",
    "; Secure; HttpOnly; Path=/",
    "; Secure; Path=/; Domain=site-a.test",
    "; Secure; HttpOnly; Path=/; Domain=site-a.test",
    "; HttpOnly; Path=/",
    "; Secure; Path=/; Domain=",
  ];
  for (const name of [
    "__Secure-a",
    "__secure-a",
    "__Host-a",
    "__host-a",
    "__HOST-a",
    "__Http-a",
    "__http-a",
    "__Host-Http-a",
    "__host-http-a",
    "__Host-",
    "__Hosta",
    "_Host-a",
    "__Secure-",
  ]) {
    for (const each of attributes) add("prefix", PAGE, `${name}=1${each}`);
    for (const each of ["", "; Secure; Path=/", "; Secure; HttpOnly; Path=/"]) {
      add("prefix-http", "http://site-a.test/", `${name}=1${each}`);
      add("prefix-localhost", "http://localhost/", `${name}=1${each}`);
    }
  }
  for (const pair of [
    "__Host-a",
    "=__Host-a=1",
    "=__host-a",
    "__Secure-a",
    "= __Secure-a=1",
    "==__Host-a",
    "__Http-a",
    "=__Host-Http-a=1",
    "=__Hos",
    " __Host-a",
    "=\t__Host-a=1",
  ]) {
    add("prefix-in-value", PAGE, `${pair}; Secure; HttpOnly; Path=/`);
  }
  for (const line of [
    "__Host-a=1; Secure; Path=/",
    "__Host-a=1; Secure; Path=/; Domain=127.0.0.1",
    "__Host-a=1; Secure; Path=/; Domain=.127.0.0.1",
  ]) {
    add("prefix-ip", "https://127.0.0.1/", line);
    add("prefix-ip", "http://127.0.0.1/", line);
  }
  add("prefix-suffix", "https://github.io/", "__Host-a=1; Secure; Path=/; Domain=github.io");
  add("prefix-root", "https://site-a.test/", "__Host-a=1; Secure");
}

function schemes(add: Add): void {
  for (const host of [
    "site-a.test",
    "sub.site-a.test",
    "localhost",
    "app.localhost",
    "127.0.0.1",
    "localhost.test",
    "intranet",
  ]) {
    for (const attributes of ["", "; Secure", "; Secure; HttpOnly", "; SameSite=None; Secure", "; SameSite=None"]) {
      add(`scheme/http/${host}`, `http://${host}/dir/page`, `a=1${attributes}`);
      add(`scheme/https/${host}`, `https://${host}/dir/page`, `a=1${attributes}`);
    }
  }
}

function replacements(add: Add): void {
  const http = "http://site-a.test/dir/page";
  const set = (line: string, url = PAGE): SetCase["before"] => ({ url, line });
  for (const before of [
    "a=old; Secure; Path=/",
    "a=old; Secure; Path=/dir",
    "a=old; Secure; Path=/login",
    "a=old; Path=/",
    "a=old; Secure; Path=/; Domain=site-a.test",
    "b=old; Secure; Path=/",
    "a=old; Secure; Path=/; HttpOnly",
  ]) {
    for (const path of ["/", "/dir", "/dir/x", "/login", "/login/x", "/loginx"])
      add("leave-secure", http, `a=new; Path=${path}`, set(before));
    add("leave-secure", "http://sub.site-a.test/dir/page", "a=new; Path=/", set(before));
    add("leave-secure", "http://sub.site-a.test/dir/page", "a=new; Path=/; Domain=site-a.test", set(before));
    add("leave-secure", PAGE, "a=new; Path=/", set(before));
  }
  add(
    "leave-secure",
    http,
    "a=new; Path=/; Domain=site-a.test",
    set("a=old; Secure; Path=/", "https://sub.site-a.test/dir/page"),
  );
  add("leave-secure", http, "a=new; Path=/", set("a=old; Secure; Path=/", "https://sub.site-a.test/dir/page"));
  add("leave-secure", http, "a=new; Path=/; Max-Age=0", set("a=old; Secure; Path=/"));
  add("leave-secure", "http://localhost/", "a=new; Path=/", set("a=old; Secure; Path=/", "http://localhost/"));
  add("delete", PAGE, "a=; Path=/; Max-Age=0", set("a=old; Path=/"));
  add("delete", PAGE, "a=; Max-Age=0", set("a=old; Path=/"));
  add("delete", PAGE, "a=; Path=/; Domain=site-a.test; Max-Age=0", set("a=old; Path=/"));
  add("delete", PAGE, "a=; Path=/; Max-Age=0", set("a=old; Path=/; Secure; Partitioned"));
  add("delete", PAGE, "a=; Path=/; Max-Age=0; Secure; Partitioned", set("a=old; Path=/; Secure; Partitioned"));
  add("replace", PAGE, "a=new; Path=/; Domain=site-a.test", set("a=old; Path=/"));
  add("replace", PAGE, "a=new; Path=/; HttpOnly", set("a=old; Path=/"));
  add("replace", PAGE, "a=new; Path=/; Secure; Partitioned", set("a=old; Path=/; Secure"));
  add("replace", PAGE, "=new; Path=/", set("old; Path=/"));
  add("replace", PAGE, "a=new; Path=/", set("a; Path=/"));
}
