// Switching handlers on and off, and removing them after a question.
import { send } from "./api.js";

const { failed, refused, list } = document.getElementById("handlers").dataset;
const told = document.getElementById("told");
const confirm = document.getElementById("confirm");
let name = "";

async function attempt(work, after) {
  told.hidden = true;
  try {
    await work();
    after();
  } catch (error) {
    told.textContent = (error.status === 401 || error.status === 403 ? refused : failed).replace("{}", error.message);
    told.hidden = false;
  }
}

const path = (of) => `/v1/handlers/${encodeURIComponent(of)}`;

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.switch) {
    attempt(() => send("PATCH", path(button.dataset.switch), { enabled: button.dataset.to === "true" }), () => location.reload());
  } else if (button.dataset.delete) {
    name = button.dataset.delete;
    document.getElementById("confirm-name").textContent = name;
    confirm.showModal();
  } else if (button.id === "confirm-no") {
    confirm.close();
  } else if (button.id === "confirm-yes") {
    confirm.close();
    attempt(() => send("DELETE", path(name)), () => (list ? location.assign(list) : location.reload()));
  }
});
