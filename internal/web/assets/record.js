// What a board shows of a call's record (docs/wallboard.md says it in words). It knows neither the page nor the clock.

const reached = (leg) => leg.state === "answered" || leg.state === "talking";
const machine = (leg) => leg.dialog_type === "BOT" || leg.dialog_type === "SYSTEM";
const counts = (leg) => leg.dialog_type !== "SCREENSHARE_DIALOG" && leg.dialog_type !== "UNBOUND_DIALOG";
const person = (leg) => leg.dialog_type === "CONSULTANT" || leg.dialog_type === "TENANT_USER";

// contactOf gives the leg that the call is with, as far as it was seen. Legs are in leg order.
function contactOf(legs) {
  const root = legs.find((leg) => leg.link_basis === "root");
  if (root?.dialog_type === "EXTERNAL") return root;
  return legs.find((leg) => leg.dialog_type === "EXTERNAL") ?? root ?? legs[0];
}

const last = (times) => times.filter(Boolean).sort().at(-1) ?? null;
const first = (times) => times.filter(Boolean).sort()[0] ?? null;

// phaseOf says where a call is: its group, since when, and whether a customer waits for somebody meanwhile.
function phaseOf(call) {
  const seen = call.legs.filter(counts);
  const legs = seen.length > 0 ? seen : call.legs;
  if (call.state === "ended") return { group: "ended", since: call.ended_at, waits: false };
  const contact = contactOf(legs);
  const others = legs.filter((leg) => leg !== contact);
  const open = others.filter((leg) => leg.state !== "closed");
  const rings = open.some((leg) => !reached(leg));
  const talkers = open.filter((leg) => reached(leg) && !machine(leg));
  if (call.connected) {
    const hold = first(legs.filter((leg) => leg.state !== "closed").flatMap((leg) => leg.holds.filter((h) => !h.to).map((h) => h.from)));
    if (hold) return { group: "held", since: hold, waits: false };
    const left = others.filter((leg) => leg.state === "closed" && leg.talking_at);
    if (talkers.length > 0 || left.length === 0 || contact?.dialog_type !== "EXTERNAL") {
      return { group: "talking", since: call.talking_at ?? call.answered_at ?? call.started_at, waits: false };
    }
    // Whom the customer talked with has left: handed on, and nobody has answered yet.
    return { group: rings ? "ringing" : "waiting", since: last(left.map((leg) => leg.closed_at)), waits: true };
  }
  const bot = open.find((leg) => machine(leg) && reached(leg));
  if (bot && !rings) return { group: "talking", since: bot.talking_at ?? bot.answered_at ?? call.started_at, waits: false, bot: true };
  const customer = contact?.dialog_type === "EXTERNAL";
  const waits = customer && (call.direction !== "outbound" || reached(contact));
  // One whom we called waits from when he answered.
  const since = waits && call.direction === "outbound" ? contact.answered_at ?? contact.talking_at : call.started_at;
  return { group: rings || !waits ? "ringing" : "waiting", since: since ?? call.started_at, waits };
}

// nameOf is what a consultant is called.
const nameOf = (consultant) => consultant.name ?? consultant.username ?? (consultant.id === null ? "" : String(consultant.id));

// keyOf is what statistics know a consultant by.
export const keyOf = (consultant) => String(consultant.id ?? consultant.username ?? "").toLowerCase();

// read gives what is shown of a call.
export function read(call) {
  const phase = phaseOf(call);
  const legs = new Map(call.legs.map((leg) => [leg.dialog_uuid, leg]));
  const people = [];
  for (const consultant of call.consultants) {
    const leg = legs.get(consultant.dialog_uuid);
    const name = nameOf(consultant);
    if (!leg || !name || !person(leg)) continue;
    const here = phase.group === "ended" ? Boolean(leg.talking_at ?? leg.answered_at) : leg.state !== "closed";
    if (!here || people.some((p) => p.name === name)) continue;
    const talks = call.connected && (phase.group === "ended" || reached(leg));
    people.push({
      key: keyOf(consultant), name, state: talks ? (phase.group === "held" ? "held" : "talking") : "ringing",
      since: (talks ? leg.talking_at ?? leg.answered_at : leg.alerting_at ?? leg.ringing_at ?? leg.created_at) ?? phase.since,
    });
  }
  const number = call.external.number_e164 ?? call.external.number ?? "";
  const named = call.external.name !== null && call.external.name !== call.external.number && call.external.name !== number;
  return {
    id: call.call_uuid, group: phase.group, since: Date.parse(phase.since) || 0, waits: phase.waits, bot: phase.bot === true,
    direction: call.direction, number, name: named ? call.external.name : "", people,
    project: call.project.name ?? (call.project.id === null ? "" : String(call.project.id)),
    disposition: call.disposition ?? "", missed: call.missed, by: call.hangup_by ?? "",
  };
}
