import { Hono } from "hono";
import { type Context, serve } from "file:///work/wt/bpf/src/edge/index.ts";

const app = new Hono<{ Bindings: Context }>();
app.get("/", (c) => c.text(`hello over ${c.env.protocol}`));

const server = await serve({ port: 0, host: "localhost" }, app.fetch);
export { server };
