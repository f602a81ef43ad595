// A custom server for Next on HTTP/1.1, HTTP/2 and HTTP/3: its request handler is the listener.
// Run it: npm run examples -- next
import { createServer } from "nagare/node";
import next from "next";

const app = next({ dev: process.env.NODE_ENV !== "production", dir: import.meta.dirname });
const handle = app.getRequestHandler();
await app.prepare();

export const server = createServer((request, response) => handle(request, response));
server.on("close", () => app.close());
server.listen(Number(process.env.PORT ?? 4433), () => {
  console.log(`https://localhost:${server.address().port}/`);
});
