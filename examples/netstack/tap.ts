// A web server on our own TCP/IP, for programs of this machine: ARP, IP and TCP over a TAP device, in a network namespace of
// its own. Needs root, Linux, ip(8) and the package koffi.
// Run it: npm run examples -- netstack, then: sudo node .cache/examples/netstack/tap.js
import { createServer } from "node:http";
import { createHost, missingForTap, TapNamespace } from "nagare/experimental/netstack";

const missing = missingForTap();
if (missing !== undefined) throw new Error(missing);

// The kernel is 10.77.0.1 and fd77::1 there. To use an interface of your own, take openTap("tap0").
const namespace = await TapNamespace.open({}, "netstack");
const host = createHost({ device: namespace.link, addresses: ["10.77.0.2/24", "fd77::2/64"] });
const app = createServer((message, response) => response.end(`hello ${message.socket.remoteAddress}\n`));
host.serve(app, 80, () => console.log("ip netns exec netstack curl http://10.77.0.2/ 'http://[fd77::2]/'"));

process.once("SIGINT", () => {
  host.close();
  namespace[Symbol.dispose]();
});
