// The page at /cli-auth: shows a session token to paste into a terminal or an editor.
//
// A person who is not signed in signs in first.
import type { Handler } from "hono"
import { html, raw } from "hono/html"
import type { AppEnv } from "../platform/http/env.ts"
import { contentPolicy } from "./content-policy.ts"

const style = `
body { font: 16px/1.5 system-ui, sans-serif; max-width: 30rem; margin: 4rem auto; padding: 0 1rem }
label { display: block; margin: .75rem 0 }
input { width: 100%; padding: .5rem; font: inherit; box-sizing: border-box }
button { padding: .5rem 1rem; font: inherit }
code { display: block; padding: 1rem; background: #8882; word-break: break-all }
[hidden] { display: none }
`

const script = `const $=(id)=>document.getElementById(id)
const post=(path,body)=>fetch("/api/v2"+path,{
  method:"POST",
  headers:{"Content-Type":"application/json"},
  body:body?JSON.stringify(body):undefined,
})
async function show(){
  const answer=await post("/users/me/keys")
  if(!answer.ok)return false
  $("token").textContent=(await answer.json()).key
  $("sign-in").hidden=true;$("result").hidden=false
  return true
}
$("sign-in").addEventListener("submit",async(event)=>{
  event.preventDefault()
  $("problem").textContent=""
  const answer=await post("/users/login",{email:$("email").value,password:$("password").value})
  if(!answer.ok)$("problem").textContent=(await answer.json()).message
  else await show()
})
$("copy").addEventListener("click",()=>navigator.clipboard.writeText($("token").textContent))
if(document.cookie.includes("csrf_token="))await show()`

export const cliAuthPage: Handler<AppEnv> = (c) => {
  const nonce = crypto.randomUUID()
  const policy = contentPolicy({ style: `'nonce-${nonce}'`, script: `'nonce-${nonce}'` })
  c.header("Content-Security-Policy", policy)
  c.header("Cache-Control", "no-store")
  return c.html(
    html`<!doctype html>
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <title>Your session token</title>
          <style nonce="${nonce}">
            ${raw(style)}
          </style>
        </head>
        <body>
          <h1>Session token</h1>
          <form id="sign-in">
            <label>E-mail <input id="email" type="email" autocomplete="username" required /></label>
            <label
              >Password
              <input id="password" type="password" autocomplete="current-password" required
            /></label>
            <button>Sign in</button>
            <p id="problem" role="alert"></p>
          </form>
          <section id="result" hidden>
            <p>Paste this where you were asked for it. It works for a week after its last use.</p>
            <code id="token"></code>
            <p><button id="copy" type="button">Copy</button></p>
          </section>
          <script type="module" nonce="${nonce}">
            ${raw(script)}
          </script>
        </body>
      </html>`,
  )
}
