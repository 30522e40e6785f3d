// A printed rule page holds everything: what is folded opens for the printer and folds again after.

const folded = () => [...document.querySelectorAll("details:not([open])")];
let opened = [];

addEventListener("beforeprint", () => {
  opened = folded();
  for (const one of opened) one.open = true;
});
addEventListener("afterprint", () => {
  for (const one of opened) one.open = false;
  opened = [];
});

const button = document.getElementById("print");
button.hidden = false;
button.addEventListener("click", () => print());
