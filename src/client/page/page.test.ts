// What is read from HTML, CSS and scripts, and the bounds of a hostile page.
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CookieJar } from "../../host/cookies/jar.ts";
import { type Client, createClient } from "../client.ts";
import { htmlReferences } from "./html.ts";
import { type LoadedPage, loadPage, type PageLimits } from "./index.ts";

const BASE = "https://a.test/dir/page";
const read = (html: string): string[] =>
  htmlReferences(html, BASE).references.map(
    ({ kind, url, mode, isBlocking }) =>
      `${kind} ${url.replace("https://a.test", "")} ${mode}${isBlocking ? " blocking" : ""}`,
  );

describe("a document asks for", () => {
  test.each<[string, string[]]>([
    ["<img src=x.png>", ["image /dir/x.png no-cors"]],
    ["<IMG SRC='/x.png' CROSSORIGIN>", ["image /x.png cors"]],
    ['<img srcset="1.png 1x, 2.png 2x">', ["image /dir/1.png no-cors", "image /dir/2.png no-cors"]],
    ["<img srcset='a.png 1x,b.png 2x'>", ["image /dir/a.png no-cors", "image /dir/b.png no-cors"]],
    [
      "<img srcset=' , a.png,, b,c.png\n2x , d.png,'>",
      ["image /dir/a.png no-cors", "image /dir/b,c.png no-cors", "image /dir/d.png no-cors"],
    ],
    ["<img srcset='a.png f(1, 2) 1x,b.png (,'>", ["image /dir/a.png no-cors", "image /dir/b.png no-cors"]],
    ["<img srcset=',, ,'>", []],
    ["<base href=/other/><base href=/no/><img src=x.png>", ["image /other/x.png no-cors"]],
    ["<script src=a.js></script>", ["script /dir/a.js no-cors blocking"]],
    ["<script src=a.js defer></script>", ["script /dir/a.js no-cors"]],
    ["<script src=a.js type=module></script>", ["script /dir/a.js cors"]],
    ["<script type=text/template src=a.js></script>", []],
    [
      '<script type=module>import "./b.js"; import("/c.js"); import "bare"; // import "./no.js"</script>',
      ["script /dir/b.js cors", "script /c.js cors"],
    ],
    ["<script>new Worker('/w.js'); '<img src=no.png>'</script>", ["worker /w.js no-cors"]],
    ["<link rel='preload stylesheet' href=a.css>", ["style /dir/a.css no-cors blocking"]],
    ["<link rel=stylesheet media=print href=a.css>", ["style /dir/a.css no-cors"]],
    ["<link rel=preload as=font crossorigin href=f.woff2>", ["font /dir/f.woff2 cors"]],
    [
      "<style>@import 'b.css'; p { background: url(\"c.png\") } /* url(no.png) */ @font-face { src: url(f.woff2) }</style>",
      ["style /dir/b.css no-cors blocking", "font /dir/f.woff2 cors", "image /dir/c.png no-cors"],
    ],
    ["<p style='background: url(\\63.png)'>", ["image /dir/c.png no-cors"]],
    [
      "<video src=v.mp4 poster=p.png><track src=t.vtt></video>",
      ["image /dir/p.png no-cors", "media /dir/v.mp4 no-cors", "track /dir/t.vtt cors"],
    ],
    [
      "<!-- <img src=no.png> --><template><img src=no.png></template><noscript><img src=no.png></noscript><textarea><img src=no.png></textarea>",
      [],
    ],
    ["<img src='https://['><img src=''>", []],
  ])("%s", (html, expected) => expect(read(html)).toEqual(expected));

  test("frames, with what their attributes permit", () => {
    const { frames } = htmlReferences(
      "<iframe src=a></iframe><iframe srcdoc='<p>' sandbox allow='cross-origin-isolated; fullscreen'></iframe><iframe credentialless src=data:,x></iframe><iframe>",
      BASE,
    );
    expect(
      frames.map(({ url, isAllowed, credentialless, isSandboxed }) => [url, isAllowed, credentialless, isSandboxed]),
    ).toEqual([
      ["https://a.test/dir/a", false, false, false],
      ["about:srcdoc", true, false, true],
      ["data:,x", false, true, false],
      ["about:blank", false, false, false],
    ]);
  });

  test("at most 2,000 resources, however deep", () => {
    const { references, isCut } = htmlReferences("<div><img src=x>".repeat(200_000), BASE);
    expect([references.length, isCut]).toEqual([2_000, true]);
    expect(htmlReferences("<img src=x>".repeat(2_000), BASE).isCut).toBe(false);
  });
});

describe("a page", () => {
  const MiB = 1024 * 1024;
  let server: Server;
  let origin: string;
  let client: Client;
  const asked: { readonly path: string; readonly headers: IncomingHttpHeaders }[] = [];

  /** Writes as fast as the client reads, until it goes. */
  function pour(response: ServerResponse, chunk: string, bytes: number): void {
    let left = bytes;
    const more = (): void => {
      while (left > 0 && !response.destroyed) {
        left -= chunk.length;
        if (!response.write(chunk)) return void response.once("drain", more);
      }
      response.end();
    };
    more();
  }

  const html = (response: ServerResponse, text: string): void => {
    response.setHeader("content-type", "text/html");
    response.end(text);
  };

  beforeAll(async () => {
    const pages: Record<string, (response: ServerResponse) => void> = {
      "/large": (response) => pour(response, `<p>${"x".repeat(16_000)}`, 50 * MiB),
      "/deep": (response) => pour(response, "<div><b>".repeat(2_000), 50 * MiB),
      "/loop": (response) => response.writeHead(302, { location: "/loop" }).end(),
      "/looping": (response) => html(response, "<img src=/loop>"),
      "/self": (response) => html(response, "<iframe src=/self></iframe><iframe src=/self?2></iframe>"),
      "/many": (response) => html(response, Array.from({ length: 300 }, (_, i) => `<img src=/${i}>`).join("")),
      "/very-many": (response) => html(response, "<img src=/x>".repeat(2_001)),
      "/local": (response) =>
        html(
          response,
          `<iframe srcdoc="<img src=/a>"></iframe><iframe src="data:text/html,<img src=${origin}/b>"></iframe><iframe src="blob:x"></iframe><img src=data:,><img src=blob:x>`,
        ),
      "/origins": (response) => {
        const style = (path: string) => `<style>@font-face { src: url(${path}) }</style>`;
        response.setHeader("set-cookie", ["id=1; SameSite=Strict"]);
        html(
          response,
          `<iframe srcdoc="${style("/of-srcdoc")}"></iframe><iframe sandbox srcdoc="${style("/of-sandbox")}"></iframe>`,
        );
      },
      "/silent": () => {},
    };
    server = createServer(({ url = "", headers }, response) => {
      asked.push({ path: url, headers });
      const page = pages[url.split("?")[0]!];
      if (page !== undefined) page(response);
      else response.writeHead(204).end();
    });
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    client = createClient();
  });
  afterAll(async () => {
    await client.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const load = (path: string, limits: PageLimits = {}): Promise<LoadedPage> =>
    loadPage(client, `${origin}${path}`, limits);

  test.each(["/large", "/deep"])("of 50 MB is read up to the limit: %s", async (path) => {
    const { limits, documents } = await load(path, { maxTextBytes: MiB / 4 });
    expect(documents[0]!.response!.contentBytes).toBeLessThan(2 * MiB);
    expect(limits[0]).toMatch(/^of http:.* only the first \d+ bytes were read$/);
  });

  test("that redirects forever has a reason, and so has its image", async () => {
    const [page, image] = [await load("/loop"), await load("/looping")];
    expect(page.documents[0]!.failure?.code).toBe("TOO_MANY_REDIRECTS");
    expect(image.resources[0]!.failure?.code).toBe("TOO_MANY_REDIRECTS");
  });

  test("that frames itself ends at the depth and the number of frames", async () => {
    const deep = await load("/self", { maxDepth: 2 });
    expect([deep.documents.length, deep.limits]).toEqual([7, ["frames nested deeper than 2 were not loaded"]]);
    const many = await load("/self", { maxDepth: 9, maxFrames: 5 });
    expect([many.documents.length, many.limits]).toEqual([6, ["of the frames, only 5 were loaded"]]);
  });

  test("with many resources loads some", async () => {
    const { resources, limits } = await load("/many", { maxResources: 10 });
    expect([resources.length, limits]).toEqual([10, ["of the resources, only 10 were loaded"]]);
  });

  test("with local frames loads what these ask for, and no local URLs", async () => {
    const { resources, documents } = await load("/local");
    expect(resources.map(({ url, document }) => [url.replace(origin, ""), document]).sort()).toEqual([
      ["/a", 1],
      ["/b", 2],
    ]);
    expect(documents.map(({ url }) => url.split(":")[0])).toEqual(["http", "about", "data", "blob"]);
  });

  test("asks for what an about: frame needs with the page's origin and cookies, but not in a sandbox", async () => {
    asked.length = 0;
    const own = createClient({ cookies: new CookieJar() });
    await loadPage(own, `${origin}/origins`);
    await own.destroy();
    const sent = asked.map(({ path, headers }) => [path, headers.origin, headers["sec-fetch-site"], headers.cookie]);
    expect(sent.slice(1).sort()).toEqual([
      ["/of-sandbox", "null", "cross-site", undefined],
      ["/of-srcdoc", origin, "same-origin", "id=1"],
    ]);
  });

  test("with more references than are read says so", async () => {
    const { limits } = await load("/very-many", { maxResources: 0 });
    expect(limits).toContain(`of ${origin}/very-many, only the first 2000 references were read`);
  });

  test("that is silent fails when the time is up", async () => {
    const { documents, limits } = await load("/silent", { timeout: 50 });
    expect(documents[0]!.failure).toBeDefined();
    expect(limits).toEqual(["the page was not loaded within 0.05 s"]);
  });
});
