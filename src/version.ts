// The version that clients compare (api.md 2.1): that of the interface we speak, then our own.

export const buildVersion = "v2.36.0+dormouse.0.1.0"
