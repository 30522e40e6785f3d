// Request and response as JSON beside the cards, and the same call as a curl command.

const place = (name) => document.getElementById(name);
let last = null;

export function showExchange(url, request, outcome) {
  last = { url: new URL(url, location.href).href, request, outcome };
  place("wire-line").textContent = `POST ${url} → ${outcome.status || "no answer"} in ${outcome.ms} ms`;
  place("request").textContent = JSON.stringify(request, null, 2);
  place("response").textContent = outcome.body === null ? "(no JSON)" : JSON.stringify(outcome.body, null, 2);
}

/** The body is one line of JSON, so the closing word of the here-document cannot stand in it. */
export function asCurl(url, request) {
  return `curl -s '${url}' -H 'Content-Type: application/json' --data-binary @- <<'END_OF_REQUEST'\n${JSON.stringify(request)}\nEND_OF_REQUEST\n`;
}

export function wireButtons() {
  place("copy-curl").addEventListener("click", () => last && copy(asCurl(last.url, last.request), "curl command"));
  place("copy-response").addEventListener("click", () => last && copy(JSON.stringify(last.outcome.body, null, 2), "response"));
}

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    place("copied").textContent = `Copied: ${what}.`;
  } catch {
    place("copied").textContent = "The browser allows no copying here; select the text below instead.";
  }
}
