// Command coldsign-offline holds the keys: it shows what a bundle of requests
// would do, applies the policy, and signs. It contains no network stack.
package main

import "os"

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv))
}
