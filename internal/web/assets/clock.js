// Times on the board. The server's clock counts: the one of a television may be anything.

let ahead = 0;

// set takes over the server's time.
export function set(milliseconds) {
  if (Number.isFinite(milliseconds)) ahead = milliseconds - Date.now();
}

export const now = () => Date.now() + ahead;

const two = (n) => String(n).padStart(2, "0");

// length writes a duration as m:ss or h:mm:ss.
export function length(milliseconds) {
  const s = Math.max(0, Math.floor(milliseconds / 1000));
  return s < 3600 ? `${Math.floor(s / 60)}:${two(s % 60)}` : `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
}

// spoken writes it for a screen reader, as <time datetime> has it.
export const spoken = (milliseconds) => `PT${Math.max(0, Math.floor(milliseconds / 1000))}S`;

// moment writes when something was, in a zone.
export function moment(milliseconds, zone) {
  return new Intl.DateTimeFormat("sv-SE", { timeZone: zone, timeStyle: "medium" }).format(milliseconds);
}
