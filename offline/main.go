// Command coldsign-offline holds the keys: it shows what a bundle of requests
// would do, applies the policy, and signs. It contains no network stack.
package main

import (
	"os"

	"coldsign/offline/internal/harden"
	"coldsign/shared/cli"
)

func main() { os.Exit(start(os.Args[1:])) }

// start shuts the process's memory to others before anything else is done.
func start(args []string) int {
	stderr, err := harden.Start()
	if err != nil {
		return cli.Report(os.Stderr, err)
	}
	return run(args, os.Stdin, os.Stdout, stderr, os.Getenv, harden.Wall)
}
