// A worker that speaks the supervisor's protocol and serves nothing. Its arguments say how it fares:
//   ready FILE    notes each start in the file
//   fails MESSAGE says that its configuration is wrong
//   dies          ends before it serves
//   later FILE    like "ready" at first; once the file holds text, like "fails"
import { appendFileSync, readFileSync } from "node:fs";

const [behavior, argument] = process.argv.slice(2);
const send = (message) => process.send(message);
const fail = (message) =>
  send({ nagare: "failed", failure: { name: "ServeError", code: "MODULE_INVALID", message, isConfiguration: true } });

process.on("message", (message) => {
  if (message.nagare === "setup") {
    if (behavior === "dies") process.exit(3);
    const problem = behavior === "fails" ? argument : behavior === "later" ? readFileSync(argument, "utf8") : "";
    if (problem !== "") fail(problem);
    else {
      if (behavior === "ready" && argument !== undefined) appendFileSync(argument, `${process.pid}\n`);
      send({ nagare: "ready" });
    }
  }
  if (message.nagare === "serve") send({ nagare: "serving" });
  if (message.nagare === "certificates") send({ nagare: "certificates", id: message.id });
  if (message.nagare === "drain") {
    send({ nagare: "leaving" });
    // The supervisor may have ended in the meantime.
    if (process.connected) process.disconnect();
  }
});
process.on("disconnect", () => process.exit());
send({ nagare: "hello" });
