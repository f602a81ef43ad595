// Finds a Chromium and starts it with a separate profile, so that its flags and exceptions do not outlive the visit.
import { spawn } from "node:child_process";
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

const NAMES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "brave-browser"];

/** Where to find it if it is not on PATH. */
const PLACES: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  darwin: [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
  ],
  win32: [
    "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
    "C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe",
  ],
};

export function findChromium(env: NodeJS.ProcessEnv): string | undefined {
  const folders = (env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  const paths = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  return [...paths, ...(PLACES[process.platform] ?? [])].find(isExecutable);
}

/** True if a window can be opened: macOS and Windows always have a screen. */
export const hasDisplay = (env: NodeJS.ProcessEnv): boolean =>
  process.platform !== "linux" || (env.DISPLAY ?? "") !== "" || (env.WAYLAND_DISPLAY ?? "") !== "";

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const settings = (profile: string): string[] => [
  `--user-data-dir=${profile}`,
  "--no-first-run",
  "--no-default-browser-check",
  ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []), // Required by Chromium to run as root.
];

/** The same command, for a shell. */
export function browserCommand(path: string | undefined, flags: readonly string[], url: string): string {
  const program = path?.includes(" ") ? `"${path}"` : (path ?? "chromium");
  return [program, ...settings('"$(mktemp -d)"'), ...flags, url].join(" ");
}

/** Opens a window with the page. It belongs to the user and stays open when the program ends. */
export function openBrowser(path: string, flags: readonly string[], url: string, say: (line: string) => void): void {
  const profile = mkdtempSync(join(tmpdir(), "nagare-browser-"));
  const removeProfile = () => rmSync(profile, { recursive: true, force: true, maxRetries: 3 });
  const child = spawn(path, [...settings(profile), ...flags, url], { stdio: "ignore", detached: true });
  child.unref();
  child.once("error", (error) => say(`could not start ${path}: ${error.message}`));
  child.once("exit", (code) => {
    if (code !== 0 && code !== null) say(`${path} exited with code ${code}; does this machine have a display?`);
    removeProfile();
    process.once("exit", removeProfile); // The browser's helper processes may still have written to it.
  });
  say(`opening ${path}`);
}
