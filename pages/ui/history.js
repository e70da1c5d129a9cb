// One thing that a person does is one step in the browser's history.
//
// Streamlit tells the browser the page and its query apart, in either order: one click may push two addresses, and one
// of them names what does not exist, such as this page with the next one's query. Whoever went back to that was sent
// forward again, and could never leave. So whatever follows a push, before anything is done again, takes its place; and
// so does the page after its query, since a person may click before it comes.
(() => {
  const pushState = history.pushState.bind(history);
  const replaceState = history.replaceState.bind(history);
  let isDone = true; // what a person did last has its step
  let query = null; // what alone was other in the last step

  history.pushState = (state, unused, url) => {
    const from = new URL(location.href);
    const to = new URL(url, from);
    const isSamePage = to.pathname === from.pathname;
    (isDone || (!isSamePage && to.search === query) ? replaceState : pushState)(state, unused, url);
    isDone = true;
    query = isSamePage && to.search ? to.search : null;
  };
  for (const act of ["pointerdown", "keydown", "change", "drop"]) {
    addEventListener(act, (event) => { if (event.isTrusted) isDone = false; }, { capture: true, passive: true });
  }
  addEventListener("popstate", () => { isDone = true; query = null; }, { capture: true });
})();
