// Shows the OpenAPI document of this deployment in the viewer that the page loads beside it.
// oxlint-disable-next-line no-undef -- the viewer is a script of its own
globalThis.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#reference",
  deepLinking: true,
  docExpansion: "none",
  filter: true,
  tagsSorter: "alpha",
  // Nothing is sent to a validator elsewhere.
  validatorUrl: null,
})
