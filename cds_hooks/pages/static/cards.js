// Cards on the page: accept a suggestion, dismiss with a reason, and tell the service with real feedback.

import { postJson } from "./call.js";

const DISMISSING = ".dismiss select, .dismiss input, .dismiss button";
const ANSWERING = `.accept, ${DISMISSING}`;

/** Wire the cards of one answer. `changed` is told which suggestion was accepted, so that the orders follow. */
export function wireCards(root, answer, url, changed) {
  const cards = new Map((answer.cards ?? []).map((card) => [card.uuid, card]));
  for (const element of root.querySelectorAll(".card")) {
    const card = cards.get(element.dataset.card);
    if (!card) continue;
    for (const button of element.querySelectorAll(".accept")) {
      const suggestion = (card.suggestions ?? []).find((one) => one.uuid === button.dataset.suggestion);
      if (suggestion) button.addEventListener("click", () => accept(element, card, suggestion, url, changed));
    }
    const form = element.querySelector(".dismiss");
    form?.addEventListener("submit", (event) => {
      event.preventDefault();
      dismiss(element, card, form, url);
    });
  }
}

/** Where the card allows any number of suggestions, the others stay open, and each report names all that were accepted so far. */
async function accept(element, card, suggestion, url, changed) {
  const taken = [...element.querySelectorAll(".accept.taken")].map((button) => button.dataset.suggestion);
  const report = { card: card.uuid, outcome: "accepted", acceptedSuggestions: [...taken, suggestion.uuid].map((id) => ({ id })) };
  if (!(await send(element, report, url, `Accepted: ${suggestion.label}.`))) return;
  const button = element.querySelector(`.accept[data-suggestion="${suggestion.uuid}"]`);
  button.classList.add("taken");
  close(element, card.selectionBehavior === "any" ? [button, ...element.querySelectorAll(DISMISSING)] : element.querySelectorAll(ANSWERING));
  changed(suggestion);
}

async function dismiss(element, card, form, url) {
  const report = { card: card.uuid, outcome: "overridden" };
  const chosen = form.elements.reason.value;
  const comment = form.elements.comment.value.trim();
  if (chosen !== "" || comment) {
    report.overrideReason = {};
    if (chosen !== "") report.overrideReason.reason = card.overrideReasons[Number(chosen)];
    if (comment) report.overrideReason.userComment = comment;
  }
  if (await send(element, report, url, "Dismissed.")) close(element, element.querySelectorAll(ANSWERING));
}

async function send(element, report, url, said) {
  const feedback = { feedback: [{ ...report, outcomeTimestamp: new Date().toISOString() }] };
  const outcome = await postJson(`${url}/feedback`, feedback);
  const place = element.querySelector(".outcome");
  const stored = outcome.status === 200;
  place.classList.toggle("failed", !stored);
  place.textContent = stored
    ? `${said} Feedback stored by the service.`
    : `Feedback was not stored (${outcome.status ? `HTTP ${outcome.status}` : "no answer"}). Try again.`;
  return stored;
}

function close(element, controls) {
  element.classList.add("done");
  for (const control of controls) control.disabled = true;
}
