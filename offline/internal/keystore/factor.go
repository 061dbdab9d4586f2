package keystore

// workFactor is scrypt's log2 N for new files: about a second.
const workFactor = 18
