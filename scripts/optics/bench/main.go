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
	half := flag.String("side", "", "internal: one side of the 10 MB")
	file := flag.String("file", "", "internal: where that side puts or finds the frames")
	length := flag.Int("frame", 0, "internal: the length of a frame")
	flag.Parse()
	if *half != "" {
		if err := side(*half, *file, *length); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
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
		{"reading", "Reading the fixed set: exact payload read, mean ms of CPU a picture (loading of files taken off)", reading},
		{"limits", "One factor at a time, 1080p: % read", limits},
		{"goodput", "Native frames of random bytes through the camera: 1080p, 30 pictures/s, grade A, held by hand", goodput},
		{"transfers", "Bundles of 100 requests through the same camera", transfers},
		{"bulk", "10 MB in native frames, without optics", bulk},
		{"codes", "Frames that must be shown for 50/95/99 % of the readers to be done", needed},
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
