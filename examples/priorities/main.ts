// A page whose map is drawn from tiles. What blocks the page goes first; a tile says how urgent it is by its distance from the centre, whatever
// the browser asked for; the download at the end takes what is left.
// Run it: npm run examples -- priorities
import { type Context, serve } from "nagare";

const TILE =
  "<svg xmlns='http://www.w3.org/2000/svg' width='64' height='64'><rect width='60' height='60' fill='teal'/></svg>";

const page = ({
  protocol,
  priority,
}: Context): string => `<!doctype html><meta charset="utf-8"><title>Priorities</title>
<link rel="stylesheet" href="/style.css">
<p>over ${protocol}, asked for urgency ${priority.urgency}${priority.incremental ? ", in pieces" : ""}</p>
<div>${Array.from({ length: 25 }, (_, index) => `<img src="/tile/${index % 5}/${Math.floor(index / 5)}.svg">`).join("")}</div>
<a href="/all.zip" download>all tiles</a>`;

/** 0 in the centre of the map. */
const distance = (path: string): number => {
  const [, , x, y] = path.split(/[/.]/);
  return Math.max(Math.abs(Number(x) - 2), Math.abs(Number(y) - 2));
};

export const server = await serve({ port: Number(process.env.PORT ?? 4433) }, (request, context) => {
  const { pathname } = new URL(request.url);
  if (pathname === "/style.css")
    return new Response("div { width: 340px }", { headers: { "content-type": "text/css" } });
  if (pathname === "/all.zip") {
    context.priority = { urgency: 7, incremental: true };
    return new Response(new Uint8Array(20_000_000), { headers: { "content-type": "application/zip" } });
  }
  if (pathname.startsWith("/tile/")) {
    context.priority = { urgency: 2 + distance(pathname) };
    return new Response(TILE, { headers: { "content-type": "image/svg+xml" } });
  }
  return new Response(page(context), { headers: { "content-type": "text/html" } });
});
console.log(server.url.href);
