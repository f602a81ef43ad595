// The page's script: no library, no build step. Each part works, or says why not, by itself.
import { startFacts } from "./facts.js";
import { startLive } from "./live.js";
import { startRace } from "./race.js";
import { startTour } from "./tour.js";

const connection = await startFacts();
if (connection === undefined) {
  const text = "This part needs the program behind npm start; now only the files are served.";
  for (const id of ["race-note", "live-note", "tour-note"]) document.getElementById(id).textContent = text;
} else {
  startRace(connection);
  startLive(connection);
  startTour();
}
