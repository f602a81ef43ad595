// createClient({ cookies }): the jar's cookies on requests and redirects. What the jar decides is tested in agent/cookies.
import { afterAll, beforeAll, expect, test } from "vitest";
import { serveHttp, type TestServer } from "../host/client/testing/servers.ts";
import { CookieJar } from "../host/cookies/jar.ts";
import { type Client, createClient, type FetchInit } from "./index.ts";

let server: TestServer;
let client: Client;
let jar: CookieJar;

/** /set?LINE sets a cookie, /clear?VALUE sends Clear-Site-Data, /to?URL redirects and sets one, everything else answers with the field `cookie`. */
beforeAll(async () => {
  server = await serveHttp((request, response) => {
    const [path, query = ""] = request.url!.split("?");
    if (path === "/set") response.setHeader("set-cookie", decodeURIComponent(query).split("|"));
    if (path === "/clear") response.setHeader("clear-site-data", decodeURIComponent(query).split("|"));
    if (path === "/to") response.writeHead(302, { location: decodeURIComponent(query), "set-cookie": "hop=1; Path=/" });
    response.end(request.headers.cookie ?? "none");
  });
  jar = new CookieJar();
  client = createClient({ cookies: jar, resolve: () => ["127.0.0.1"] });
});

afterAll(async () => {
  await client.destroy();
  await server.close();
});

const on = (host: string, path: string, query = ""): string =>
  `http://${host}:${server.port}${path}${query === "" ? "" : `?${encodeURIComponent(query)}`}`;
const fetchText = async (url: string, init: FetchInit = {}): Promise<string> => (await client.fetch(url, init)).text();

test("cookies of responses go with later requests to their host, redirects included", async () => {
  await fetchText(on("a.test", "/set", "x=1; Path=/|y=2; Path=/other|z=3; Path=/; SameSite=Strict"));
  expect(await fetchText(on("a.test", "/"))).toBe("x=1; z=3");
  expect(await fetchText(on("b.test", "/"))).toBe("none");
  expect(await fetchText(on("b.test", "/to", on("a.test", "/")))).toBe("x=1; z=3");
  expect(await fetchText(on("b.test", "/"))).toBe("hop=1");
});

test("a context makes the request that of a document", async () => {
  await fetchText(on("c.test", "/set", "st=1; Path=/; SameSite=Strict|la=1; Path=/; SameSite=Lax"));
  const link = { kind: "top-level", initiator: "https://other.test" } as const;
  expect(await fetchText(on("c.test", "/"), { cookieContext: link })).toBe("la=1");
  expect(await fetchText(on("c.test", "/"), { cookieContext: link, method: "POST" })).toBe("none");
  const image = { topLevel: "https://other.test" };
  expect(await fetchText(on("c.test", "/"), { cookieContext: image })).toBe("none");
  await fetchText(on("c.test", "/set", "no=1; Path=/"), { cookieContext: image });
  expect(await fetchText(on("c.test", "/"))).toBe("st=1; la=1");
});

test("a field of the caller comes first, and credentials: omit leaves the jar out", async () => {
  await fetchText(on("d.test", "/set", "x=1; Path=/"));
  expect(await fetchText(on("d.test", "/"), { headers: { cookie: "own=1" } })).toBe("own=1; x=1");
  expect(await fetchText(on("d.test", "/"), { credentials: "omit" })).toBe("none");
  await fetchText(on("d.test", "/set", "y=1; Path=/"), { credentials: "omit" });
  expect(await fetchText(on("d.test", "/"))).toBe("x=1");
});

test("Clear-Site-Data deletes the cookies of the site, if it is trustworthy and the request has credentials", async () => {
  const names = (host: string): string[] => jar.get(on(host, "/")).map(({ name }) => name);
  for (const host of ["e.localhost", "e.test"]) await fetchText(on(host, "/set", "x=1; Path=/"));
  await fetchText(on("e.localhost", "/clear", '"cookies"'), { credentials: "omit" });
  await fetchText(on("e.localhost", "/clear", "cookies"));
  await fetchText(on("e.test", "/clear", '"cookies"'));
  expect([names("e.localhost"), names("e.test")]).toEqual([["x"], ["x"]]);
  await fetchText(on("e.localhost", "/clear", '"cache"|"cookies"'));
  expect([names("e.localhost"), names("e.test")]).toEqual([[], ["x"]]);
});
