import { expect, test } from "vitest";
import { parseLinks } from "../http/index.ts";
import { hintedOrigins, linkedOrigins, MAX_PRECONNECTS } from "./preconnect.ts";

const from = (page: string, field: string): string[] =>
  linkedOrigins(new URL(page), parseLinks(field), (target) =>
    URL.canParse(target, page) ? new URL(target, page) : undefined,
  );

test("links with rel=preconnect name other origins of https, each once and a few at most", () => {
  const field = '<https://cdn.example>; rel=preconnect, <//img.example:8443/x>; rel="preconnect dns-prefetch"';
  expect(from("https://www.example/", field)).toEqual(["https://cdn.example", "https://img.example:8443"]);
  expect(from("https://www.example/", `${field}, ${field}`)).toHaveLength(2);
  expect(from("http://www.example/", field)).toEqual([]);
  for (const other of [
    "<http://cdn.example>; rel=preconnect",
    "</local>; rel=preconnect",
    "<https://cdn.example>; rel=preload",
    "<https://cdn.example>; rel=preconnect; crossorigin=anonymous",
    "<https://user@cdn.example>; rel=preconnect",
    "<https://[>; rel=preconnect",
  ]) {
    expect(from("https://www.example/", other)).toEqual([]);
  }
  const many = Array.from({ length: 100 }, (_, i) => `<https://x${i}.example>; rel=preconnect`).join(", ");
  expect(from("https://www.example/", many)).toHaveLength(MAX_PRECONNECTS);
});

test("public pages do not make connections to private names; private ones may", () => {
  const hosts = ["localhost", "printer", "nas.local", "db.internal", "192.168.1.1", "[::1]", "8.8.8.8", "a.test"];
  for (const host of hosts) {
    const link = `<https://${host}:8443>; rel=preconnect`;
    expect([host, from("https://www.example/", link)]).toEqual([host, []]);
    expect([host, from("https://dev.localhost/", link)]).toEqual([host, [`https://${host}:8443`]]);
    expect([host, hintedOrigins("www.example", [host])]).toEqual([host, []]);
  }
});

test("hints name public hosts for https", () => {
  const names = ["www.example.", "CDN.example.", "a b.example.", "\\001.example.", "cdn.example."];
  expect(hintedOrigins("www.example", names)).toEqual(["https://cdn.example"]);
  const many = Array.from({ length: 50 }, (_, i) => `x${i}.example.`);
  expect(hintedOrigins("www.example", many)).toHaveLength(MAX_PRECONNECTS);
});
