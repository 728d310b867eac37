// What /docs looks like, and the little that it does where scripts run: it filters, and opens what a link points to.

export const docsStyle = `
  :root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
  body { margin: 0; display: grid; grid-template-columns: 15rem 1fr; }
  nav { position: sticky; top: 0; height: 100vh; overflow: auto; padding: 1rem; box-sizing: border-box; border-right: 1px solid #8884; }
  nav ul { padding: 0; list-style: none; }
  nav input { width: 100%; box-sizing: border-box; padding: .3rem; font: inherit; }
  main { padding: 1rem 2rem 4rem; min-width: 0; max-width: 70rem; }
  a { color: #27c; } h4 { margin: .8rem 0 .2rem; }
  summary { cursor: pointer; padding: .25rem 0; }
  summary span { opacity: .75; margin-left: .4rem; }
  main > section > details { border-bottom: 1px solid #8883; }
  main > section > details[open] { padding-bottom: 1rem; }
  pre { background: #8881; padding: .75rem; overflow: auto; font-size: 13px; margin: .3rem 0; max-height: 30rem; }
  .said { font-size: 13px; opacity: .75; }
  .example > summary { font-size: 13px; }
  table { border-collapse: collapse; width: 100%; } th, td { text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0; }
  th { width: 1%; white-space: nowrap; } td { max-width: 0; }
  b { display: inline-block; min-width: 4.2rem; font-size: 12px; }
  .get { color: #2a7; } .post { color: #27c; } .put, .patch { color: #b70; } .delete { color: #c33; }
  @media (prefers-color-scheme: dark) { a { color: #7ae; } }
  @media (max-width: 45rem) { body { display: block; } nav { position: static; height: auto; } main { padding: 1rem; } }
`

export const docsScript = `
  const open = () => {
    const target = document.getElementById(location.hash.slice(1))
    if (target?.tagName === "DETAILS") { target.open = true; target.scrollIntoView() }
  }
  addEventListener("hashchange", open)
  open()
  document.getElementById("filter").addEventListener("input", ({ target }) => {
    const wanted = target.value.toLowerCase()
    for (const block of document.querySelectorAll("main > section > details")) {
      block.hidden = !block.querySelector("summary").textContent.toLowerCase().includes(wanted)
    }
    for (const section of document.querySelectorAll("main > section[id]")) {
      section.hidden = section.querySelector("details:not([hidden])") === null
    }
  })
`
