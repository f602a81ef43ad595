import { type Command, Option } from "commander";
import { collect } from "./collect.ts";
import type { Io } from "./io.ts";
import type { PublishFlags } from "./live/publish.ts";
import type { RelayFlags } from "./live/relay.ts";
import type { WatchFlags } from "./live/watch.ts";
import { addServerOptions } from "./serve/flags.ts";

const RELAY_HELP = `
Examples:
  nagare live relay --test-source                            open the URL that it prints: a player, and something to play
  nagare live relay -p 443 -H :: --cert cert.pem --key key.pem --jwt-key key.jwk
  nagare live relay --upstream https://other.example/live     asks another relay for what nobody publishes here

Speaks MoQ Transport (drafts 20, 18, 16 and 14), Warp (00, 01) and the MoQ base draft (warp-02) over WebTransport: HTTP/3, or QMux over a
WebSocket where UDP is blocked. Publishers may announce namespaces or push tracks; those of Warp name the broadcast in the URL's path.
When ready, prints the URL on its own line; a browser finds a page with a player there. SIGINT or SIGTERM sends GOAWAY and lets peers leave.
Exit codes: 0 stopped cleanly, 1 failed, 2 usage or configuration.
`;

const PUBLISH_HELP = `
Examples:
  ffmpeg -re -i film.mp4 -c:v libx264 -tune zerolatency -g 30 -c:a aac -f mp4 \\
    -movflags +cmaf+frag_every_frame+skip_trailer pipe:1 | nagare live publish film --via https://localhost:4433/
  nagare live publish clock --via https://localhost:4433/ --test-source

Reads fragmented MP4 from standard input: each of its tracks becomes a track, each keyframe begins a group, and two catalogs, of
MSF and of hang, name them. --draft warp sends segments of Warp to the URL and the name instead. If the session is lost, connects again
without ending the broadcast. The end of the input ends it.
Exit codes: 0 the input ended or it was stopped; 1 the relay cannot be reached or refuses, or the input cannot be read; 2 usage.
`;

const WATCH_HELP = `
Examples:
  nagare live watch clock --via https://localhost:4433/ -o - | ffplay -fflags nobuffer -i -
  nagare live watch clock --via https://localhost:4433/ -o clock.mp4 --time 10s

Writes one stream of fragmented MP4 that begins with a keyframe. If the session is lost, connects again and goes on. Groups that
come too late are left out.
Exit codes: 0 the broadcast ended, --time passed, or it was stopped; 1 nobody publishes it, or the relay cannot be reached; 2 usage.
`;

const addClientOptions = (command: Command): Command =>
  command
    .addOption(new Option("--via <url>", "the relay, such as https://relay.example/").makeOptionMandatory())
    .addOption(new Option("--token <token>", "a token, sent as authorization: Bearer"))
    .addOption(
      new Option("--draft <n>", "only this draft: of MoQ Transport, or of Warp").choices([
        "20",
        "18",
        "16",
        "14",
        "warp",
        "warp-02",
      ]),
    )
    .addOption(new Option("--http1.1", "only a WebSocket"))
    .addOption(new Option("--http3-only", "only HTTP/3"))
    .addOption(new Option("-k, --insecure", "accept any certificate of the relay, even that of an impostor"))
    .addOption(new Option("--cacert <file>", "trust only the authorities in this PEM file"))
    .addOption(new Option("--json", "print events as JSON lines on standard error"));

export function registerLive(program: Command, io: Io): void {
  const live = program
    .command("live")
    .summary("publish, relay and watch live media")
    .description("Publish, relay and watch live media over MoQ Transport and Warp. Experimental.")
    .addHelpText(
      "after",
      "\nExamples:\n  nagare live relay\n  nagare live publish clock --via https://localhost:4433/ -k --test-source\n",
    );
  addServerOptions(
    live
      .command("relay")
      .summary("run a relay")
      .description("Run a relay that joins publishers and viewers of live media."),
  )
    .addOption(
      new Option(
        "--jwt-key <file>",
        "a JWK, a JWK set or a PEM file: only peers with a token of that key may use the relay",
      ),
    )
    .addOption(new Option("--upstream <url>", "a relay to ask for what nobody publishes here").argParser(collect))
    .addOption(new Option("--upstream-token <token>", "the token for it"))
    .addOption(new Option("-k, --insecure", "accept any certificate of the upstream relay"))
    .addOption(new Option("--cache-size <size>", "memory for groups of all tracks").default("256 MiB"))
    .addOption(new Option("--cache-age <time>", "how long a group is kept").default("10s"))
    .addOption(new Option("--max-latency <time>", "how late a group may be for a slow viewer").default("2s"))
    .addOption(new Option("--no-page", "no page with a player for browsers"))
    .addOption(new Option("--test-source", "publish a clock and a beep as the broadcast clock"))
    .addHelpText("after", RELAY_HELP)
    .action(async (flags: RelayFlags) => (await import("./live/relay.ts")).runRelay(flags, io));
  addClientOptions(
    live.command("publish").summary("publish a broadcast").description("Publish fragmented MP4 as a live broadcast."),
  )
    .argument("<name>", "the namespace, such as live/room")
    .addOption(new Option("--test-source", "publish a clock and a beep, without an encoder"))
    .addOption(new Option("--push", "send PUBLISH for each track instead of announcing the namespace"))
    .addHelpText("after", PUBLISH_HELP)
    .action(async (name: string, flags: PublishFlags) =>
      (await import("./live/publish.ts")).runPublish(name, flags, io),
    );
  addClientOptions(
    live.command("watch").summary("watch a broadcast").description("Write a live broadcast as fragmented MP4."),
  )
    .argument("<name>", "the namespace, such as live/room")
    .addOption(new Option("-o, --output <file>", "where to; - is standard output").default("-"))
    .addOption(new Option("--track <name>", "only this track; may be repeated").argParser(collect))
    .addOption(new Option("--time <time>", "stop after that time"))
    .addOption(new Option("--wait <time>", "how long to wait for a publisher").default("10s"))
    .addHelpText("after", WATCH_HELP)
    .action(async (name: string, flags: WatchFlags) => (await import("./live/watch.ts")).runWatch(name, flags, io));
}
