//go:build goexperiment.runtimesecret

package memory

import (
	"runtime"
	"runtime/secret"
)

// Erases says whether Do erases what f leaves.
const Erases = true

// Do runs f and erases what it leaves in registers, on the stack and, at the next
// collections, on the heap (runtime/secret). It does not follow goroutines that f
// starts. What f gives out goes into memory that its caller owns.
func Do(f func()) { secret.Do(f) }

// Collect has the collector erase what Do left on the heap.
func Collect() {
	for range 3 { // caches with cleanups or weak pointers let go one collection later
		runtime.GC()
	}
}
