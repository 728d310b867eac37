// What an icon or an avatar may be: an http(s) URL, a path or a name.
//
// A browser of any viewer loads it, so no text with another scheme is stored.
export const picturePattern = /^(https?:\/\/\S+|[^:]*)$/i
export const pictureError = "must be an http or https URL, or a path"
