// Two computers in one process: node:http and undici on our own TCP/IP, over a cable that loses one frame in fifty.
// Run it: npm run examples -- netstack
import { createServer } from "node:http";
import { createCable, createHost, impair, Tracer } from "nagare/experimental/netstack";
import { Agent, request } from "undici";

const [left, right] = createCable();
const frames = { in: 0, out: 0 };
const watched = new Tracer(left, (direction) => {
  frames[direction] += 1;
});
const server = createHost({ device: watched, addresses: ["10.77.0.1/24"] });
const client = createHost({
  device: impair(right, { loss: 0.02, delay: 5 }),
  addresses: ["10.77.0.2/24"],
  hosts: { "server.test": "10.77.0.1" },
});

// An app that knows nothing of all this.
const app = createServer((message, response) => {
  response.end(`hello ${message.socket.remoteAddress}\n${"nagare ".repeat(20_000)}`);
});
server.serve(app, 80);

const { time = Number.NaN } = (await client.ping("10.77.0.1")) ?? {};
console.log(`ping: ${time.toFixed(1)} ms`);

const dispatcher = new Agent({ connect: client.undiciConnect() });
const { statusCode, body } = await request("http://server.test/", { dispatcher });
const text = await body.text();
console.log(`${statusCode}: ${text.split("\n")[0]}, ${text.length} characters in ${frames.out} frames`);

const [connection] = server.stack.tcp.connections();
console.log(`${connection?.sender.retransmissions ?? 0} segments were sent again`);

await dispatcher.destroy();
for (const host of [client, server]) host.close();
