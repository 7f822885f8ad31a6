// The live board: calls as the stream tells of them, figures and consultants of today as /v1/stats does. Everything that
// is shown goes into the page as text, in one go for all that came meanwhile.
import { read, keyOf } from "./record.js";
import { Stream } from "./stream.js";
import * as clock from "./clock.js";

const board = document.getElementById("board");
const { stream, stats, call: callPath, zone } = board.dataset;
const texts = JSON.parse(board.dataset.texts);
const warn = Number(board.dataset.warn) * 1000, late = Number(board.dataset.late) * 1000;
const groups = ["waiting", "ringing", "talking", "held"];
const batch = 200; // ms between two changes of the page: more often nobody sees, and it would cost the machine
const pulse = 15000; // ms between two questions for figures when no call ends
const hush = 3000; // ms between two of them when many do
const endedShown = 8; // calls that have just ended

clock.set(Number(board.dataset.now));
const $ = (id) => document.getElementById(id);
const text = (key, value) => (texts[key] ?? key).replace("{}", value ?? "");

// put writes text where it is not there already.
function put(node, value) {
  if (node.firstChild === null || node.firstChild.nodeValue !== value) node.textContent = value;
}

// ---- calls: what is known, and which rows have to be drawn anew

const calls = new Map(); // by uuid: {shown, row, at, group, tone}
const dirty = new Set();
let loading = null; // uuids of the snapshot that comes in
let due = 0, drawn = 0;

function told(name, data) {
  heard = clock.now();
  if (name === "reset") {
    loading = new Set();
  } else if (name === "call") {
    loading?.add(data.call_uuid);
    const known = calls.get(data.call_uuid) ?? { row: null, group: "", tone: "" };
    const shown = read(data);
    if (shown.group === "ended" && known.shown && known.shown.group !== "ended") figuresChanged();
    for (const person of shown.people) {
      names.set(person.key, person.name);
      seen.set(person.key, performance.now());
    }
    known.shown = shown;
    known.gone = false;
    calls.set(shown.id, known);
    mark(shown.id);
  } else if (name === "gone") {
    remove(data.call_uuid);
  } else if (name === "ready") {
    for (const id of calls.keys()) if (loading && !loading.has(id)) remove(id);
    loading = null;
    figuresChanged();
    mark();
  }
}

function remove(id) {
  const known = calls.get(id);
  if (!known) return;
  known.gone = true;
  mark(id);
}

function mark(id) {
  if (id) dirty.add(id);
  if (due) return;
  due = setTimeout(() => requestAnimationFrame(draw), Math.max(0, drawn + batch - performance.now()));
}

// ---- rows

const pattern = $("row");

function newRow(id) {
  const row = pattern.content.firstElementChild.cloneNode(true);
  row.dataset.call = id;
  const part = (name) => row.querySelector(`[data-part=${name}]`);
  const link = part("link");
  link.href = callPath.replace("{}", encodeURIComponent(id));
  return { row, link, way: part("way"), name: part("name"), number: part("number"), with: part("with"), project: part("project"), clock: part("clock"), told: part("told") };
}

const ways = { inbound: "→", outbound: "←", unknown: "↔" };

function drawRow(known) {
  const { shown } = known;
  known.row ??= newRow(shown.id);
  const row = known.row;
  put(row.way, ways[shown.direction] ?? ways.unknown);
  put(row.told, text(`direction.${shown.direction}`));
  put(row.name, shown.name ? `${shown.name} ` : "");
  put(row.number, shown.number || (shown.name ? "" : text("nobody")));
  put(row.with, shown.bot ? text("bot") : shown.people.map((p) => p.name).join(", "));
  put(row.project, shown.group === "ended" ? endOf(shown) : shown.project);
  const at = `${shown.group}/${shown.since}`;
  if (known.at !== at) place(known);
  known.at = at;
  tick(known, clock.now());
}

function endOf(shown) {
  const how = text(`disposition.${shown.disposition}`);
  return shown.by ? `${how} · ${text("by", text(`party.${shown.by}`))}` : how;
}

// place puts a row into its group: the longest at the top; of what has ended, the last.
function place(known) {
  const { group, since } = known.shown;
  const list = $(`calls-${group}`);
  const before = group === "ended" ? (other) => other.shown.since < since : (other) => other.shown.since > since;
  let next = null;
  // Most often it belongs to the end of a group, or to the beginning of those that have ended.
  if (group === "ended") {
    for (next = list.firstElementChild; next; next = next.nextElementSibling) {
      if (next !== known.row.row && before(calls.get(next.dataset.call) ?? known)) break;
    }
  } else {
    for (let at = list.lastElementChild; at; at = at.previousElementSibling) {
      if (at === known.row.row) continue;
      const other = calls.get(at.dataset.call);
      if (!other || !before(other)) break;
      next = at;
    }
  }
  list.insertBefore(known.row.row, next);
  known.group = group;
}

function tick(known, now) {
  const { shown, row } = known;
  if (shown.group === "ended") {
    put(row.clock, clock.moment(shown.since, zone));
  } else {
    put(row.clock, shown.since ? clock.length(now - shown.since) : "–");
  }
  const waited = shown.waits ? now - shown.since : 0;
  const tone = waited >= late ? "late" : waited >= warn ? "warn" : shown.group === "ended" && shown.missed ? "late" : "";
  if (tone !== known.tone) {
    row.row.classList.remove("warn", "late");
    if (tone) row.row.classList.add(tone);
    known.tone = tone;
  }
}

// ---- one change of the page for everything that came

function draw() {
  due = 0;
  drawn = performance.now();
  for (const id of dirty) {
    const known = calls.get(id);
    if (!known) continue;
    if (known.gone) {
      known.row?.row.remove();
      calls.delete(id);
    } else if (loading === null || loading.has(id)) {
      drawRow(known);
    }
  }
  dirty.clear();
  const count = { waiting: 0, ringing: 0, talking: 0, held: 0, ended: 0 };
  const engaged = new Map();
  for (const { shown, gone } of calls.values()) {
    if (gone) continue;
    count[shown.group]++;
    if (shown.group === "ended") continue;
    for (const person of shown.people) {
      if (person.key && (!engaged.has(person.key) || person.state !== "ringing")) engaged.set(person.key, { ...person, call: shown });
    }
  }
  for (const group of groups) put($(`count-${group}`), String(count[group]));
  const list = $("calls-ended");
  for (let i = list.children.length - 1; i >= 0; i--) list.children[i].hidden = i >= endedShown;
  drawPeople(engaged);
  drawLongest(ticked || clock.now());
}

// drawLongest shows how long the customer who waits longest has been waiting, by the second at which the rows' clocks were
// set last: at every change, so that it and the rows never tell two stories.
let ticked = 0;
function drawLongest(now) {
  let waiting = 0, longest = 0;
  for (const { row, gone, shown } of calls.values()) {
    if (!row || gone || !shown.waits) continue;
    waiting++;
    longest = Math.max(longest, now - shown.since);
  }
  put($("longest-now"), waiting ? clock.length(longest) : "–");
  $("longest-now").dataset.tone = longest >= late ? "late" : longest >= warn ? "warn" : "";
  announce(waiting, longest, now);
}

// ---- consultants

const names = new Map(); // by key, of those who have been seen
const seen = new Map(); // by key: when a call told of them last
const people = new Map(); // by key: {row, since}
const today = new Map(); // by key: answered today
const personPattern = $("person");

// Those who have a call come first, each kind by name.
const collator = new Intl.Collator(document.documentElement.lang);
const personOrder = (a, b) =>
  (a.dataset.state === "free") - (b.dataset.state === "free") || collator.compare(a.dataset.name, b.dataset.name);

function placePerson(list, row) {
  row.remove();
  let from = 0, to = list.children.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if (personOrder(row, list.children[middle]) < 0) to = middle;
    else from = middle + 1;
  }
  list.insertBefore(row, list.children[from] ?? null);
}

function drawPeople(engaged) {
  const list = $("people");
  for (const [key, name] of names) {
    if (!key) continue;
    let known = people.get(key);
    if (!known) {
      const row = personPattern.content.firstElementChild.cloneNode(true);
      const part = (named) => row.querySelector(`[data-part=${named}]`);
      known = { row, name: part("name"), state: part("state"), call: part("call"), clock: part("clock"), answered: part("answered"), since: 0 };
      put(known.name, name);
      row.dataset.name = name;
      people.set(key, known);
    }
    const now = engaged.get(key);
    const state = now?.state ?? "free";
    const drawnAs = `${state}/${now?.call.id}/${now?.call.name || now?.call.number}/${now?.since}/${today.get(key)}`;
    if (known.drawnAs === drawnAs) continue;
    known.drawnAs = drawnAs;
    const was = known.row.dataset.state;
    if (was !== state) {
      known.row.dataset.state = state;
      if (was === undefined || (was === "free") !== (state === "free")) placePerson(list, known.row);
    }
    put(known.state, text(`person.${state}`));
    known.since = now ? Date.parse(now.since) || 0 : 0;
    if (now) {
      if (known.call.dataset.call !== now.call.id) {
        known.call.dataset.call = now.call.id;
        known.call.href = callPath.replace("{}", encodeURIComponent(now.call.id));
      }
      put(known.call, now.call.name || now.call.number || text("nobody"));
    } else if (known.call.dataset.call) {
      delete known.call.dataset.call;
      known.call.removeAttribute("href");
      put(known.call, "");
    }
    put(known.answered, String(today.get(key) ?? 0));
    put(known.clock, known.since ? clock.length(clock.now() - known.since) : "");
  }
  $("no-people").hidden = people.size > 0;
}

// ---- one timer for all clocks

setInterval(() => {
  if (document.hidden) return;
  const now = clock.now();
  for (const known of calls.values()) {
    if (known.row && !known.gone && known.shown.group !== "ended") tick(known, now);
  }
  for (const person of people.values()) if (person.since) put(person.clock, clock.length(now - person.since));
  drawLongest(ticked = now);
}, 1000);

// announce tells a screen reader when somebody begins to wait too long, and not more than once in half a minute.
let told0 = -Infinity, wasLate = false;
function announce(waiting, longest, now) {
  const isLate = longest >= late;
  if (isLate && !wasLate && now - told0 > 30000) {
    told0 = now;
    put($("announce"), text("announce", String(waiting)).replace("{longest}", clock.length(longest)));
  }
  wasLate = isLate;
}

// ---- figures of today

let heard = clock.now(); // when the server said something last
let asked = -hush, asking = null, askTimer = 0; // never yet: the first question does not wait
const percent = new Intl.NumberFormat(document.documentElement.lang, { style: "percent", maximumFractionDigits: 1 });
const whole = (n) => (n === undefined || n === null ? "–" : String(n));
const span = (ms) => (ms === undefined || ms === null ? "–" : clock.length(ms));

function figuresChanged() {
  if (askTimer || !stats) return;
  askTimer = setTimeout(ask, Math.max(0, asked + hush - performance.now()));
}

async function answerOf(url) {
  const answer = await fetch(url, { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(10000) });
  if (!answer.ok) throw Object.assign(new Error(`${answer.status}`), { status: answer.status });
  clock.set(Date.parse(answer.headers.get("Date")) + 500);
  return answer.json();
}

async function ask() {
  askTimer = 0;
  if (asking) return;
  asked = performance.now();
  try {
    asking = Promise.all([answerOf(`${stats}interval=day`), answerOf(`${stats}group_by=consultant`)]);
    const [whole, byConsultant] = await asking;
    heard = clock.now();
    showFigures(whole.total);
    today.clear();
    for (const { consultant, inbound, outbound, unknown_direction: unknown } of byConsultant.groups) {
      const key = keyOf(consultant);
      names.set(key, names.get(key) ?? consultant.name ?? consultant.username ?? String(consultant.id));
      today.set(key, inbound.answered + outbound.answered + unknown.answered);
    }
    forget();
    put($("figures-note"), whole.complete ? "" : text("incomplete"));
    mark();
  } catch (error) {
    // 503 is the database: calls still come. No answer at all is the server, and then the stream is gone, too.
    put($("figures-note"), text("unasked", clock.moment(clock.now(), zone)));
    if (error.status === undefined) link.broken();
    else if (error.status === 401) stateChanged("refused");
  } finally {
    asking = null;
  }
}

// forget takes those away who have had no call today: a board goes on over midnight.
function forget() {
  for (const [key, { row }] of people) {
    if (today.has(key) || row.dataset.state !== "free" || performance.now() - (seen.get(key) ?? 0) < 60000) continue;
    row.remove();
    for (const known of [people, names, seen]) known.delete(key);
  }
}

function showFigures({ inbound, outbound, unknown_direction: unknown }) {
  const talk = inbound.average_talk_ms;
  const figures = {
    offered: whole(inbound.offered), answered: whole(inbound.answered), abandoned: whole(inbound.abandoned), missed: whole(inbound.missed),
    service: inbound.service_level === null ? "–" : percent.format(inbound.service_level), asa: span(inbound.average_speed_of_answer_ms),
    talk: span(talk), longest: span(inbound.longest_wait_ms), outbound: whole(outbound.calls + unknown.calls),
  };
  for (const [name, value] of Object.entries(figures)) put($(`figure-${name}`), value);
}

setInterval(() => {
  if (!document.hidden && performance.now() - asked >= pulse - 500) figuresChanged();
}, 1000);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) figuresChanged();
});

// ---- is it live?

let state = "";
function stateChanged(next) {
  if (next === state) return;
  // What began as stale stays so until there is a whole snapshot again; the time is that of the beginning. A connection
  // that is lost has been so since the last thing that came over it, at the worst.
  const wasLive = state === "live" || state === "";
  state = next;
  if (next !== "live" && wasLive) since = next === "lost" ? heard : clock.now();
  board.dataset.state = next;
  const banner = $("state");
  banner.classList.toggle("good", next === "live");
  banner.classList.toggle("bad", next !== "live");
  put($("state-text"), text(`state.${next}`, clock.moment(since, zone)));
  $("login").hidden = next !== "refused";
}
let since = clock.now();

const link = new Stream(stream, told, stateChanged);
link.open();
figuresChanged();

// ---- the whole screen, for a television

const full = $("full");
if (document.fullscreenEnabled) {
  full.hidden = false;
  full.addEventListener("click", () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else document.documentElement.requestFullscreen();
  });
  document.addEventListener("fullscreenchange", () => {
    const on = document.fullscreenElement !== null;
    document.documentElement.classList.toggle("tv", on || board.dataset.tv === "true");
    full.setAttribute("aria-pressed", String(on));
    put(full, text(on ? "full.leave" : "full.enter"));
  });
}
