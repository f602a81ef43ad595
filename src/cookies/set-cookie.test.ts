// setCookie(): what browsers refuse is refused on the server, with the reason.
import { expect, test } from "vitest";
import { CookieJar, setCookie } from "./index.ts";

test.each([
  [["id", "1"], "id=1; Path=/"],
  [
    ["id", "1", { maxAge: 60, secure: true, httpOnly: true, sameSite: "lax" }],
    "id=1; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Lax",
  ],
  [["__Host-id", "1", { secure: true }], "__Host-id=1; Path=/; Secure"],
  [["id", "", { expires: new Date(0), path: "/a" }], "id=; Path=/a; Expires=Thu, 01 Jan 1970 00:00:00 GMT"],
  [
    ["id", "1", { domain: "a.test", url: "https://www.a.test/", secure: true, sameSite: "none", partitioned: true }],
    "id=1; Domain=a.test; Path=/; Secure; SameSite=None; Partitioned",
  ],
  [["id", "1", { secure: true, url: "http://localhost:3000/" }], "id=1; Path=/; Secure"],
] as const)("setCookie(...%j) is %s", (args, line) => {
  expect(setCookie(...(args as unknown as Parameters<typeof setCookie>))).toBe(line);
  const jar = new CookieJar();
  expect(jar.set(line, args[2] && "url" in args[2] ? args[2].url : "https://www.a.test/a").kind).not.toBe("refused");
});

test.each([
  [["id", "1", { sameSite: "none" }], ["SameSiteNoneInsecure"]],
  [["__Host-id", "1", { secure: true, path: "/app" }], ["InvalidPrefix"]],
  [["__Host-id", "1", { secure: true, domain: "a.test" }], ["InvalidPrefix"]],
  [["__Secure-id", "1"], ["InvalidPrefix"]],
  [["id", "1", { partitioned: true }], ["InvalidPartitioned"]],
  [["id", "1", { domain: "co.uk" }], ["InvalidDomain"]],
  [["id", "1", { domain: "b.test", url: "https://a.test/" }], ["InvalidDomain"]],
  [["id", "1", { secure: true, url: "http://a.test/" }], ["SecureOnly"]],
  [["id", "x".repeat(4_095)], ["NameValuePairExceedsMaxSize"]],
  [["id", "1", { context: { kind: "frame", topLevel: "https://shop.example" } }], ["SameSiteUnspecifiedTreatedAsLax"]],
  [["id", "1; Secure"], ["InvalidValue"]],
  [["id", "ü"], ["InvalidValue"]],
  [["id", "a\r\nb"], ["InvalidValue"]],
  [["i d", "1"], ["InvalidValue"]],
  [["", "1"], ["InvalidValue"]],
  [["id", "1", { path: "app" }], ["InvalidValue"]],
  [["id", "1", { path: "/;Secure" }], ["InvalidValue"]],
  [["id", "1", { maxAge: Number.NaN }], ["InvalidValue"]],
  [["id", "1", { expires: new Date(Number.NaN) }], ["InvalidValue"]],
] as const)("setCookie(...%j) is refused: %j", (args, reasons) => {
  expect(() => setCookie(...(args as unknown as Parameters<typeof setCookie>))).toThrow(
    expect.objectContaining({ name: "SetCookieError", reasons }),
  );
});
