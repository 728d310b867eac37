// The content security policy of our own pages: nothing from elsewhere, nothing inline.

type Sources = { script?: string; style?: string; image?: string }

export function contentPolicy({ script = "'self'", style = "'self'", image = "'self'" }: Sources) {
  return [
    "default-src 'none'",
    `script-src ${script}`,
    `style-src ${style}`,
    `img-src ${image}`,
    "connect-src 'self'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join("; ")
}
