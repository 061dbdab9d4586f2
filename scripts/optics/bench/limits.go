package main

import (
	"fmt"
	"slices"

	"coldsign/scripts/optics"
)

// limits goes through the sweeps: how far each reader follows one factor.
func limits(quick bool) error {
	n := 16
	if quick {
		n = 4
	}
	all := contestants(false)
	fmt.Printf("%-28s", fmt.Sprintf("%d pictures each", n))
	for _, c := range all {
		fmt.Printf(" %18.18s", c.name)
	}
	fmt.Println()
	const smallestOf = "pixels a module, V40"
	smallest, over := make([]float64, len(all)), make([]bool, len(all))
	for _, sweep := range optics.Sweeps(n) {
		for _, p := range slices.Backward(sweep.Points) {
			shots := take(p.Cases)
			fmt.Printf("%-28s", fmt.Sprintf("%s %g", sweep.Name, p.Value))
			for i, c := range all {
				s, err := c.run(shots)
				if err != nil {
					return err
				}
				var t tally
				t.add(s)
				fmt.Printf(" %18.0f", t.percent())
				if sweep.Name == smallestOf && !over[i] {
					if over[i] = t.percent() < 95; !over[i] {
						smallest[i] = p.Value
					}
				}
			}
			fmt.Println()
		}
	}
	fmt.Printf("%-28s", "smallest V40 read >= 95 %")
	for _, size := range smallest {
		if size == 0 {
			fmt.Printf(" %18s", "none")
			continue
		}
		fmt.Printf(" %18g", size)
	}
	fmt.Println()
	return nil
}
