package keystore

// workFactor of tests that are not about it: a passphrase that all the world knows.
const workFactor = 6
