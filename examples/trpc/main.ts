// A tRPC server on HTTP/1.1, HTTP/2 and HTTP/3: createHTTPHandler of its standalone adapter is the listener.
// Run it: npm run examples -- trpc
import { createHTTPHandler } from "@trpc/server/adapters/standalone";
import { createServer } from "nagare/node";
import { appRouter } from "./router.ts";

const handler = createHTTPHandler({
  router: appRouter,
  createContext: ({ req }) => ({ httpVersion: req.httpVersion }),
});

export const server = createServer(handler).listen(Number(process.env.PORT ?? 4433), () => {
  console.log(`https://localhost:${server.address()!.port}/hello`);
});
