import type { IncomingMessage } from "node:http";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { serveHttp, type TestServer } from "../host/client/testing/servers.ts";
import { type Client, createClient } from "./index.ts";

interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

let seen: Seen[];
let here: TestServer;
let there: TestServer;
let client: Client;

/** /STATUS?LOCATION redirects; anything else answers "arrived". */
function serve(): Promise<TestServer> {
  return serveHttp(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    seen.push({ method: request.method!, path: request.url!, headers: request.headers, body });
    const match = /^\/(3\d\d)\?(.*)$/.exec(request.url!);
    if (match !== null) response.writeHead(Number(match[1]), { location: decodeURIComponent(match[2]!) });
    response.end(match === null ? "arrived" : "moved");
  });
}

beforeEach(async () => {
  seen = [];
  [here, there] = await Promise.all([serve(), serve()]);
  client = createClient();
});

afterEach(async () => {
  await client.destroy();
  await Promise.all([here.close(), there.close()]);
});

const to = (status: number, location: string) => `${here.url}${status}?${encodeURIComponent(location)}`;

describe("redirect: follow", () => {
  test("leads to the final response, on the same connection", async () => {
    const response = await client.fetch(to(302, "/final?x=1"));
    expect(await response.text()).toBe("arrived");
    expect(response.redirected).toBe(true);
    expect(response.url).toBe(`${here.url}final?x=1`);
    expect(client.facts(response)!.redirects.map(({ status }) => status)).toEqual([302]);
    expect(here.connections()).toBe(1);
  });

  test.each([
    [301, "POST", "GET", ""],
    [302, "POST", "GET", ""],
    [303, "POST", "GET", ""],
    [303, "PUT", "GET", ""],
    [302, "PUT", "PUT", "body"],
    [307, "POST", "POST", "body"],
    [308, "POST", "POST", "body"],
  ])("%i turns %s into %s", async (status, method, expected, body) => {
    await client.fetch(to(status, "/final"), { method, body: "body", headers: { "content-type": "text/x" } });
    expect(seen[1]).toMatchObject({ method: expected, body });
    expect(seen[1]!.headers["content-type"]).toBe(body === "" ? undefined : "text/x");
  });

  test("a stream cannot be sent twice", async () => {
    const body = new Blob(["body"]).stream();
    await expect(client.fetch(to(307, "/final"), { method: "POST", body })).rejects.toMatchObject({
      code: "REDIRECT_INVALID",
    });
  });

  test("credentials stay with their origin", async () => {
    const headers = { authorization: "Bearer secret", cookie: "a=b", "x-mine": "yes" };
    await client.fetch(to(302, "/same"), { headers });
    expect(seen[1]!.headers).toMatchObject(headers);
    await client.fetch(to(302, `${there.url}other`), { headers });
    expect(seen[3]!.headers).toMatchObject({ "x-mine": "yes" });
    expect(seen[3]!.headers).not.toHaveProperty("authorization");
    expect(seen[3]!.headers).not.toHaveProperty("cookie");
  });

  test("stops after twenty", async () => {
    let url = `${here.url}end`;
    for (let i = 0; i < 20; i++) url = to(302, url);
    expect(await (await client.fetch(url)).text()).toBe("arrived");
    await expect(client.fetch(to(302, url))).rejects.toMatchObject({ code: "TOO_MANY_REDIRECTS" });
  });

  test.each(["ftp://localhost/", "https://[", "http://user@localhost/"])("does not follow %s", async (location) => {
    await expect(client.fetch(to(302, location))).rejects.toMatchObject({ code: "REDIRECT_INVALID" });
  });
});

test("redirect: manual returns the redirect itself", async () => {
  const response = await client.fetch(to(302, "/final"), { redirect: "manual" });
  expect(response.status).toBe(302);
  expect(response.headers.get("location")).toBe("/final");
  expect(await response.text()).toBe("moved");
  expect(seen).toHaveLength(1);
});

test("redirect: error refuses", async () => {
  await expect(client.fetch(to(302, "/final"), { redirect: "error" })).rejects.toMatchObject({
    code: "REDIRECT_REFUSED",
  });
  expect(seen).toHaveLength(1);
});

test("a redirect status without a location is an ordinary response", async () => {
  const plain = await serveHttp((_request, response) => void response.writeHead(302).end("here"));
  const response = await client.fetch(plain.url);
  expect(response.status).toBe(302);
  expect(await response.text()).toBe("here");
  await plain.close();
});
