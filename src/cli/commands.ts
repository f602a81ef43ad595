// The table of commands. A command's file is imported only when the command runs, so that the others cost nothing.
import type { Command } from "commander";
import type { Io } from "./io.ts";

export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  /** Imports the command's file and registers it. */
  register(program: Command, io: Io): Promise<void>;
}

export const COMMANDS: readonly CommandEntry[] = [
  {
    name: "serve",
    summary: "serve a folder or a module over HTTP/1.1, HTTP/2 and HTTP/3",
    register: async (program, io) => (await import("./serve.ts")).registerServe(program, io),
  },
  {
    name: "proxy",
    summary: "put HTTP/3 in front of an origin",
    register: async (program, io) => (await import("./proxy.ts")).registerProxy(program, io),
  },
  {
    name: "check-config",
    summary: "check a configuration file, and say what is wrong",
    register: async (program, io) => (await import("./check-config.ts")).registerCheckConfig(program, io),
  },
  {
    name: "dev",
    summary: "serve on localhost with certificates that your browsers trust",
    register: async (program, io) => (await import("./dev.ts")).registerDev(program, io),
  },
  {
    name: "reload",
    summary: "replace the workers of a running server, losing nothing",
    register: async (program, io) => (await import("./reload.ts")).registerReload(program, io),
  },
  {
    name: "get",
    summary: "fetch a URL with curl's options, and show what happened",
    register: async (program, io) => (await import("./get.ts")).registerGet(program, io),
  },
  {
    name: "upload",
    summary: "upload files, resuming by itself where the connection was cut",
    register: async (program, io) => (await import("./upload.ts")).registerUpload(program, io),
  },
  {
    name: "tunnel",
    summary: "open a local UDP port that leads to a target through a proxy",
    register: async (program, io) => (await import("./tunnel.ts")).registerTunnel(program, io),
  },
  {
    name: "audit",
    summary: "judge a page as a browser does, and say what to mend",
    register: async (program, io) => (await import("./audit.ts")).registerAudit(program, io),
  },
  {
    name: "dns",
    summary: "ask DNS servers",
    register: async (program, io) => (await import("./dns.ts")).registerDns(program, io),
  },
  {
    name: "geofeed",
    summary: "check geofeeds (RFC 8805), and look addresses up in them",
    register: async (program, io) => (await import("./geofeed.ts")).registerGeofeed(program, io),
  },
  {
    name: "live",
    summary: "publish, relay and watch live media",
    register: async (program, io) => (await import("./live.ts")).registerLive(program, io),
  },
  {
    name: "memcache",
    summary: "put a proxy in front of memcached servers",
    register: async (program, io) => (await import("./memcache.ts")).registerMemcache(program, io),
  },
  {
    name: "bpf",
    summary: "run and inspect eBPF programs",
    register: async (program, io) => (await import("./bpf.ts")).registerBpf(program, io),
  },
  {
    name: "lab",
    summary: "measure what RFCs and papers claim, in a simulated network",
    register: async (program, io) => (await import("./lab.ts")).registerLab(program, io),
  },
  {
    name: "bench",
    summary: "put load on a server, and measure latency and throughput",
    register: async (program, io) => (await import("./bench.ts")).registerBench(program, io),
  },
  {
    name: "dissect",
    summary: "print the packets of a capture",
    register: async (program, io) => (await import("./dissect.ts")).registerDissect(program, io),
  },
  {
    name: "tap",
    summary: "run our own TCP/IP on a TAP device",
    register: async (program, io) => (await import("./tap.ts")).registerTap(program, io),
  },
  {
    name: "doctor",
    summary: "check what this machine supports, and what to fix",
    register: async (program, io) => (await import("./doctor.ts")).registerDoctor(program, io),
  },
  {
    name: "tour",
    summary: "run every system against real peers",
    register: async (program, io) => (await import("./tour.ts")).registerTour(program, io),
  },
];
