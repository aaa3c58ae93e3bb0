// What this browser remembers; where storage is forbidden, it forgets.
export function remember(name, value) {
  try {
    localStorage.setItem(`convotrace.${name}`, value);
  } catch { /* forbidden */ }
}
