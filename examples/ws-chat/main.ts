// A chat over WebSocket: Upgrade over HTTP/1.1, RFC 8441 over HTTP/2, RFC 9220 over HTTP/3. ws alone supports only the
// first.
// Run it: npm run examples -- ws-chat
import { createServer } from "nagare/node";
import { WebSocket, WebSocketServer } from "ws";

const PAGE = `<!doctype html><meta charset="utf-8"><title>Chat</title>
<form><input autofocus autocomplete="off"><button>Say</button></form><ul></ul>
<script>
  const socket = new WebSocket(location.href.replace("http", "ws"));
  const input = document.querySelector("input");
  socket.onmessage = ({ data }) => {
    const line = document.createElement("li");
    line.textContent = data;
    document.querySelector("ul").prepend(line);
  };
  document.querySelector("form").onsubmit = (event) => {
    event.preventDefault();
    socket.send(input.value);
    input.value = "";
  };
</script>`;

export const server = createServer((_request, response) => {
  response.writeHead(200, { "content-type": "text/html" }).end(PAGE);
});

const chat = new WebSocketServer({ server: server as never });
chat.on("connection", (socket, request) => {
  socket.send(`welcome, over HTTP/${request.httpVersion}`);
  socket.on("message", (data) => {
    for (const each of chat.clients) if (each.readyState === WebSocket.OPEN) each.send(String(data));
  });
});

server.listen(Number(process.env.PORT ?? 4433), () => {
  console.log(`https://localhost:${server.address()!.port}/`);
});
