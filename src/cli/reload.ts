import { type Command, Option } from "commander";
import { CliError, usageError } from "./fail.ts";
import type { Io } from "./io.ts";

const HELP = `
Examples:
  nagare serve --workers auto app.ts &
  nagare reload                   new code, options of the module, certificates; nothing is interrupted
  nagare reload -p 8443           the server on this port, if several run

Starts the program again in new worker processes. When all are ready they take over, and the previous ones finish their
connections (--drain-timeout). If one of them cannot start, nothing changes, and the reason is printed.
Exit codes: 0 the new workers serve, 1 the reload failed, 2 usage, or no server to reload.
`;

export function registerReload(program: Command, io: Io): void {
  program
    .command("reload")
    .summary("replace the workers of a running server, losing nothing")
    .description("Load the program, configuration and certificates of a running server with --workers again.")
    .addOption(new Option("-p, --port <port>", "the port of the server; needed if several run"))
    .addHelpText("after", HELP)
    .action(async ({ port }: { readonly port?: string }) => {
      const { listServers, requestReload } = await import("../host/workers/control.ts");
      const servers = listServers();
      const found = port === undefined ? servers : servers.filter((server) => String(server.port) === port);
      const [server, other] = found;
      if (server === undefined) {
        throw usageError(
          `no server ${port === undefined ? "" : `on port ${port} `}can be reloaded`,
          "start it with --workers, as the same user",
        );
      }
      if (other !== undefined) {
        const ports = found.map((each) => each.port).join(", ");
        throw usageError(`servers run on the ports ${ports}`, "choose one with --port");
      }
      const answer = await requestReload(server);
      if (!answer.ok) throw new CliError("RELOAD_FAILED", `the previous program keeps running: ${answer.message}`);
      io.stdout.write(`${server.url} reloaded\n`);
    });
}
