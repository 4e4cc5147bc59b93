"use strict";
(() => {
  const find = (selector) => Array.from(document.querySelectorAll(selector));
  const search = document.getElementById("search");
  const count = document.getElementById("count");
  const boxes = find(".tools input[type=checkbox]");
  const calls = find(".call").map((element) => ({
    element, state: element.dataset.state, text: element.textContent.toLowerCase() + " " + element.dataset.path.toLowerCase(),
  }));
  const modules = find(".module").reverse();  // children before parents

  // Every word must occur somewhere in the call's text.
  const apply = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter((word) => word);
    const states = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    let shown = 0;
    for (const call of calls) {
      const matches = states.has(call.state) && words.every((word) => call.text.includes(word));
      call.element.hidden = !matches;
      if (matches) ++shown;
    }
    const filtered = words.length > 0 || states.size < boxes.length;
    for (const module of modules) {
      const inside = module.querySelector(":scope > .inside");
      const alive = Array.from(inside.children).some((child) => !child.hidden);
      module.hidden = filtered && !alive;
      if (filtered && alive && words.length > 0) module.open = true;
    }
    count.textContent = shown + " of " + calls.length + " calls";
  };
  const setAll = (open) => { for (const module of modules) module.open = open || module.dataset.path === ""; };
  const themes = ["auto", "light", "dark"];
  const theme = document.getElementById("theme");
  const setTheme = (name) => {
    if (name === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = name;
    theme.dataset.now = name;
    theme.textContent = "Theme: " + name;
  };
  theme.addEventListener("click", () => setTheme(themes[(themes.indexOf(theme.dataset.now) + 1) % themes.length]));
  document.getElementById("open-all").addEventListener("click", () => setAll(true));
  document.getElementById("close-all").addEventListener("click", () => setAll(false));
  search.addEventListener("input", apply);
  for (const box of boxes) box.addEventListener("change", apply);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== search) {
      event.preventDefault();
      search.focus();
    } else if (event.key === "Escape" && document.activeElement === search) {
      search.value = "";
      apply();
    } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && document.activeElement.tagName === "SUMMARY") {
      event.preventDefault();
      const stops = find(".tree summary").filter((one) => one.offsetParent !== null);
      const next = stops[stops.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1)];
      if (next) next.focus();
    }
  });
  setTheme("auto");
  apply();
})();
