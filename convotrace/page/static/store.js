// What this browser remembers; where storage is forbidden, it forgets.
export function remember(name, value, storage = () => localStorage) {
  try {
    storage().setItem(`convotrace.${name}`, value);
  } catch { /* forbidden, or full */ }
}

export function recall(name, storage = () => localStorage) {
  try {
    return storage().getItem(`convotrace.${name}`);
  } catch {
    return null;
  }
}

export const tab = () => sessionStorage;
