// Before anything is painted, so that the page never flashes in the other theme.
"use strict";
(() => {
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // Without storage the page looks as the system says.
  }
})();
