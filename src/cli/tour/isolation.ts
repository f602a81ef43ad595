// Cross-origin isolation: the same pages and images, judged by our rules and by a real Chromium.
import { documentOf, type Fields, judgeIsolation, judgeResource, readPolicies } from "../../agent/isolation/index.ts";
import { serve } from "../../edge/serve.ts";
import type { Server } from "../../edge/server.ts";
import { developmentIdentity } from "../../host/certificates/index.ts";
import { CHROMIUM } from "../find-program.ts";
import { peerPath, runPeer } from "./peer.ts";
import type { Row } from "./row.ts";

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

export const ISOLATION_ROWS: readonly Row[] = [
  {
    system: "isolation",
    peer: "chromium",
    against: "Chromium",
    command: "npm run oracle -- isolation",
    async run(context) {
      const chromium = await peerPath(context, ...CHROMIUM);
      const seen = new Map<string, string>();
      const server = await listen(context.directory, seen);
      try {
        for (const [index, fields] of PAGES.entries()) {
          await runPeer(context, chromium, [
            "--headless=new",
            "--no-sandbox",
            "--ignore-certificate-errors",
            `--user-data-dir=${context.directory}/profile`,
            "--dump-dom",
            `https://localhost:${server.port}/page?page=${index}`,
          ]);
          const [theirs, mine] = [seen.get(String(index)), ours(fields, server.port)];
          if (theirs === undefined) throw new Error(`Chromium did not finish page ${index}`);
          if (theirs !== mine) throw new Error(`page ${index}: Chromium says ${theirs}, we say ${mine}`);
        }
        const isolated = [...seen.values()].filter((each) => each.startsWith("true")).length;
        const loads =
          [...seen.values()]
            .join(" ")
            .split(" ")
            .filter((each) => each === "true").length - isolated;
        return `${PAGES.length} pages, ${isolated} of them isolated; ${loads} of ${PAGES.length * CORPS.length} images load, in both`;
      } finally {
        await server.close({ timeout: 0 });
      }
    },
  },
];
