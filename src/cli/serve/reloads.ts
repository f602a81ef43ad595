// When a running server reloads: on SIGHUP, when its configuration file changes, and when `nagare reload` asks for it.

import type { Server } from "../../edge/server.ts";
import { describeFault, detach, type Fault, guard } from "../../host/guard.ts";
import type { Io } from "../io.ts";
import type { ServerSettings } from "./flags.ts";
import type { ServedProgram } from "./served-program.ts";

/** Returns a function that ends it. */
export async function startReloads(
  server: Server,
  settings: ServerSettings,
  program: ServedProgram,
  io: Io,
  log: (line: string) => void,
): Promise<() => void> {
  const isSupervisor = server.workers.length > 0;
  const previous = program.file !== undefined ? "configuration" : isSupervisor ? "program" : "certificate";
  const onFault = (fault: Fault): void => log(describeFault(fault));
  const run = program.reload ?? (() => server.reload());
  const reload = async (): Promise<void> => {
    try {
      await run(server);
      if (program.file !== undefined) log(`nagare: ${program.file} is in use`);
    } catch (error) {
      log(`nagare: the previous ${previous} stays in use: ${(error as Error).message}`);
    }
  };
  const request = (): void => detach("cli reloaded", onFault, reload());
  const stopSignals = io.onReload?.(guard("cli reload", onFault, request));
  const watch =
    program.file !== undefined && settings.watch ? await watchFile(program.file, request, onFault) : undefined;
  // A supervisor has its own.
  const control =
    isSupervisor || program.reload === undefined ? undefined : await openControl(server, run, log, onFault);
  return () => {
    stopSignals?.();
    watch?.close();
    control?.close();
  };
}

async function watchFile(file: string, onChange: () => void, onFault: (fault: Fault) => void) {
  const { FileWatch } = await import("../../host/file-watch.ts");
  return new FileWatch(file, { onChange, onFault });
}

async function openControl(
  server: Server,
  reload: (server: Server) => Promise<void>,
  log: (line: string) => void,
  onFault: (fault: Fault) => void,
) {
  const { ControlSocket } = await import("../../host/workers/control.ts");
  const facts = { pid: process.pid, port: server.port, url: server.url.href };
  return ControlSocket.open({ facts, onReload: () => reload(server), log, onFault }).catch((error: Error) => {
    log(`nagare: nagare reload cannot reach this server, but SIGHUP can: ${error.message}`);
    return undefined;
  });
}
