// Copying: links and ids, with a word at the bottom right when it is done.
let hide = 0;

export function say(words) {
  const toast = document.getElementById("toast");
  toast.textContent = words;
  toast.classList.add("on");
  clearTimeout(hide);
  hide = setTimeout(() => toast.classList.remove("on"), 4000);
}

export async function copy(text, words) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Plain http on another machine has no clipboard: the old way needs a selection.
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "hid";
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  say(words);
}
