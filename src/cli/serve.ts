import { Argument, type Command, Option } from "commander";
import { usageError } from "./fail.ts";
import type { Io } from "./io.ts";
import { addServerOptions, readSettings, type ServerFlags } from "./serve/flags.ts";

const HELP = `
Examples:
  nagare serve ./site                              a folder, with a development certificate
  nagare serve --name 192.168.1.20 ./site          also for other devices on this network
  nagare serve .                                   the current folder, even if it is a project and not a site
  nagare serve app.ts                              a module: export default { fetch(request) { … } }
  nagare serve --workers auto app.ts               on all cores; nagare reload loads it again
  nagare serve --config nagare.config.ts           the sites of a configuration file; the default if there is one
  nagare serve -p 443 --cert cert.pem --key key.pem --http-port 80 ./site
  nagare serve -p 443 --acme www.example.com --acme-agree --http-port 80 ./site    a certificate by itself

Names with a leading dot, except /.well-known/, and files with a private key are never served.
When ready, prints the URL on its own line. SIGINT or SIGTERM lets requests finish; a second one quits.
New files in place of --cert and --key are used within a second, or at once on SIGHUP. With --workers, SIGHUP and
nagare reload load everything again, without interrupting anyone. A configuration file is read again when it changes, too;
flags and the environment win over what it says.
Exit codes: 0 stopped cleanly, 1 failed, 2 usage or configuration.
`;

interface ServeFlags extends ServerFlags {
  readonly config?: string;
  readonly spa?: true;
  readonly listing?: true;
}

export function registerServe(program: Command, io: Io): void {
  const command = program
    .command("serve")
    .summary("serve a folder or a module over HTTP/1.1, HTTP/2 and HTTP/3")
    .description("Serve a folder, or a module's fetch function, over HTTP/1.1, HTTP/2 and HTTP/3 on one port.")
    .addArgument(
      new Argument("[target]", "a folder, or a module (.js, .ts); by default the current folder, if it is a site"),
    )
    .addOption(
      new Option("--config <file>", "a configuration file; by default nagare.config.ts, .js or .json, if there is one"),
    )
    .addOption(new Option("--spa", "serve index.html for paths that match no file"))
    .addOption(new Option("--listing", "show a page of links for folders without index.html"));
  addServerOptions(command)
    .addHelpText("after", HELP)
    .action(async (given: string | undefined, flags: ServeFlags) => {
      const { runServer } = await import("./serve/run.ts");
      const file = flags.config ?? (given === undefined ? await configOfFolder() : undefined);
      if (file === undefined) {
        const settings = readSettings(flags, io);
        const target = given ?? (await import("./serve/default-target.ts")).defaultTarget();
        const createService = async (log: (line: string) => void) =>
          (await import("../edge/target.ts")).serviceFor(target, log, flags);
        await runServer(settings, { createService }, io);
        return;
      }
      const alone = [given, flags.spa, flags.listing].some((each) => each !== undefined);
      if (alone)
        throw usageError("a configuration file says what is served", "leave out the target, --spa and --listing");
      const { configuredProgram } = await import("./serve/configured.ts");
      const { configured, program: served } = await configuredProgram(file);
      await runServer(readSettings(flags, io, configured), served, io);
    });
}

const configOfFolder = async (): Promise<string | undefined> => (await import("../edge/config/find.ts")).findConfig();
