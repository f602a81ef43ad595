// The commands there are. Each is imported only when it is asked for, so that asking for one costs nothing for the others.
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
    summary: "serve a directory or a module over HTTP/1.1, HTTP/2 and HTTP/3",
    register: async (program, io) => (await import("./serve.ts")).registerServe(program, io),
  },
  {
    name: "proxy",
    summary: "put HTTP/3 in front of an origin",
    register: async (program, io) => (await import("./proxy.ts")).registerProxy(program, io),
  },
  {
    name: "get",
    summary: "ask for a URL in curl's spelling, see how the answer came",
    register: async (program, io) => (await import("./get.ts")).registerGet(program, io),
  },
  {
    name: "doctor",
    summary: "say what this machine can do, and what to mend",
    register: async (program, io) => (await import("./doctor.ts")).registerDoctor(program, io),
  },
  {
    name: "tour",
    summary: "run every system against the nearest real peer",
    register: async (program, io) => (await import("./tour.ts")).registerTour(program, io),
  },
];
