/** Our TLS machines, configured as a test demands. */

import type { Instant } from "../../src/base/time.ts";
import type { GroupName, SignatureSchemeName } from "../../src/crypto/engine.ts";
import { portableEngine as engine } from "../../src/crypto/portable/index.ts";
import { systemRng as rng } from "../../src/host/random.ts";
import { createTlsClient } from "../../src/tls/client.ts";
import { GROUPS, nameOf } from "../../src/tls/code-points.ts";
import { createTlsServer } from "../../src/tls/server.ts";
import type { ClientSession } from "../../src/tls/session.ts";
import { MemoryStrikeRegister } from "../../src/tls/strike-register.ts";
import { TicketKeys } from "../../src/tls/tickets.ts";
import { latin1 } from "../../src/wire/text.ts";
import type { Endpoint } from "./connection.ts";
import { type Credential, credentialsOf } from "./credential.ts";
import { type ConnectionFlags, Unimplemented } from "./flags.ts";

function groupsOf({ curves }: ConnectionFlags): { readonly groups?: readonly GroupName[] } {
  if (curves.length === 0) return {};
  const groups = curves.map((curve) => {
    const name = nameOf(GROUPS, curve);
    if (name === undefined) throw new Unimplemented("groups other than X25519MLKEM768, X25519, P-256 and P-384");
    return name;
  });
  return { groups };
}

export function clientEndpoint(flags: ConnectionFlags, session: ClientSession | undefined): Endpoint {
  const credentials = credentialsOf(flags);
  if (credentials.length > 1) throw new Unimplemented("choosing among several client certificates");
  const [credential] = credentials;
  const machine = createTlsClient({
    engine,
    rng,
    alpn: flags.advertisedProtocols,
    ...groupsOf(flags),
    transportParameters: flags.transportParameters ?? new Uint8Array(0),
    serverName: flags.hostName,
    session,
    earlyData: flags.enablesEarlyData,
    identity: credential?.identity,
  });
  return { machine, selectedCredential: () => credential?.index, answerIdentity: () => {} };
}

/** What the servers of one test share. */
export class ServerMemory {
  readonly keys = new TicketKeys(engine, new Uint8Array(32), rng);
  readonly register = new MemoryStrikeRegister();
}

export function serverEndpoint(flags: ConnectionFlags, memory: ServerMemory): Endpoint {
  const credentials = credentialsOf(flags);
  const { enablesEarlyData, earlyDataContext } = flags;
  let schemes: readonly SignatureSchemeName[] = [];
  let selected: Credential | undefined;
  const choose = () => {
    selected = credentials.find(({ identity }) => identity.signer.schemes.some((scheme) => schemes.includes(scheme)));
    // Without a common scheme, TLS itself finds the problem.
    return (selected ?? credentials[0])?.identity;
  };
  const machine = createTlsServer({
    engine,
    rng,
    alpn: flags.selectedProtocol === undefined ? [] : [flags.selectedProtocol],
    ...groupsOf(flags),
    transportParameters: flags.transportParameters ?? new Uint8Array(0),
    selectIdentity: (_, supported) => {
      schemes = supported;
      return flags.isAsync ? "later" : choose();
    },
    tickets: flags.hasNoTicket
      ? undefined
      : {
          keys: memory.keys,
          earlyData: enablesEarlyData
            ? { context: latin1(earlyDataContext || "none"), register: memory.register }
            : undefined,
        },
    clientCertificate: flags.requiresClientCertificate ? "required" : flags.verifiesPeer ? "optional" : undefined,
  });
  const answerIdentity = (now: Instant) => machine.identitySelected(choose(), now);
  return { machine, selectedCredential: () => selected?.index, answerIdentity };
}
