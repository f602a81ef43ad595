import { expect, test } from "vitest";
import { isSensitiveField, redactedReferer, redactedTarget } from "./redaction.ts";

test.each([
  ["/plain", "/plain"],
  ["/a?user=alice&token=s3cret", "/a?user=*&token=*"],
  ["/a?eyJhbGciOiJIUzI1NiJ9", "/a?*"],
  ["/a?=value", "/a?*"],
  [`/a?${"k".repeat(65)}=v`, "/a?*"],
  ["/a?a=b=c?d&&e", "/a?a=*&&*"],
  ["/a?", "/a?"],
  ["*", "*"],
])("the values of %s are not logged", (target, names) => {
  expect(redactedTarget(target, "names")).toBe(names);
  expect(redactedTarget(target, "none")).toBe(target.split("?")[0]);
  expect(redactedTarget(target, "full")).toBe(target);
});

test("endless parameters are cut", () => {
  expect(redactedTarget(`/?${"a=1&".repeat(1_000)}`, "names").split("&")).toHaveLength(65);
});

test.each([
  ["https://user:password@example.com/a?b=c#d", "https://example.com/a?b=*"],
  ["https://example.com/a@b", "https://example.com/a@b"],
  ["/relative#token=x", "/relative"],
])("a referer has no user information and no fragment: %s", (referer, expected) => {
  expect(redactedReferer(referer, "names")).toBe(expected);
});

test("fields with credentials are known", () => {
  const sensitive = ["authorization", "Cookie", "proxy-authorization", "x-csrf-token", "x-api-key", "x-amz-signature"];
  expect(sensitive.filter((name) => !isSensitiveField(name))).toEqual([]);
  expect(["accept-language", "host", "x-request-id"].filter(isSensitiveField)).toEqual([]);
});
