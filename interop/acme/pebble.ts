/** Pebble, Let's Encrypt's authority for tests, with its DNS server, on loopback. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { makeCertificate } from "../../src/host/certificates/testing/make-certificate.ts";
import { Child } from "../child.ts";
import { goPackage } from "../install/go.ts";
import { LOOPBACK } from "../loopback.ts";

const VERSION = "v2.10.1";
const MODULE = "github.com/letsencrypt/pebble/v2/cmd";
/** The account that Pebble knows when it asks for external ones. */
export const EXTERNAL = { kid: "kid-1", hmacKey: "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W" };

export interface PebbleOptions {
  readonly externalAccounts?: boolean;
}

export class Pebble implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), "nagare-pebble-"));
  /** Ports on which Pebble asks: those of the server under test. */
  httpPort = 0;
  tlsPort = 0;
  /** PEM: trusted for the directory. */
  ca = "";
  readonly #children: Child[] = [];
  #port = 0;
  #management = 0;
  #dnsManagement = 0;

  static async start(log: (line: string) => void, options: PebbleOptions = {}): Promise<Pebble> {
    const pebble = new Pebble();
    const [authority, dns] = [
      await goPackage("pebble", `${MODULE}/pebble@${VERSION}`, log),
      await goPackage("pebble-challtestsrv", `${MODULE}/pebble-challtestsrv@${VERSION}`, log),
    ];
    const ports = await freePorts(6);
    pebble.httpPort = ports[0]!;
    pebble.tlsPort = ports[1]!;
    pebble.#port = ports[2]!;
    pebble.#management = ports[3]!;
    pebble.#dnsManagement = ports[4]!;
    const dnsServer = `${LOOPBACK}:${ports[5]}`;
    const root = makeCertificate({ subject: "Pebble's own", ca: true });
    const tls = makeCertificate({ names: ["localhost", LOOPBACK], issuer: root });
    pebble.ca = root.cert;
    const file = (name: string, content: string): string => {
      writeFileSync(join(pebble.folder, name), content);
      return join(pebble.folder, name);
    };
    const config = {
      pebble: {
        listenAddress: `${LOOPBACK}:${pebble.#port}`,
        managementListenAddress: `${LOOPBACK}:${pebble.#management}`,
        certificate: file("cert.pem", tls.certChain),
        privateKey: file("key.pem", tls.key),
        httpPort: pebble.httpPort,
        tlsPort: pebble.tlsPort,
        externalAccountBindingRequired: options.externalAccounts === true,
        externalAccountMACKeys: { [EXTERNAL.kid]: EXTERNAL.hmacKey },
        domainBlocklist: ["blocked.test"],
        retryAfter: { authz: 3, order: 5 },
        profiles: {
          default: { description: "90 days", validityPeriod: 7_776_000 },
          brief: { description: "12 seconds", validityPeriod: 12 },
        },
      },
    };
    const none = ["-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", ""];
    const management = `${LOOPBACK}:${pebble.#dnsManagement}`;
    // Only IPv4, so that Pebble does not try ::1 first.
    const addresses = ["-defaultIPv4", LOOPBACK, "-defaultIPv6", ""];
    pebble.#children.push(
      new Child([dns, "-dnsserver", dnsServer, "-management", management, ...addresses, ...none]),
      new Child([authority, "-config", file("config.json", JSON.stringify(config)), "-dnsserver", dnsServer], {
        env: { PEBBLE_VA_NOSLEEP: "1" },
      }),
    );
    for (const child of pebble.#children) {
      const port = child === pebble.#children[0] ? pebble.#dnsManagement : pebble.#port;
      await child.until(() => isListening(port), AbortSignal.timeout(20_000));
    }
    return pebble;
  }

  get directory(): string {
    return `https://${LOOPBACK}:${this.#port}/dir`;
  }

  /** PEM: the root of what it issues. */
  async root(): Promise<string> {
    const url = `https://${LOOPBACK}:${this.#management}/roots/0`;
    return new Promise((resolve, reject) => {
      request(url, { ca: this.ca }, (response) => resolve(text(response)))
        .on("error", reject)
        .end();
    });
  }

  /** A command of the DNS server, such as "set-servfail". */
  async dns(command: string, body: object): Promise<void> {
    const url = `http://${LOOPBACK}:${this.#dnsManagement}/${command}`;
    const response = await fetch(url, { method: "POST", body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${command}: ${response.status}`);
  }

  /** A program for `--acme-dns-hook`. */
  dnsHook(): string {
    const path = join(this.folder, "dns-hook.mjs");
    const source = `#!${process.execPath}
const [action, host, value] = process.argv.slice(2);
const command = action === "present" ? "set-txt" : "clear-txt";
const body = JSON.stringify({ host, value });
const response = await fetch("http://${LOOPBACK}:${this.#dnsManagement}/" + command, { method: "POST", body });
process.exitCode = response.ok ? 0 : 1;
`;
    writeFileSync(path, source, { mode: 0o755 });
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) await child[Symbol.asyncDispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Ports that are free on TCP now. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = createServer();
      return new Promise<typeof server>((resolve) => {
        server.listen(0, LOOPBACK, () => resolve(server));
      });
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

async function isListening(port: number): Promise<boolean> {
  const { connect } = await import("node:net");
  return new Promise((resolve) => {
    const socket = connect(port, LOOPBACK, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}
