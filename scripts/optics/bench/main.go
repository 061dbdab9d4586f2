// Command bench measures the optical link in one run: readers on the same
// pictures, codes at the same losses, whole transfers through the simulated
// camera. Machines are noisy: what counts are the ratios. It never fails because
// of a figure.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
)

func main() {
	quick := flag.Bool("quick", false, "read every 8th picture only, and film less")
	only := flag.String("only", "", "run one part: "+names())
	flag.Parse()
	fmt.Printf("optical link, simulated camera; %d cores, %s\n", runtime.GOMAXPROCS(0), runtime.Version())
	for _, p := range parts() {
		if *only != "" && *only != p.name {
			continue
		}
		fmt.Printf("\n%s\n", p.title)
		if err := p.run(*quick); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", p.name+":", err)
			os.Exit(1)
		}
	}
}

type part struct {
	name, title string
	run         func(quick bool) error
}

func parts() []part {
	return []part{
		{"reading", "Reading the fixed set: exact payload read, mean ms a picture (files loaded beforehand)", reading},
	}
}

func names() (all string) {
	for i, p := range parts() {
		if i > 0 {
			all += ", "
		}
		all += p.name
	}
	return all
}
