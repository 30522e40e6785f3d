// The vignettes of a rule are run when its page is read, not before it is shown, a few with each request. Without this module a link does it.

const place = document.getElementById("vignettes");
const link = place.querySelector(`a[href="${place.dataset.from}"]`);

if (link) run();

async function run() {
  const line = link.parentElement;
  line.setAttribute("role", "status");
  line.textContent = "Running them ...";
  try {
    let results, more;
    do {
      const answer = await fetch(place.dataset.from);
      if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
      results = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("results");
      more = results.querySelector(`a[href="${place.dataset.from}"]`);
    } while (more);
    const old = [...place.children].filter((one) => one.tagName !== "H2" && one !== line);
    for (const one of old) one.remove();
    place.append(...results.children);
    line.textContent = "Run on this service.";
  } catch (error) {
    line.replaceChildren(`They could not be run (${error.message}). `, link);
  }
}
