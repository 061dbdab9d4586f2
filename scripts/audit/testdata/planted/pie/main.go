// Pie is built for a loader to place.
package main

import "fmt"

func main() {
	fmt.Println("hello")
}
