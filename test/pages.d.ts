// Pages of docs/ as text, for tests that hold a page to what it describes.
declare module "*.md?raw" {
  const text: string
  export default text
}
