// Clean is what the audit must let pass.
package main

import "fmt"

func main() {
	fmt.Println("hello")
}
