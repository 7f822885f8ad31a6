// Making a handler, step by step. What is made is a definition as POST /v1/handlers takes it; the server says what is
// wrong with it, here as everywhere. Changing one is the same, with what it is now in the fields; what has no field stays.
import { send } from "./api.js";

const form = document.getElementById("wizard");
if (form) begin();

function begin() {
  const { list, handler, calls, account, zone } = form.dataset;
  const texts = JSON.parse(form.dataset.texts);
  const $ = (id) => document.getElementById(id);
  const steps = [...form.querySelectorAll("fieldset[data-step]")];
  const told = $("told");
  let at = 0;
  let loaded = false;
  const base = form.dataset.edited ? JSON.parse(form.dataset.edited) : null; // what is changed
  let named = base !== null; // by a person, not by us

  form.hidden = false;
  if (base) fill();
  else addAction();
  show(0);

  // ---- the definition

  function actionOf(row) {
    const type = row.querySelector("[data-part=type]").value;
    const values = {};
    for (const field of row.querySelectorAll(`[data-for="${type}"] [data-key]`)) values[field.dataset.key] = field.value.trim();
    if (type === "json") return JSON.parse(values.json);
    const action = { type };
    for (const [key, value] of Object.entries(values)) if (value) action[key] = value;
    if (action.body) {
      try {
        action.body = JSON.parse(action.body);
      } catch {
        // a text, as it stands
      }
    }
    return action;
  }

  function definition() {
    const made = { ...base, name: $("name").value.trim(), on: events() };
    const put = (key, value) => {
      if (value !== "" && !(Array.isArray(value) && value.length === 0)) made[key] = value;
      else delete made[key];
    };
    put("account", base ? base.account ?? "" : account);
    put("project", $("project").value.trim());
    put("when", $("when").value.trim());
    put("after", $("after").value.trim());
    put("cancel_on", [...$("cancel-on").selectedOptions].map((option) => option.value));
    put("cancel_scope", made.cancel_on && $("cancel-contact").checked ? "contact" : "");
    delete made.once_per;
    if ($("once").value) {
      made.once_per = { scope: $("once").value };
      if ($("window").value.trim()) made.once_per.window = $("window").value.trim();
    }
    made.do = [...$("actions").children].map(actionOf);
    if (base || !$("enabled").checked) made.enabled = $("enabled").checked;
    return made;
  }

  // One that is made is for events of one source; one that is changed may be for those of several.
  const events = () => [...form.querySelectorAll(`[data-source]${base ? "" : ":not([hidden])"} [name="on"]:checked`)].map((box) => box.value);

  // ---- what is changed, into the fields

  function fill() {
    const on = new Set(base.on);
    for (const box of form.querySelectorAll('[name="on"]')) box.checked = on.has(box.value);
    const first = form.querySelector('[name="on"]:checked')?.closest("[data-source]").dataset.source;
    if (first) {
      form.querySelector(`[name="source"][value="${first}"]`).checked = true;
      showSource(first);
    }
    for (const [id, value] of Object.entries({
      name: base.name, project: base.project, when: base.when, after: base.after, once: base.once_per?.scope, window: base.once_per?.window,
    })) $(id).value = value ?? "";
    const cancel = new Set(base.cancel_on ?? []);
    for (const option of $("cancel-on").options) {
      option.selected = cancel.delete(option.value);
    }
    for (const other of cancel) $("cancel-on").append(new Option(other, other, true, true)); // of a leg, or of a handler
    $("cancel-contact").checked = base.cancel_scope === "contact";
    $("enabled").checked = form.dataset.enabled === "true";
    base.do.forEach(fillAction);
  }

  // fillAction takes an action into its form, if that has a field for all of it and gives the same again; else as JSON.
  function fillAction(action) {
    const row = addAction();
    const type = row.querySelector("[data-part=type]");
    const fields = new Map();
    if (action.type !== "json") {
      for (const field of row.querySelectorAll(`[data-for="${CSS.escape(action.type)}"] [data-key]`)) fields.set(field.dataset.key, field);
    }
    const { type: kind, ...values } = action;
    const fits = fields.size > 0 && Object.keys(values).every((key) => fields.has(key));
    if (fits) {
      type.value = kind;
      for (const [key, value] of Object.entries(values)) fields.get(key).value = key === "body" && typeof value === "object" ? JSON.stringify(value, null, 2) : value;
      if (Object.entries(values).every(([key, value]) => JSON.stringify(actionOf(row)[key]) === JSON.stringify(value))) {
        showFields(row);
        return;
      }
    }
    type.value = "json";
    row.querySelector('[data-for="json"] [data-key]').value = JSON.stringify(action, null, 2);
    showFields(row);
  }

  function showFields(row) {
    const chosen = row.querySelector("[data-part=type]").value;
    for (const part of row.querySelectorAll("[data-for]")) part.hidden = part.dataset.for !== chosen;
  }

  function showSource(name) {
    for (const group of form.querySelectorAll("[data-source]")) group.hidden = group.dataset.source !== name;
  }

  // ---- steps

  function show(step, quiet = true) {
    at = step;
    steps.forEach((fieldset, i) => (fieldset.hidden = i !== step));
    form.querySelectorAll("[data-mark]").forEach((mark, i) => {
      mark.classList.toggle("done", i < step);
      if (i === step) mark.setAttribute("aria-current", "step");
      else mark.removeAttribute("aria-current");
    });
    $("back").disabled = step === 0;
    $("next").textContent = step === steps.length - 1 ? $("next").dataset.save : $("next").dataset.next;
    const name = steps[step].dataset.step;
    if (name === "options" && !named) $("name").value = events().join("-").replaceAll("_", "-").slice(0, 40);
    if (name === "test" && !loaded) loadCalls();
    if (name === "save") $("definition").textContent = JSON.stringify(shown(definition()), null, 2);
    if (!quiet) steps[step].querySelector("legend").focus();
  }

  // What is looked at may be looked at over a shoulder.
  const shown = (made) => ({ ...made, do: made.do.map((action) => (action.secret ? { ...action, secret: "…" } : action)) });

  function complain(lines) {
    told.replaceChildren(...lines.map(([text, lang]) => {
      const line = document.createElement("p");
      line.textContent = text;
      if (lang) line.lang = lang;
      return line;
    }));
    told.hidden = lines.length === 0;
    if (lines.length > 0) told.focus();
  }

  // missing says what a step lacks, before the server is asked.
  function missing() {
    const name = steps[at].dataset.step;
    if (name === "event" && events().length === 0) return texts.event;
    if (name === "action") {
      if ($("actions").children.length === 0) return texts.action;
      try {
        definition();
      } catch (error) {
        return texts.json.replace("{}", error.message);
      }
    }
    if (name === "options" && !$("name").value.trim()) return texts.name;
    return "";
  }

  // stepOf says on which step a field of the definition is.
  function stepOf(field) {
    const top = field.split(/[.[]/)[0];
    const name = { on: "event", project: "condition", when: "condition", do: "action" }[top] ?? "options";
    return steps.findIndex((fieldset) => fieldset.dataset.step === name);
  }

  function refusedWith(error) {
    if (error.errors?.length > 0) {
      show(stepOf(error.errors[0].field ?? ""));
      complain([[texts.wrong], ...error.errors.map((e) => [`${e.field}: ${e.message}`, "en"])]);
    } else if (error.status === 401 || error.status === 403) {
      complain([[texts.refused.replace("{}", error.message)]]);
    } else if (error.status === 409 && !base) {
      show(stepOf("name"));
      complain([[texts.exists]]);
      $("name").focus();
    } else {
      complain([[texts.failed.replace("{}", error.message)]]);
    }
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const lacks = missing();
    complain(lacks ? [[lacks]] : []);
    if (lacks) return;
    if (at < steps.length - 1) {
      show(at + 1, false);
      return;
    }
    $("next").disabled = true;
    try {
      const made = base
        ? await send("PUT", `/v1/handlers/${encodeURIComponent(base.name)}`, definition())
        : await send("POST", "/v1/handlers", definition());
      location.assign(handler.replace("_", encodeURIComponent(made.name)));
    } catch (error) {
      refusedWith(error);
    } finally {
      $("next").disabled = false;
    }
  });
  $("back").addEventListener("click", () => {
    complain([]);
    show(at - 1, false);
  });

  // ---- fields

  form.addEventListener("change", (event) => {
    const field = event.target;
    if (field.name === "source") {
      showSource(field.value);
    } else if (field.id === "example" && field.value) {
      $("when").value = field.value;
    } else if (field.dataset.part === "type") {
      showFields(field.closest("li"));
    } else if (field.id === "call") {
      $("call-uuid").value = field.value;
    }
  });
  $("name").addEventListener("input", () => (named = true));
  $("add-action").addEventListener("click", () => addAction().querySelector("select").focus());
  $("actions").addEventListener("click", (event) => {
    if (event.target.dataset.part !== "remove") return;
    event.target.closest("li").remove();
    $("add-action").focus();
  });

  function addAction() {
    const row = $("action").content.firstElementChild.cloneNode(true);
    $("actions").append(row);
    return row;
  }

  // ---- trying it on a call that was

  async function loadCalls() {
    loaded = true;
    try {
      const { calls: found } = await send("GET", calls);
      const time = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "medium" });
      $("call").replaceChildren(...found.map((call) => {
        const option = document.createElement("option");
        option.value = call.call_uuid;
        const how = texts[`disposition.${call.disposition}`] ?? call.disposition ?? call.state;
        const number = call.external.number_e164 ?? call.external.number ?? "–";
        option.textContent = `${time.format(Date.parse(call.started_at))} · ${texts[`direction.${call.direction}`] ?? ""} · ${number} · ${how}`;
        return option;
      }));
      if (!$("call-uuid").value) $("call-uuid").value = $("call").value;
    } catch (error) {
      loaded = false;
      complain([[texts.calls.replace("{}", error.message)]]);
    }
  }

  $("try").addEventListener("click", async () => {
    complain([]);
    const out = $("tried");
    out.replaceChildren();
    const made = definition();
    const query = account ? `?account=${encodeURIComponent(account)}` : "";
    try {
      const tried = await send("POST", `/v1/handlers/${encodeURIComponent(made.name)}/test${query}`, {
        call_uuid: $("call-uuid").value.trim(), definition: made,
      });
      const verdict = document.createElement("p");
      verdict.className = `notice ${tried.matches ? "good" : "warn"}`;
      verdict.textContent = tried.matches ? texts.matches : texts.not.replace("{}", tried.reason ?? "");
      out.append(verdict);
      if (tried.fire_at) {
        const later = document.createElement("p");
        later.textContent = texts.later.replace("{}", new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "medium" }).format(Date.parse(tried.fire_at)));
        out.append(later);
      }
      for (const one of [...tried.events, ...tried.requests]) {
        const pre = document.createElement("pre");
        pre.tabIndex = 0;
        const { event_data: _, ...rest } = one; // the record is on the call's page
        pre.textContent = JSON.stringify(rest, null, 2);
        out.append(pre);
      }
      if (tried.matches && tried.events.length + tried.requests.length === 0) {
        const nothing = document.createElement("p");
        nothing.textContent = texts.nothing;
        out.append(nothing);
      }
    } catch (error) {
      refusedWith(error);
    }
  });
}
