/**
 * How `nagare reload` finds and asks the supervisors of this user: a socket for each in a folder of the user's cache, which
 * only that user may enter, beside a file with its port and a secret. A request is one line of JSON with the secret, and so
 * is the answer. Anything else is closed and reported once.
 */

import { randomBytes, timingSafeEqual } from "node:crypto";
import { chmodSync, lstatSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { detach, type Fault, guard, ignore } from "../guard.ts";
import { bindServer } from "../http/bind-server.ts";
import { cacheDirectory, makeDirectory, placeFile } from "../kept-file.ts";

/** What a server says about itself in its file. */
export interface ControlFacts {
  readonly pid: number;
  readonly port: number;
  readonly url: string;
}

export interface ControlAnswer {
  readonly ok: boolean;
  /** Why it failed. */
  readonly message?: string;
}

interface Entry extends ControlFacts {
  readonly secret: string;
}

const SECRET_LENGTH = 32;
const MAX_REQUEST = 1_024;
/** The time that a caller has to send its request, in milliseconds. */
const REQUEST_TIMEOUT = 2_000;

const controlFolder = (): string => join(cacheDirectory(), "servers");

const IS_WINDOWS = process.platform === "win32";

/** Windows has named pipes in place of sockets in a folder; the secret keeps strangers out of both. */
const socketPath = (folder: string, pid: number): string =>
  IS_WINDOWS ? `\\\\.\\pipe\\nagare-${pid}` : join(folder, `${pid}.sock`);

/** Creates the folder. Rejects if another user could enter it; on Windows, that of a user is private by inheritance. */
async function checkedFolder(folder: string): Promise<void> {
  await makeDirectory(folder);
  if (IS_WINDOWS) return;
  const { mode, uid } = lstatSync(folder);
  if (uid !== process.getuid?.() || (mode & 0o077) !== 0) {
    throw new Error(`${folder} is open to other users: make it private (chmod 700)`);
  }
}

export interface ControlOptions {
  readonly facts: ControlFacts;
  readonly onReload: () => Promise<void>;
  readonly log: (line: string) => void;
  readonly onFault: (fault: Fault) => void;
  readonly folder?: string;
}

/** Answers `requestReload` until it is closed. */
export class ControlSocket {
  readonly #options: ControlOptions;
  readonly #folder: string;
  readonly #secret = randomBytes(SECRET_LENGTH).toString("hex");
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isStrangerReported = false;

  private constructor(options: ControlOptions) {
    this.#options = options;
    this.#folder = options.folder ?? controlFolder();
    this.#server = createServer(guard("control opened", this.#drop, (socket: Socket) => this.#accept(socket)));
  }

  readonly #drop = (fault: Fault, socket: Socket): void => {
    socket.destroy();
    this.#options.onFault(fault);
  };

  /** Rejects if the folder cannot be written, or is not private. */
  static async open(options: ControlOptions): Promise<ControlSocket> {
    const control = new ControlSocket(options);
    await checkedFolder(control.#folder);
    const path = socketPath(control.#folder, options.facts.pid);
    if (!IS_WINDOWS) rmSync(path, { force: true });
    await bindServer(control.#server, { path }, options.onFault);
    control.#server.unref();
    if (!IS_WINDOWS) chmodSync(path, 0o600);
    const entry: Entry = { ...options.facts, secret: control.#secret };
    await placeFile(control.#path("json"), JSON.stringify(entry), async () => undefined);
    return control;
  }

  #path(extension: string): string {
    return join(this.#folder, `${this.#options.facts.pid}.${extension}`);
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", ignore);
    socket.once(
      "close",
      guard("control closed", this.#options.onFault, () => this.#sockets.delete(socket)),
    );
    const refuse = (): void => {
      socket.destroy();
      if (this.#isStrangerReported) return;
      this.#isStrangerReported = true;
      this.#options.log("nagare: a stranger opened the socket of nagare reload, and was refused");
    };
    socket.setTimeout(
      REQUEST_TIMEOUT,
      guard("control silence", (fault) => this.#drop(fault, socket), refuse),
    );
    let text = "";
    const receive = (chunk: Buffer): void => {
      text += chunk.toString("latin1");
      const end = text.indexOf("\n");
      if (end < 0 && text.length <= MAX_REQUEST) return;
      if (end < 0 || !this.#isAuthentic(text.slice(0, end))) {
        refuse();
        return;
      }
      socket.setTimeout(0);
      socket.removeAllListeners("data");
      detach("control answer", (fault) => this.#drop(fault, socket), this.#answer(socket));
    };
    socket.on(
      "data",
      guard("control data", (fault) => this.#drop(fault, socket), receive),
    );
  }

  async #answer(socket: Socket): Promise<void> {
    let answer: ControlAnswer = { ok: true };
    try {
      await this.#options.onReload();
    } catch (error) {
      answer = { ok: false, message: (error as Error).message };
    }
    socket.end(`${JSON.stringify(answer)}\n`);
  }

  #isAuthentic(line: string): boolean {
    const { secret, command } = parse(line) as { secret?: unknown; command?: unknown };
    if (typeof secret !== "string" || command !== "reload" || secret.length !== this.#secret.length) return false;
    return timingSafeEqual(Buffer.from(secret), Buffer.from(this.#secret));
  }

  close(): void {
    for (const extension of ["sock", "json"]) rmSync(this.#path(extension), { force: true });
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}

/** The servers of this user that can be reloaded. Those that were killed are forgotten. */
export function listServers(folder: string = controlFolder()): readonly Entry[] {
  let names: readonly string[];
  try {
    names = readdirSync(folder).filter((name) => name.endsWith(".json"));
  } catch {
    return [];
  }
  return names.flatMap((name) => {
    const entry = parse(read(join(folder, name))) as Partial<Entry>;
    if (typeof entry.pid === "number" && isRunning(entry.pid)) return [entry as Entry];
    for (const extension of ["sock", "json"]) rmSync(join(folder, name.replace("json", extension)), { force: true });
    return [];
  });
}

/** Asks a server to reload, and resolves to its answer, which takes as long as the reload. */
export function requestReload(entry: Entry, folder: string = controlFolder()): Promise<ControlAnswer> {
  const socket = createConnection(socketPath(folder, entry.pid));
  return new Promise((resolve, reject) => {
    let text = "";
    socket.once("error", reject);
    socket.on(
      "data",
      guard(
        "client reload answer",
        (fault) => reject(fault.error),
        (chunk: Buffer) => {
          text += chunk.toString();
        },
      ),
    );
    socket.once(
      "close",
      guard(
        "client reload end",
        (fault) => reject(fault.error),
        () => {
          const answer = parse(text) as Partial<ControlAnswer>;
          if (typeof answer.ok === "boolean") resolve(answer as ControlAnswer);
          else reject(new Error("the server closed the connection without an answer"));
        },
      ),
    );
    socket.write(`${JSON.stringify({ secret: entry.secret, command: "reload" })}\n`);
  });
}

function parse(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
