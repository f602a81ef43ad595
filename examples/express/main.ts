// An Express app on HTTP/1.1, HTTP/2 and HTTP/3. Two lines differ from node:https: the import, and createServer.
// Run it: npm run examples -- express
import express from "express";
import { createServer } from "nagare/node";

const app = express();
app.use(express.json());

app.get("/", (request: { httpVersion: string }, response: { send(text: string): void }) => {
  response.send(`hello from Express over HTTP/${request.httpVersion}\n`);
});
app.post("/echo", (request: { body: unknown }, response: { json(value: unknown): void }) => {
  response.json(request.body);
});

// Generates and keeps a development certificate; pass { cert, key } to use your own.
export const server = createServer(app).listen(Number(process.env.PORT ?? 4433), () => {
  console.log(`https://localhost:${server.address()!.port}/`);
});
