/** The programs of examples/ that show HTTP's newer parts give the same responses over HTTP/1.1, HTTP/2 and HTTP/3. */
import { noticeOf } from "nagare/http";
import { expect, test } from "vitest";
import { askingOf, start, VERSIONS } from "./programs.ts";

test("notices: an API announces its end, and clients choose what they read", async () => {
  const port = await start(() => import("../../examples/notices/main.ts"));
  for (const [protocol, httpVersion] of VERSIONS) {
    const { fetch, url } = askingOf(port, protocol, httpVersion);
    const first = await fetch(`${url}/v1/notes`);
    await first.text();
    expect(noticeOf(first)).toMatchObject({ deprecation: Date.UTC(2026, 0), successor: "/v2/notes", problems: [] });
    const prefer = { prefer: "return=minimal, respond-async, wait=0" };
    const posted = await fetch(`${url}/v2/notes`, { method: "POST", body: "note", headers: prefer });
    expect([posted.status, posted.headers.get("preference-applied")]).toEqual([204, "return=minimal"]);
    const safe = await fetch(`${url}/`, { headers: { prefer: "safe" } });
    expect(await safe.text()).toBe(`the safe page over ${protocol}\n`);
    expect(safe.headers.get("vary")).toBe("prefer");
  }
});

test("geo: a price follows the client's hint as far as the feed confirms it", async () => {
  const port = await start(() => import("../../examples/geo/main.ts"));
  for (const [protocol, httpVersion] of VERSIONS) {
    const { fetch, url } = askingOf(port, protocol, httpVersion);
    const answers = [];
    for (const hint of ['"JP"', '"US"']) {
      const response = await fetch(`${url}/`, { headers: { "sec-ch-ip-geo": hint } });
      expect([response.headers.get("accept-ch"), response.headers.get("vary")]).toEqual([
        "Sec-CH-IP-Geo",
        "sec-ch-ip-geo",
      ]);
      answers.push(await response.json());
    }
    expect(answers).toEqual([
      { currency: "JPY", verdict: "coarser", over: protocol },
      { currency: "JPY", verdict: "mismatch", over: protocol },
    ]);
  }
});

test("replay: uploads to a server that hands back what it has", async () => {
  const port = await start(() => import("../../examples/replay/main.ts"));
  for (const [protocol, httpVersion] of VERSIONS) {
    const { fetch, url } = askingOf(port, protocol, httpVersion);
    expect(await (await fetch(`${url}/`)).text()).toBe(`POST something over ${protocol}\n`);
    const uploaded = await fetch(`${url}/`, { method: "POST", body: "abc" });
    const digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    expect(await uploaded.text()).toBe(`${digest} over ${protocol}\n`);
  }
});

test("priorities: a server that knows better says so", async () => {
  const port = await start(() => import("../../examples/priorities/main.ts"));
  for (const [protocol, httpVersion] of VERSIONS) {
    const { fetch, url } = askingOf(port, protocol, httpVersion);
    const page = await fetch(`${url}/`, { headers: { priority: "u=0, i" } });
    expect(await page.text()).toContain(`over ${protocol}, asked for urgency 0, in pieces`);
    const tiles = [];
    for (const path of ["/tile/2/2.svg", "/tile/4/0.svg"]) {
      const tile = await fetch(url + path, { headers: { priority: "u=5, i" } });
      await tile.text();
      tiles.push(tile.headers.get("priority"));
    }
    expect(tiles).toEqual(["u=2", "u=4"]);
  }
});
