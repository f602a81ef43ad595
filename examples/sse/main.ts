// Server-sent events over HTTP/1.1, HTTP/2 and HTTP/3. Browsers open at most six connections per site over HTTP/1.1, so
// that a seventh tab with a stream waits. Over HTTP/2 and HTTP/3, all streams share one connection.
// Run it: npm run examples -- sse
import { createServer } from "nagare/node";

const PAGE = `<!doctype html><meta charset="utf-8"><title>Server-sent events</title>
<button>Count</button><ol></ol>
<script>
  new EventSource("/events").onmessage = ({ data }) => {
    const line = document.createElement("li");
    line.textContent = data;
    document.querySelector("ol").append(line);
  };
  document.querySelector("button").onclick = () => fetch("/count", { method: "POST" });
</script>`;

const streams = new Set<{ write(text: string): unknown }>();
let count = 0;

export const server = createServer((request, response) => {
  switch (`${request.method} ${request.url}`) {
    case "GET /":
      response.writeHead(200, { "content-type": "text/html" }).end(PAGE);
      break;
    case "GET /events":
      response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
      response.write(`data: hello over HTTP/${request.httpVersion}\n\n`);
      streams.add(response);
      response.on("close", () => streams.delete(response));
      break;
    case "POST /count":
      count++;
      for (const stream of streams) stream.write(`id: ${count}\ndata: ${count}\n\n`);
      response.writeHead(204).end();
      break;
    default:
      response.writeHead(404).end();
  }
});

server.listen(Number(process.env.PORT ?? 4433), () => {
  console.log(`https://localhost:${server.address()!.port}/`);
});
