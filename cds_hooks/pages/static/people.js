// The search box above the list of patients: hides what does not have every word.

export function searchPeople() {
  const box = document.getElementById("people-search");
  if (!box) return;
  box.hidden = false;
  const groups = [...document.querySelectorAll(".people-group")];
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
    document.getElementById("people-found").textContent = words.length === 0 ? "" : found === 1 ? "1 patient found." : `${found} patients found.`;
  });
}
