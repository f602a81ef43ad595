// Finds a Chromium and starts it with a profile of its own, so that neither its flags nor what it accepts outlive the visit.
import { spawn } from "node:child_process";
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

const NAMES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "brave-browser"];

/** Where it is when PATH does not say. */
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

/** Whether a window can be opened: macOS and Windows always have a screen. */
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
  ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []), // Chromium's own condition for running as root
];

/** The same to be typed by hand. */
export function browserCommand(path: string | undefined, flags: readonly string[], url: string): string {
  const program = path?.includes(" ") ? `"${path}"` : (path ?? "chromium");
  return [program, ...settings('"$(mktemp -d)"'), ...flags, url].join(" ");
}

/** Opens a window on the page. It belongs to the person: it stays when the program ends. */
export function openBrowser(path: string, flags: readonly string[], url: string, say: (line: string) => void): void {
  const profile = mkdtempSync(join(tmpdir(), "nagare-browser-"));
  const forget = () => rmSync(profile, { recursive: true, force: true, maxRetries: 3 });
  const child = spawn(path, [...settings(profile), ...flags, url], { stdio: "ignore", detached: true });
  child.unref();
  child.once("error", (error) => say(`${path} did not start: ${error.message}`));
  child.once("exit", (code) => {
    if (code !== 0 && code !== null) say(`${path} ended with ${code}; does this machine have a display?`);
    forget();
    process.once("exit", forget); // what the browser's helpers wrote after it
  });
  say(`opening ${path}`);
}
