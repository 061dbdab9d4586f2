// Package faults has the shipped programs meet a disk that fails: strace makes the
// n-th write, flush or renaming of a command fail, for each n, and what follows must
// be what would have been without it (ATT-98, ATT-117).
package faults
