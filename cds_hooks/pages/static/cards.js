// Cards on the page: accept a suggestion, dismiss with a reason, and tell the service with real feedback.

import { postJson } from "./call.js";

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

async function accept(element, card, suggestion, url, changed) {
  const report = { card: card.uuid, outcome: "accepted", acceptedSuggestions: [{ id: suggestion.uuid }] };
  if (await send(element, report, url, `Accepted: ${suggestion.label}.`)) changed(suggestion);
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
  await send(element, report, url, "Dismissed.");
}

async function send(element, report, url, said) {
  const feedback = { feedback: [{ ...report, outcomeTimestamp: new Date().toISOString() }] };
  const outcome = await postJson(`${url}/feedback`, feedback);
  const place = element.querySelector(".outcome");
  if (outcome.status !== 200) {
    place.textContent = `Feedback was not stored (${outcome.status ? `HTTP ${outcome.status}` : "no answer"}). Try again.`;
    return false;
  }
  place.textContent = `${said} Feedback stored by the service.`;
  element.classList.add("done");
  for (const control of element.querySelectorAll(".accept, .dismiss select, .dismiss input, .dismiss button")) control.disabled = true;
  return true;
}
