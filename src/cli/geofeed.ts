import { Argument, type Command, Option } from "commander";
import type { GeofeedCheckFlags, GeofeedLookupFlags } from "./geofeed/commands.ts";
import type { Io } from "./io.ts";

const EXAMPLES = `
Examples:
  nagare geofeed check geofeed.csv
  nagare geofeed check https://example.com/geofeed.csv --json
  nagare geofeed lookup 192.0.2.5 --feed geofeed.csv
  nagare geofeed lookup 192.0.2.5 --feed geofeed.csv --hint '"US,US-AL"'

A route { path: "/geofeed.csv", geofeed: "./geofeed.csv" } of a configuration publishes a feed.

Exit codes: 0 a valid feed, or an entry for the address; 1 errors in the feed, no entry, or a feed that cannot be read; 2 usage.
`;

export function registerGeofeed(program: Command, io: Io): void {
  const geofeed = program
    .command("geofeed")
    .summary("check geofeeds (RFC 8805), and look addresses up in them")
    .description("Check geofeeds (RFC 8805), and look addresses up in them.")
    .addHelpText("after", EXAMPLES);
  geofeed
    .command("check")
    .summary("say what is wrong with a feed, line by line")
    .description("Say what is wrong with a feed, line by line.")
    .addArgument(new Argument("<feed>", "a file, an https URL, or - for standard input"))
    .addOption(new Option("--warnings", "fail for warnings, too"))
    .addOption(new Option("--cacert <file>", "trust only the authorities in this PEM file"))
    .addOption(new Option("-k, --insecure", "accept any certificate, even that of an impostor"))
    .addOption(new Option("--json", "print one JSON object"))
    .addHelpText("after", EXAMPLES)
    .action(async (feed: string, flags: GeofeedCheckFlags) => {
      const { checkGeofeed } = await import("./geofeed/commands.ts");
      await checkGeofeed(feed, flags, io);
    });
  geofeed
    .command("lookup")
    .summary("find the entry of an address")
    .description(
      "Find the entry with the longest prefix that contains an address, and compare a client's hint with it.",
    )
    .addArgument(new Argument("<address>", "an IPv4 or IPv6 address"))
    .addOption(new Option("--feed <feed>", "a file, an https URL, or - for standard input").makeOptionMandatory())
    .addOption(new Option("--hint <value>", "the value of a client's Sec-CH-IP-Geo"))
    .addOption(new Option("--cacert <file>", "trust only the authorities in this PEM file"))
    .addOption(new Option("-k, --insecure", "accept any certificate, even that of an impostor"))
    .addOption(new Option("--json", "print one JSON object"))
    .addHelpText("after", EXAMPLES)
    .action(async (address: string, flags: GeofeedLookupFlags) => {
      const { lookupGeofeed } = await import("./geofeed/commands.ts");
      await lookupGeofeed(address, flags, io);
    });
}
