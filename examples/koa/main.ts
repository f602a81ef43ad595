// A Koa app on HTTP/1.1, HTTP/2 and HTTP/3: its callback is the listener.
// Run it: npm run examples -- koa
import Koa from "koa";
import { createServer } from "nagare/node";

interface Context {
  readonly path: string;
  readonly req: AsyncIterable<Uint8Array> & { readonly httpVersion: string };
  body: unknown;
}

const app = new Koa();
app.use(async (context: Context) => {
  if (context.path === "/echo") {
    const parts: Uint8Array[] = [];
    for await (const part of context.req) parts.push(part);
    context.body = JSON.parse(Buffer.concat(parts).toString());
  } else {
    context.body = `hello from Koa over HTTP/${context.req.httpVersion}\n`;
  }
});

export const server = createServer(app.callback()).listen(Number(process.env.PORT ?? 4433), () => {
  console.log(`https://localhost:${server.address()!.port}/`);
});
