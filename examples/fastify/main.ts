// A Fastify app on HTTP/1.1, HTTP/2 and HTTP/3, through its serverFactory.
// Run it: npm run examples -- fastify
import Fastify, { type FastifyServerFactory } from "fastify";
import { createServer, type Server } from "nagare/node";

export let server: Server;
const serverFactory: FastifyServerFactory = (handler) => {
  server = createServer(handler as Parameters<typeof createServer>[0] & object);
  return server as never;
};

const app = Fastify({ serverFactory });
app.get("/", async (request) => `hello from Fastify over HTTP/${request.raw.httpVersion}\n`);
app.post("/echo", async (request) => request.body);

await app.listen({ port: Number(process.env.PORT ?? 4433), host: "127.0.0.1" });
console.log(`https://localhost:${server!.address()!.port}/`);
