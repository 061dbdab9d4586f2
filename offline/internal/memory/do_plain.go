//go:build !goexperiment.runtimesecret

package memory

import "runtime"

// Erases says whether Do erases what f leaves.
const Erases = false

// Do runs f. This build does not erase what f leaves: build with
// GOEXPERIMENT=runtimesecret, as "make build" does.
func Do(f func()) { f() }

// Collect runs the collector.
func Collect() { runtime.GC() }
