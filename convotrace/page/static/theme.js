// Runs before the first paint: the stored choice of light or dark, and the mark that scripts are on.
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  try {
    const theme = localStorage.getItem("convotrace.theme");
    if (theme === "dark" || theme === "light") root.classList.add(theme);
    if (localStorage.getItem("convotrace.keys") === "off") root.classList.add("nokeys");
  } catch { /* Storage may be forbidden: the system's choice holds. */ }
})();
