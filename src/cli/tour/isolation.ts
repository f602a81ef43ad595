// Cross-origin isolation: the same pages and images, judged by our rules and by a real Chromium.
import { judgeAudit } from "../../agent/audit/index.ts";
import { documentOf, type Fields, judgeIsolation, judgeResource, readPolicies } from "../../agent/isolation/index.ts";
import { createClient } from "../../client/index.ts";
import { loadPage } from "../../client/page/index.ts";
import { serve } from "../../edge/serve.ts";
import type { Server } from "../../edge/server.ts";
import { developmentIdentity } from "../../host/certificates/index.ts";
import { CHROMIUM } from "../find-program.ts";
import { peerPath, runPeer } from "./peer.ts";
import type { Row, RowContext } from "./row.ts";

const PAGES: readonly Fields[] = [
  [
    ["cross-origin-opener-policy", "same-origin"],
    ["cross-origin-embedder-policy", "require-corp"],
  ],
  [
    ["cross-origin-opener-policy", "same-origin"],
    ["cross-origin-embedder-policy", "credentialless"],
  ],
  [["document-isolation-policy", "isolate-and-require-corp"]],
  [["cross-origin-opener-policy", "same-origin"]],
];

/** Of images from another site. */
const CORPS = ["none", "same-origin", "cross-origin"];
const corpFields = (corp: string): Fields => (corp === "none" ? [] : [["cross-origin-resource-policy", corp]]);
const GIF = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";

async function listen(directory: string, seen: Map<string, string>): Promise<Server> {
  const { cert, key } = await developmentIdentity({ directory });
  const server: Server = await serve({ port: 0, host: "127.0.0.1", cert, key, log: () => {} }, (request) => {
    const { pathname, searchParams } = new URL(request.url);
    const name = searchParams.get("page") ?? "";
    if (pathname === "/see") seen.set(name, searchParams.get("facts") ?? "");
    const corp = corpFields(searchParams.get("corp") ?? "none").map(
      ([field, value]) => [field, value] as [string, string],
    );
    if (pathname === "/image")
      return new Response(Buffer.from(GIF, "base64"), { headers: [["content-type", "image/gif"], ...corp] });
    if (pathname !== "/page") return new Response("ok");
    const images = CORPS.map((each) => `<img src="https://127.0.0.1:${server.port}/image?page=${name}&corp=${each}">`);
    // A request that the load event waits for, after which Chromium ends.
    const script = `onload = () => {
      const facts = [crossOriginIsolated, ...[...document.images].map((image) => image.naturalWidth > 0)].join(" ");
      const request = new XMLHttpRequest();
      request.open("GET", "/see?page=${name}&facts=" + facts, false);
      request.send();
    }`;
    const headers: [string, string][] = PAGES[Number(name)]!.map(([field, value]) => [field, value]);
    return new Response(`<!doctype html>${images.join("")}<script>${script}</script>`, {
      headers: [["content-type", "text/html"], ...headers],
    });
  });
  return server;
}

function ours(fields: Fields, port: number): string {
  const page = documentOf({ url: `https://localhost:${port}/page`, fields });
  const loads = CORPS.map((corp) => {
    const { corp: policy } = readPolicies(corpFields(corp), undefined);
    return judgeResource(page, { url: `https://127.0.0.1:${port}/image`, corp: policy }).blocked === undefined;
  });
  return [judgeIsolation(page).isolated, ...loads].join(" ");
}

/** What Chromium says of a page: isolated or not, then each image. */
async function theirs(context: RowContext, page: number, server: Server, seen: Map<string, string>): Promise<string> {
  const chromium = await peerPath(context, ...CHROMIUM);
  await runPeer(context, chromium, [
    "--headless=new",
    "--no-sandbox",
    "--ignore-certificate-errors",
    `--user-data-dir=${context.directory}/profile`,
    "--dump-dom",
    `https://localhost:${server.port}/page?page=${page}`,
  ]);
  const facts = seen.get(String(page));
  if (facts === undefined) throw new Error(`Chromium did not finish page ${page}`);
  return facts;
}

export const ISOLATION_ROWS: readonly Row[] = [
  {
    system: "isolation",
    peer: "chromium",
    against: "Chromium",
    command: "npm run oracle -- isolation",
    async run(context) {
      const seen = new Map<string, string>();
      await using server = await listen(context.directory, seen);
      for (const [index, fields] of PAGES.entries()) {
        const [mine, other] = [ours(fields, server.port), await theirs(context, index, server, seen)];
        if (other !== mine) throw new Error(`page ${index}: Chromium says ${other}, we say ${mine}`);
      }
      const isolated = [...seen.values()].filter((each) => each.startsWith("true")).length;
      const loads = [...seen.values()].flatMap((each) => each.split(" ").slice(1)).filter((each) => each === "true");
      return `${PAGES.length} pages, ${isolated} of them isolated; ${loads.length} of ${PAGES.length * CORPS.length} images load, in both`;
    },
  },
  {
    system: "isolation",
    peer: "audit",
    against: "nagare audit beside Chromium",
    command: "npm run oracle -- audit",
    async run(context) {
      const seen = new Map<string, string>();
      await using server = await listen(context.directory, seen);
      const [isolated, ...images] = (await theirs(context, 0, server, seen)).split(" ");
      await using client = createClient({ rejectUnauthorized: false });
      const url = `https://localhost:${server.port}/page?page=0`;
      const { documents, resources, limits } = await loadPage(client, url, {}, context.signal);
      const findings = judgeAudit({ url, now: Date.now(), documents, resources, limits });
      const blocked = findings
        .filter(({ id }) => id === "isolation/blocked")
        .map((each) => new URL(each.url).searchParams.get("corp")!);
      const notLoaded = CORPS.filter((_, index) => images[index] === "false");
      const isSame = String(findings.some(({ id }) => id === "isolation/isolated")) === isolated;
      if (!isSame || blocked.sort().join() !== notLoaded.sort().join())
        throw new Error(`Chromium loads all images but ${notLoaded}, the audit blocks ${blocked}`);
      return `an isolated page: both block the same ${blocked.length} of ${CORPS.length} images`;
    },
  },
];
