// The page's script: no library, no build step. Each part works on its own, or says why it does not.
import { startFacts } from "./facts.js";
import { startInspector } from "./inspector.js";
import { startLive } from "./live.js";
import { startRace } from "./race.js";
import { startSession } from "./session.js";
import { startTour } from "./tour.js";

const connection = await startFacts();
if (connection === undefined) {
  const text = "This part needs the program behind npm start; currently only files are served.";
  for (const id of ["race-note", "live-note", "session-note", "tour-note"])
    document.getElementById(id).textContent = text;
} else {
  startRace(connection);
  startLive(connection);
  startSession(connection);
  startInspector();
  startTour();
}
