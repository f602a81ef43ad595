import { expect, test, vi } from "vitest";
import { ServiceManager } from "./service-manager.ts";
import { hasKoffi, openNotifySocket } from "./testing/notify-socket.ts";

const open = (env: Record<string, string | undefined>, lines: string[] = []) =>
  ServiceManager.open({ env, log: (line) => lines.push(line), onFault: ({ error }) => lines.push(error.message) });

test.runIf(hasKoffi)("a service manager hears that the server is ready, reloads, lives and stops", async () => {
  using socket = openNotifySocket();
  const env = { NOTIFY_SOCKET: socket.path, WATCHDOG_USEC: "4000", WATCHDOG_PID: String(process.pid), PATH: "/bin" };
  const manager = (await open(env))!;
  expect(env).toEqual({ PATH: "/bin" });
  manager.ready("serving");
  manager.reloading();
  manager.ready("serving");
  await vi.waitFor(() => expect(socket.received().filter((each) => each === "WATCHDOG=1").length).toBeGreaterThan(2));
  manager.stopping();
  manager.close();
  const told = socket.received().filter((each) => each !== "WATCHDOG=1");
  const ready = `READY=1\nSTATUS=serving\nMAINPID=${process.pid}`;
  expect(told).toEqual([
    ready,
    expect.stringMatching(/^RELOADING=1\nMONOTONIC_USEC=\d+$/),
    ready,
    expect.stringMatching(/^STOPPING=1\n/),
  ]);
});

test.runIf(hasKoffi)("the watchdog of another process is not this one's", async () => {
  using socket = openNotifySocket();
  const manager = (await open({ NOTIFY_SOCKET: socket.path, WATCHDOG_USEC: "1", WATCHDOG_PID: "1" }))!;
  manager.close();
  expect(socket.received()).toEqual([]);
});

test("without a service manager, nothing is said", async () => {
  const lines: string[] = [];
  expect(await open({}, lines)).toBeUndefined();
  expect(lines).toEqual([]);
});

test("a socket that cannot be reached is one line", async () => {
  const lines: string[] = [];
  expect(await open({ NOTIFY_SOCKET: "/nowhere/notify" }, lines)).toBeUndefined();
  expect(lines).toEqual([expect.stringMatching(/^nagare: cannot tell systemd that the server is ready: /)]);
});
