import { Argument, type Command, Option } from "commander";
import { usageError } from "./fail.ts";
import type { Io } from "./io.ts";
import { readSettings, type ServerFlags } from "./serve/flags.ts";
import type { ServedProgram } from "./serve/served-program.ts";

const HELP = `
Examples:
  nagare dev                                       the current folder, if it is a site
  nagare dev app.ts                                a module: export default { fetch(request) { … } }
  nagare dev 5173                                  HTTP/3 in front of a development server on this port
  nagare dev --name shop.test 5173                 under another name too (which must lead to this machine)
  nagare dev --trust                               how each browser trusts the certificates, and what HTTP/3 needs

The certificates come from an authority of your own, which is made once and may sign private names only. On a terminal, o opens the
page in a Chromium over HTTP/3, t prints the steps to trust the authority, q stops.
Exit codes: 0 stopped cleanly, 1 failed, 2 usage or configuration.
`;

interface DevFlags {
  readonly port?: string;
  readonly host?: string;
  readonly name?: readonly string[];
  readonly spa?: true;
  readonly listing?: true;
  readonly log?: true;
  readonly json?: true;
  readonly open?: true;
  readonly trust?: true;
}

export function registerDev(program: Command, io: Io): void {
  program
    .command("dev")
    .summary("serve on localhost with certificates that your browsers trust")
    .description(
      "Serve a folder, a module or a development server on this machine, with certificates of an own authority.",
    )
    .addArgument(new Argument("[target]", "a folder, a module (.js, .ts), or the port or URL of a development server"))
    .addOption(new Option("-p, --port <port>", "TCP and UDP port (4433); 0 picks a free one").env("PORT"))
    .addOption(new Option("-H, --host <host>", "address or name to listen on; localhost by default").env("HOST"))
    .addOption(
      new Option("--name <name>", "an additional private name or address; repeat for more").argParser(
        (value: string, before: readonly string[] | undefined) => [...(before ?? []), value],
      ),
    )
    .addOption(new Option("--spa", "serve index.html for paths that match no file"))
    .addOption(new Option("--listing", "show a page of links for folders without index.html"))
    .addOption(new Option("--open", "open the page in a Chromium over HTTP/3"))
    .addOption(new Option("--trust", "print how browsers trust the authority, and end"))
    .addOption(new Option("--log", "print a line for each request on stderr"))
    .addOption(new Option("--json", "print one JSON object per event on stdout"))
    .addHelpText("after", HELP)
    .action(async (target: string | undefined, flags: DevFlags) => {
      const { developmentAuthority, isPrivateName, PRIVATE_NAMES } = await import(
        "../host/certificates/development-authority.ts"
      );
      const stranger = flags.name?.find((name) => !isPrivateName(name));
      if (stranger !== undefined) {
        throw usageError(`--name ${stranger} is not private`, `the development authority signs ${PRIVATE_NAMES}`);
      }
      const { trust, spa, listing, ...given } = flags;
      const serverFlags: ServerFlags = { watch: true, h3: true, ...given };
      const settings = readSettings({ ...serverFlags, host: given.host ?? "localhost" }, io);
      const authority = await developmentAuthority();
      const { trustSteps } = await import("./dev/trust.ts");
      const printSteps = (url: URL): void => {
        for (const line of trustSteps(authority, url)) io.stderr.write(`${line}\n`);
      };
      if (trust === true) {
        printSteps(new URL(`https://localhost:${settings.port}/`));
        return;
      }
      const { developmentIdentity } = await import("../host/certificates/development.ts");
      const identity = await developmentIdentity({ names: settings.names, authority });
      const { runServer } = await import("./serve/run.ts");
      const served: ServedProgram = {
        createService: await serviceOf(target, { spa, listing }),
        identity,
        onListening: async (url, log) => {
          if (authority.isNew) printSteps(url);
          const { onKeys } = await import("./dev/keys.ts");
          const { openPage } = await import("./serve/open.ts");
          const open = (): void => {
            openPage(url, identity, io, log).catch((error: Error) => log(`nagare: ${error.message}`));
          };
          const stop = onKeys(io.stdin, { o: open, t: () => printSteps(url) }, () => {
            process.kill(process.pid, "SIGINT");
          });
          if (io.stdin === process.stdin && process.stdin.isTTY)
            log("nagare: o opens the page over HTTP/3, t: trust, q: quit");
          return stop;
        },
      };
      await runServer(settings, served, io);
    });
}

/** A port or URL is a server to pass requests on to; anything else is what `nagare serve` takes. */
async function serviceOf(
  given: string | undefined,
  files: { readonly spa: true | undefined; readonly listing: true | undefined },
): Promise<ServedProgram["createService"]> {
  if (given !== undefined && /^(?:\d{1,5}$|https?:\/\/|h2c?:\/\/|h3:\/\/|unix:)/.test(given)) {
    return async (log) => (await import("../edge/proxy/index.ts")).createProxy([given], { log });
  }
  const target = given ?? (await import("./serve/default-target.ts")).defaultTarget();
  const { spa, listing } = files;
  const options = { ...(spa === undefined ? {} : { spa }), ...(listing === undefined ? {} : { listing }) };
  return async (log) => (await import("../edge/target.ts")).serviceFor(target, log, options);
}
