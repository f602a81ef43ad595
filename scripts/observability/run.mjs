// An Express app on nagare/node, and a fetch handler. Prints its ports, and stops when stdin ends.
import { once } from "node:events";

export async function run({ express, serve, createServer }) {
  const app = express();
  app.set("env", "test");
  app.use(express.json());
  app.get("/hello/:name", (request, response) => response.status(201).send(`hello ${request.params.name}`));
  app.post("/echo", (request, response) => response.json(request.body));
  app.get("/fails", () => {
    throw new Error("a handler failed");
  });
  globalThis.setUpErrors?.(app);

  const server = createServer(app);
  server.listen(0);
  await once(server, "listening");
  const fetching = await serve({ port: 0 }, (request) => new Response(`fetched ${new URL(request.url).pathname}`));
  console.log(`ports ${server.address().port} ${fetching.addresses[0].port}`);

  process.stdin.resume();
  await once(process.stdin, "end");
  const closed = once(server, "close");
  server.close();
  server.closeAllConnections();
  await Promise.all([closed, fetching.close({ timeout: 0 })]);
  await globalThis.report?.();
  process.exit();
}
