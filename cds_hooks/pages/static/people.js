// The list of patients: a search box that hides what does not have every word; on a narrow screen the groups are folded until asked for.

const NARROW = "(max-width: 56rem)";

export function searchPeople() {
  const box = document.getElementById("people-search");
  if (!box) return;
  box.hidden = false;
  const groups = [...document.querySelectorAll(".people-group")];
  const unfold = (open) => groups.forEach((group) => (group.open = open));
  if (matchMedia(NARROW).matches) unfold(false);
  box.addEventListener("input", () => {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const group of groups) {
      const items = [...group.querySelectorAll("li")];
      for (const item of items) item.hidden = !words.every((word) => item.dataset.text.includes(word));
      const left = items.filter((item) => !item.hidden).length;
      group.hidden = left === 0;
      found += left;
    }
    unfold(words.length > 0 || !matchMedia(NARROW).matches);
    document.getElementById("people-found").textContent = words.length === 0 ? "" : found === 1 ? "1 patient found." : `${found} patients found.`;
  });
}
