// What is wrong with a template, as a sentence for its author.

export class TemplateError extends Error {
  override name = "TemplateError"
}
