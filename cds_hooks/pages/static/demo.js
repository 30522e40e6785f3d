// The demo EHR: fires hooks as an EHR would, and shows what comes back.

import { getJson, postForHtml, postJson } from "./call.js";
import { wireCards } from "./cards.js";
import { collection, nameOf, referenceOf, Session } from "./session.js";
import { searchPeople } from "./people.js";
import { showExchange, wireButtons } from "./wire.js";

const place = (name) => document.getElementById(name);
const session = Session.ofPage();
let latest = 0;

/** Call one service; only the answer to the latest call is shown. */
async function fire(hook, extra = {}) {
  latest += 1;
  const mine = latest;
  const url = session.url(hook);
  const request = session.request(hook, extra);
  say(`Asking ${hook} …`);
  const outcome = await postJson(url, request);
  if (mine !== latest) return;
  showExchange(url, request, outcome);
  if (outcome.body === null) return fail(hook, outcome, "There was no readable answer.");
  const html = await postForHtml("/demo/cards", { request, status: outcome.status, answer: outcome.body });
  if (mine !== latest) return;
  if (html === null) return fail(hook, outcome, "The answer came, but this page could not show it; see the response below.");
  const cards = place("cards");
  cards.innerHTML = html; // made by our own server, everything escaped
  const count = outcome.body.cards?.length ?? 0;
  say(outcome.status === 200 ? `${hook}: ${count === 0 ? "no cards" : count === 1 ? "1 card" : `${count} cards`}, ${outcome.ms} ms` : `${hook}: error`);
  if (outcome.status === 200) wireCards(cards, outcome.body, url, follow);
}

function say(text) {
  place("status").textContent = text;
}

function fail(hook, outcome, why) {
  const box = document.createElement("div");
  box.className = "error";
  box.setAttribute("role", "alert");
  const status = outcome.status ? `HTTP ${outcome.status}` : "no connection";
  box.textContent = `Error (${status}). ${why} This is not "no cards": nothing can be concluded from it.`;
  place("cards").replaceChildren(box);
  say(`${hook}: error`);
}

/** An accepted suggestion changes the unsigned orders, as in an EHR. */
function follow(suggestion) {
  for (const action of suggestion.actions ?? []) {
    if (action.type === "create" && action.resource) session.add(action.resource);
    if (action.type === "update" && action.resource) session.replace(action.resource);
    if (action.type === "delete") for (const id of [action.resourceId].flat()) session.remove(id);
  }
  listDrafts();
}

function listDrafts() {
  const items = session.drafts.map((resource) => {
    const item = document.createElement("li");
    const label = document.createElement("span");
    label.textContent = `${nameOf(resource)} (${resource.resourceType})`;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Remove";
    button.setAttribute("aria-label", `Remove ${nameOf(resource)}`);
    button.addEventListener("click", () => {
      session.remove(referenceOf(resource));
      listDrafts();
      place("sign").focus();
    });
    item.append(label, " ", button);
    return item;
  });
  if (items.length === 0) {
    const none = document.createElement("li");
    none.className = "small";
    none.textContent = "None.";
    items.push(none);
  }
  place("drafts").replaceChildren(...items);
}

/** order-select and order-sign need orders; without any there is nothing to ask about. */
function fireOrders(hook, selected) {
  const orders = session.orders;
  if (orders.length === 0) return say("There is no unsigned order. Choose one from the list first.");
  const chosen = hook === "order-select" ? { selections: selected ?? orders.map(referenceOf) } : {};
  return fire(hook, { draftOrders: collection(orders), ...chosen });
}

const ADDED = {
  orders: (resource) => {
    const kept = session.add(resource);
    listDrafts();
    return fireOrders("order-select", [referenceOf(kept)]);
  },
  conditions: (resource) => fire("problem-list-item-create", { conditions: collection([{ ...resource, id: "problem-new" }]) }),
  appointments: (resource) => fire("appointment-book", { appointments: collection(resource ? [visit(resource)] : proposedVisits()) }),
};

function proposedVisits() {
  const proposed = session.drafts.filter((one) => one.resourceType === "Appointment");
  const participant = [{ actor: { reference: `Patient/${session.patient}` }, status: "needs-action" }];
  return proposed.length ? proposed : [visit({ resourceType: "Appointment", status: "proposed", participant })];
}

function visit(resource) {
  const start = new Date(Date.now() + 7 * 86400000);
  return { ...resource, id: "appointment-new", start: start.toISOString(), end: new Date(start.getTime() + 1800000).toISOString() };
}

async function add(form) {
  const [kind, concept] = form.elements.choice.value.split(" ");
  if (!kind) return ADDED[form.dataset.add](null);
  const route = form.elements.route?.value ?? "";
  const asked = new URLSearchParams({ kind, concept, route, patient: session.patient });
  try {
    const resource = await getJson(`/demo/draft?${asked}`);
    return await ADDED[form.dataset.add](resource);
  } catch (error) {
    return say(`The order could not be written (${error.message}).`);
  }
}

searchPeople();
if (session) {
  wireButtons();
  listDrafts();
  for (const form of document.querySelectorAll("form[data-add]")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      add(form);
    });
  }
  for (const button of document.querySelectorAll("button[data-hook]")) button.addEventListener("click", () => fire(button.dataset.hook));
  place("check-drafts").addEventListener("click", () => fireOrders("order-select"));
  place("sign").addEventListener("click", () => fireOrders("order-sign"));
  fire("patient-view");
}
