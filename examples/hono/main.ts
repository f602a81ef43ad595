// A Hono app on HTTP/1.1, HTTP/2 and HTTP/3: its fetch is the handler, and its bindings are Nagare's context.
// Run it: npm run examples -- hono
import { Hono } from "hono";
import { type Context, serve } from "nagare";

const app = new Hono<{ Bindings: Context }>();

app.get("/", (c) => c.text(`hello from Hono over ${c.env.protocol}\n`));
app.post("/echo", async (c) => c.json(await c.req.json()));

export const server = await serve({ port: Number(process.env.PORT ?? 4433) }, app.fetch);
console.log(server.url.href);
