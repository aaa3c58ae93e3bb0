// Parts of our own pages, fetched as documents: the browser reads them, no script makes markup from a string.
export function fetchPage(address) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", address);
    request.responseType = "document";
    request.addEventListener("load", () => {
      if (request.status === 200 && request.response) resolve(request.response);
      else reject(new Error(`${address}: ${request.status}`));
    });
    request.addEventListener("error", () => reject(new Error(address)));
    request.send();
  });
}

/** Put the elements with these ids from another page in the place of ours. */
export function swap(page, ids) {
  for (const id of ids) {
    const [theirs, ours] = [page.getElementById(id), document.getElementById(id)];
    if (theirs && ours) ours.replaceWith(document.importNode(theirs, true));
  }
}
