package main

import (
	"fmt"
	"os/exec"
	"strings"
)

// rules measures the policy: 10,000 requests, 1,000 rules, an address book of 100,000
// entries. The package is internal to the offline half, so its own benchmark runs.
func rules() error {
	out, err := exec.Command("go", "test", "-run", "none", "-bench", "Large", "coldsign/offline/internal/policy").Output()
	if err != nil {
		return err
	}
	fmt.Println("\npolicy, 1,000 rules and an address book of 100,000 entries (bound: 1 s together)")
	for _, line := range strings.Split(string(out), "\n") {
		name, rest, ok := strings.Cut(line, "\t")
		if !ok || !strings.HasPrefix(name, "BenchmarkLarge/") {
			continue
		}
		var n int
		var ns float64
		if _, err := fmt.Sscan(rest, &n, &ns); err != nil {
			return err
		}
		name, _, _ = strings.Cut(strings.TrimPrefix(name, "BenchmarkLarge/"), "-")
		fmt.Printf("  %-44s %8.0f ms\n", strings.ReplaceAll(name, "_", " "), ns/1e6)
	}
	return nil
}
