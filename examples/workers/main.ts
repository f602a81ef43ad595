// A server with one process per core, which reloads itself when this file changes. Downloads that are in progress go on.
// Run it: npm run examples -- workers
import { watch } from "node:fs";
import { serve } from "nagare";

const port = Number(process.env.PORT ?? 4433);

export const server = await serve({ port, workers: "auto" }, (_request, { protocol }) => {
  return new Response(`hello over ${protocol} from process ${process.pid}\n`);
});

// The workers execute this file too, and have no workers themselves.
if (server.workers.length > 0) {
  console.log(server.url.href);
  const reload = (): void => {
    server.reload().then(
      () => console.log(`now served by processes ${server.workers.join(", ")}`),
      (error: Error) => console.error(`the previous processes keep running: ${error.message}`),
    );
  };
  watch(import.meta.filename, reload).unref();
}
