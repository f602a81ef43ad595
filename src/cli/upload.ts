import { type Command, InvalidArgumentError, Option } from "commander";
import { parseUploadProtocol } from "../http/resumable-upload/client/index.ts";
import { collect } from "./collect.ts";
import type { Io } from "./io.ts";
import type { UploadFlags } from "./upload/run.ts";

const HELP = `
Examples:
  nagare upload video.mp4 https://example.com/upload/
  nagare upload --parallel 4 disk.img https://example.com/files/      four streams, where the server speaks tus
  nagare upload -H 'authorization: Bearer TOKEN' a.pdf b.pdf https://example.com/upload/

An upload that was cut off goes on by itself where it stopped: after a lost connection, another network, or a new start of this
command for the same file and URL. The server may speak tus 1.0 or a draft of Resumable Uploads for HTTP; others get one plain
request. Prints the URL of each upload.
Exit codes: 0 all uploaded, 1 an upload failed, 2 usage, 130 and 143 interrupted (start again to go on).
`;

export function registerUpload(program: Command, io: Io): void {
  program
    .command("upload")
    .summary("upload files, resuming by itself where the connection was cut")
    .description("Upload files over HTTP/3, HTTP/2 or HTTP/1.1, and go on where a connection was cut.")
    .argument("<file...>", "the files, and then the URL")
    .addOption(new Option("-H, --header <line>", "a field of each request, such as authorization").argParser(collect))
    .addOption(
      new Option("--protocol <name>", "auto, plain, tus, draft, or draft-3 to draft-9")
        .argParser(protocol)
        .default("auto"),
    )
    .addOption(new Option("--parallel <streams>", "upload this many parts at a time (tus 1.0)").argParser(count))
    .addOption(new Option("--chunk-size <size>", 'bytes of one request at most, such as "64 MB"'))
    .addOption(new Option("--checksum", "send digests that the server checks; always with --parallel"))
    .addOption(new Option("--name <name>", "the file's name for the server"))
    .addOption(new Option("--retries <n>", "tries without progress before giving up").argParser(count))
    .addOption(new Option("--no-resume", "begin anew, and keep nothing for later"))
    .addOption(new Option("--http1.1", "HTTP/1.1 only").conflicts(["http2", "http3Only"]))
    .addOption(new Option("--http2", "HTTP/2 only").conflicts("http3Only"))
    .addOption(new Option("--http3-only", "HTTP/3 only"))
    .addOption(new Option("-k, --insecure", "accept any certificate, even that of an impostor"))
    .addOption(new Option("--cacert <file>", "trust only the authorities in this PEM file"))
    .addOption(new Option("-s, --silent", "show no progress"))
    .addOption(new Option("--json", "print events as JSON lines: progress, retry, uploaded"))
    .addHelpText("after", HELP)
    .action(async (given: string[], flags: UploadFlags) => {
      await (await import("./upload/run.ts")).runUpload(given, flags, io);
    });
}

function protocol(text: string): string {
  if (parseUploadProtocol(text) === undefined) {
    throw new InvalidArgumentError("give auto, plain, tus, draft, or draft-3 to draft-9");
  }
  return text;
}

function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError("give a whole number of at least 1");
  return value;
}
