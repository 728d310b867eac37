// The version that clients compare: the version of the interface, then our own.

export const buildVersion = "v2.36.0+dormouse.0.1.0"
