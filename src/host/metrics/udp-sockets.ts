/** What Linux says about this process's UDP sockets (/proc/net/udp): the queue, and datagrams dropped because it was full. */

import { readdirSync, readFileSync, readlinkSync } from "node:fs";

export interface UdpSocketState {
  readonly port: number;
  /** Bytes that wait in the receive queue, with the kernel's overhead. */
  readonly queued: number;
  /** Datagrams that the kernel dropped since the socket was opened, mostly for lack of room in its queue. */
  readonly dropped: number;
}

/** Empty where there is no /proc. */
export function ownUdpSockets(ports: ReadonlySet<number>): readonly UdpSocketState[] {
  const inodes = ownSocketInodes();
  return ["/proc/net/udp", "/proc/net/udp6"].flatMap((table) =>
    parseUdpTable(read(table))
      .filter(({ inode, port }) => ports.has(port) && inodes.has(inode))
      .map(({ port, queued, dropped }) => ({ port, queued, dropped })),
  );
}

/** `sl local_address rem_address st tx_queue:rx_queue tr:tm retrnsmt uid timeout inode ref pointer drops` */
export function parseUdpTable(table: string): readonly (UdpSocketState & { readonly inode: string })[] {
  return table.split("\n").flatMap((line) => {
    const columns = line.trim().split(/\s+/);
    const [, local = "", , , queues = ""] = columns;
    const inode = columns[9];
    const port = Number.parseInt(local.split(":")[1] ?? "", 16);
    if (Number.isNaN(port) || inode === undefined) return [];
    const queued = Number.parseInt(queues.split(":")[1] ?? "0", 16);
    return [{ port, inode, queued, dropped: Number(columns[12] ?? 0) }];
  });
}

function ownSocketInodes(): ReadonlySet<string> {
  const inodes = new Set<string>();
  for (const descriptor of list("/proc/self/fd")) {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${descriptor}`))?.[1];
      if (inode !== undefined) inodes.add(inode);
    } catch {
      // It was closed in the meantime.
    }
  }
  return inodes;
}

function list(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
