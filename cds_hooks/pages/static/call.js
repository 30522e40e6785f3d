// Calls over HTTP, each with a plain outcome: status, parsed body, time taken. A network failure is an outcome too, never silence.

export async function postJson(url, body) {
  const started = performance.now();
  try {
    const response = await fetch(url, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    const text = await response.text();
    const ms = Math.round(performance.now() - started);
    try {
      return { status: response.status, body: JSON.parse(text), ms };
    } catch {
      return { status: response.status, body: null, ms };
    }
  } catch {
    return { status: 0, body: null, ms: Math.round(performance.now() - started) };
  }
}

/** A part of the page, made by the server with everything escaped; null when it could not be had. */
export async function postForHtml(url, body) {
  try {
    const response = await fetch(url, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    return response.ok ? await response.text() : null;
  } catch {
    return null;
  }
}

export async function getJson(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return response.json();
}
