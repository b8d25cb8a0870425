// Opens cited passages in the panel; registered once, survives re-rendering of the component.
const panel = element;
if (!window.tutorPanel) {
  window.tutorPanel = { open: null };
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest('a[href*="#cite-"]');
    if (!link) return;
    event.preventDefault();
    event.stopPropagation();
    window.tutorPanel.open(link.getAttribute("href").split("#cite-")[1]);
  }, true);
}
async function draw(root) {
  const blocks = root.querySelectorAll("pre.mermaid:not([data-drawn])");
  if (!blocks.length) return;
  const loaded = await import("@MERMAID@");
  const mermaid = loaded.default || Object.values(loaded).find((v) => v && v.render && v.initialize);
  const dark = document.body.classList.contains("dark");
  mermaid.initialize({ startOnLoad: false, securityLevel: "strict", theme: dark ? "dark" : "neutral" });
  let n = 0;
  for (const block of blocks) {
    block.dataset.drawn = "1";
    try {
      const { svg } = await mermaid.render("diagram-" + Date.now() + "-" + n++, block.textContent);
      const figure = document.createElement("figure");
      figure.className = "diagram";
      figure.innerHTML = svg;
      block.replaceWith(figure);
    } catch (error) { block.classList.add("plain"); }
  }
}
window.tutorPanel.open = async (target) => {
  const html = await server.passage(target);
  if (!html) return;
  props.value = { html };
  await new Promise((done) => setTimeout(done, 60));
  const root = document.querySelector("#panel");
  root.classList.add("open");
  const mark = root.querySelector("mark");
  const title = root.querySelector("h3");
  if (title) title.focus({ preventScroll: true });
  const small = window.matchMedia("(max-width: 900px)").matches;
  if (small) root.scrollIntoView({ block: "start" });
  const box = root.querySelector(".page") || root;
  if (mark) mark.scrollIntoView({ block: "center" }); else box.scrollTop = 0;
  await draw(root);
  if (mark) mark.scrollIntoView({ block: "center" });
};
