// The memcached proxy: libmemcached's tools store and fetch through it, in two memcached servers.
import { readFile, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { MemcacheServer } from "../../host/memcache/index.ts";
import { readVersion } from "../version.ts";
import { Peer, peerPath, runPeer } from "./peer.ts";
import type { Row } from "./row.ts";

const KEYS = 20;

export const MEMCACHED_ROWS: readonly Row[] = [
  {
    system: "memcached",
    peer: "libmemcached",
    against: "memcached, libmemcached",
    command:
      "nagare memcache -o proxy_config=proxy.lua; memccp --servers=127.0.0.1 FILE; memccat --servers=127.0.0.1 FILE",
    async run(context) {
      const [memcached, memccp, memccat] = [
        await peerPath(context, "memcached"),
        await peerPath(context, "memccp"),
        await peerPath(context, "memccat"),
      ];
      const sockets = ["a", "b"].map((name) => join(context.directory, name));
      const options = ["-u", userInfo().username, "-U", "0", "-m", "16", "-t", "1"];
      const servers = sockets.map((path) => new Peer(context, memcached, [...options, "-s", path]));
      const proxy = new MemcacheServer({ version: readVersion() });
      try {
        proxy.configure({
          pools: { all: { backends: sockets, backendOptions: { retryTimeout: 0.1 } } },
          routes: { default: "all" },
        });
        const [, port] = (await proxy.listen({ port: 0 })).split(":");
        while (proxy.proxy.plan.backends.some(({ connections }) => connections[0]!.state !== "ready")) {
          context.signal.throwIfAborted();
          await sleep(20);
        }
        const names = Array.from({ length: KEYS }, (_, i) => `key-${i}`);
        for (const name of names) await writeFile(join(context.directory, name), `value of ${name}`);
        await runPeer(context, memccp, [`--servers=127.0.0.1:${port}`, ...names]);
        const { stdout } = await runPeer(context, memccat, [`--servers=127.0.0.1:${port}`, ...names]);
        for (const name of names) {
          const value = await readFile(join(context.directory, name), "utf8");
          if (!stdout.includes(value)) throw new Error(`memccat did not print the value of ${name}`);
        }
        return `${KEYS} keys stored and fetched, ${proxy.proxy.stats.requests} requests over two servers`;
      } finally {
        await proxy.close();
        for (const server of servers) await server.stop();
      }
    },
  },
];
